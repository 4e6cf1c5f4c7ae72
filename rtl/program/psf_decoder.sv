// SPDX-License-Identifier: Apache-2.0
//
// Checks descriptors and turns them into loads and items (layers, stores, ends of jobs), each with a
// target that counts from the beginning of the run, modulo 2^CountWidth. A load may start when the completed
// layers (load_by_layers_o) or items have reached its target: wait_layers of its job or, if that is
// 0, wait_previous items of the job before, at most all of them. An item needs completed loads:
// wait_loads of its job for a layer, all before it for a store or an end.
// Two cycles per descriptor. A fault holds until reset. Descriptors behind an OP_END are taken and
// forgotten; the end leaves with the last of them. Nothing is pushed while stop_i.

module psf_decoder #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned CountWidth = 18,
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus
    localparam int unsigned ItemWidth = $bits(psf_pkg::layer_t)
) (
    input logic clk_i,
    input logic rst_ni,  // of the run
    input logic stop_i,
    input logic [63:3] weight_base_i,
    input logic desc_valid_i,
    output logic desc_ready_o,
    input psf_control_pkg::descriptor_t desc_i,
    output logic fault_valid_o,  // of the descriptor at hand
    output psf_control_pkg::fault_t fault_o,
    // Valid and ready in one cycle push.
    output logic load_valid_o,
    input logic load_ready_i,
    output logic load_by_layers_o,
    output logic [CountWidth-1:0] load_target_o,
    output psf_control_pkg::load_command_t load_o,
    output logic item_valid_o,
    input logic item_ready_i,
    output logic [1:0] item_kind_o,  // 0 layer, 1 store, 2 end
    output logic [CountWidth-1:0] item_target_o,
    output logic [15:0] item_index_o,  // of the descriptor
    output logic [ItemWidth-1:0] item_o  // layer_t | store_command_t | irq
);

  typedef logic [CountWidth-1:0] count_t;

  psf_pkg::load_t load;
  psf_pkg::layer_t layer;
  psf_pkg::store_t fields;
  psf_control_pkg::store_command_t store;
  logic checked, taken, decode, skip_q, is_end, is_layer;
  logic [7:0] opcode, check_cause, cause;

  assign opcode = desc_i.data[7:0];
  assign load = psf_pkg::to_load(desc_i.data);
  assign layer = psf_pkg::to_layer(desc_i.data);
  assign fields = psf_pkg::to_store(desc_i.data);
  assign store = '{
          addr: 61'((AddrWidth - 3)'(desc_i.job.result + 61'(fields.offset[31:3]))),
          logits: fields.logits[15:0]
      };
  assign is_end = opcode == psf_pkg::OP_END || skip_q;
  assign is_layer = opcode == psf_pkg::OP_LAYER && !skip_q;

  psf_descriptor_check #(
      .Cfg(Cfg)
  ) u_check (
      .clk_i,
      .rst_ni,
      .valid_i  (desc_valid_i),
      .taken_i  (taken),
      .data_i   (desc_i.data),
      .checked_o(checked),
      .cause_o  (check_cause)
  );

  always_comb begin
    cause = psf_pkg::ERROR_NONE;
    if (skip_q) cause = psf_pkg::ERROR_NONE;
    else if (desc_i.bad) cause = psf_pkg::ERROR_PROGRAM_CRC;
    else if (check_cause != psf_pkg::ERROR_NONE) cause = check_cause;
    else if (desc_i.last && !is_end) cause = psf_pkg::ERROR_NO_END;
  end

  assign fault_valid_o = checked && cause != psf_pkg::ERROR_NONE;
  assign fault_o = '{cause: cause, index: desc_i.index, addr: '0};
  assign decode = checked && !stop_i && !fault_valid_o;
  assign load_valid_o = decode && !is_end && opcode == psf_pkg::OP_LOAD;
  assign item_valid_o = decode && (is_end ? desc_i.last : opcode != psf_pkg::OP_LOAD);
  assign desc_ready_o  = decode && (load_ready_i || !load_valid_o) &&
      (item_ready_i || !item_valid_o);
  assign taken = desc_valid_i && desc_ready_o;

  // ---- Targets: counts at the beginning of the job at hand, and up to the descriptor at hand.
  count_t loads_q, layers_q, items_q, job_loads_q, job_layers_q, job_items_q, last_items_q;
  count_t last_total;

  assign last_total       = job_items_q - last_items_q;  // items of the job before
  assign load_by_layers_o = load.wait_layers != '0;

  always_comb begin
    load_target_o = last_items_q +
        ((count_t'(load.wait_previous) < last_total) ? count_t'(load.wait_previous) : last_total);
    if (load_by_layers_o) load_target_o = job_layers_q + count_t'(load.wait_layers);
    load_o.load = load;
    load_o.load.wait_layers = '0;  // the target stands for both
    load_o.load.wait_previous = '0;
    load_o.base = 61'((AddrWidth - 3)'(load.from_image ? desc_i.job.image : weight_base_i));
    load_o.index = desc_i.index;
  end

  assign item_index_o = desc_i.index;

  always_comb begin
    item_kind_o   = 2'd0;
    item_target_o = loads_q;
    item_o        = layer;
    if (is_end) begin
      item_kind_o = 2'd2;
      item_o      = ItemWidth'(desc_i.job.irq);
    end else if (is_layer) begin
      item_target_o = job_loads_q + count_t'(layer.wait_loads);
    end else begin
      item_kind_o = 2'd1;
      item_o      = ItemWidth'(store);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {skip_q, loads_q, layers_q, items_q, job_loads_q, job_layers_q, job_items_q,
          last_items_q} <= '0;
    end else if (taken) begin
      skip_q <= is_end && !desc_i.last;
      if (load_valid_o) loads_q <= loads_q + 1'b1;
      if (item_valid_o) items_q <= items_q + 1'b1;
      if (item_valid_o && is_layer) layers_q <= layers_q + 1'b1;
      if (item_valid_o && is_end) begin
        job_loads_q  <= loads_q;
        job_layers_q <= layers_q;
        last_items_q <= job_items_q;
        job_items_q  <= items_q + 1'b1;
      end
    end
  end

  logic unused_job;  // the ring knows it
  assign unused_job = ^desc_i.job.index;

  // One descriptor makes one thing.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!(load_valid_o && item_valid_o));
      if (fault_valid_o) assert (!taken);
    end
  end

endmodule
