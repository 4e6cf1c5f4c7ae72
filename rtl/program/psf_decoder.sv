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
    localparam int unsigned ItemWidth = $bits(psf_pkg::layer_t)
) (
    input logic clk_i,
    input logic rst_ni,  // of the run
    input logic stop_i,
    input logic [31:3] weight_base_i,
    input logic desc_valid_i,
    output logic desc_ready_o,
    input logic [511:0] desc_data_i,
    input logic [15:0] desc_index_i,
    input logic desc_last_i,
    input psf_pkg::job_t desc_job_i,
    input logic desc_bad_i,  // its CRC is wrong
    output logic fault_valid_o,  // of the descriptor at hand
    output logic [7:0] fault_cause_o,
    output logic [15:0] fault_index_o,
    // Both with desc_index_i; valid and ready in one cycle push.
    output logic load_valid_o,
    input logic load_ready_i,
    output logic load_by_layers_o,
    output logic [CountWidth-1:0] load_target_o,
    output logic [31:3] load_base_o,
    output psf_pkg::load_t load_o,
    output logic item_valid_o,
    input logic item_ready_i,
    output logic [1:0] item_kind_o,  // 0 layer, 1 store, 2 end
    output logic [CountWidth-1:0] item_target_o,
    output logic [ItemWidth-1:0] item_o  // layer_t | {address [31:3], logits [15:0]} | irq
);

  typedef logic [CountWidth-1:0] count_t;

  psf_pkg::load_t load;
  psf_pkg::layer_t layer;
  psf_pkg::store_t store;
  logic [31:3] store_addr;
  logic checked, taken, decode, skip_q, is_end, is_layer;
  logic [7:0] opcode, check_cause;

  assign opcode     = desc_data_i[7:0];
  assign load       = psf_pkg::to_load(desc_data_i);
  assign layer      = psf_pkg::to_layer(desc_data_i);
  assign store      = psf_pkg::to_store(desc_data_i);
  assign store_addr = desc_job_i.result + store.offset[31:3];
  assign is_end     = opcode == psf_pkg::OP_END || skip_q;
  assign is_layer   = opcode == psf_pkg::OP_LAYER && !skip_q;

  psf_descriptor_check #(
      .Cfg(Cfg)
  ) u_check (
      .clk_i,
      .rst_ni,
      .valid_i  (desc_valid_i),
      .taken_i  (taken),
      .data_i   (desc_data_i),
      .checked_o(checked),
      .cause_o  (check_cause)
  );

  always_comb begin
    fault_cause_o = psf_pkg::ERROR_NONE;
    if (skip_q) fault_cause_o = psf_pkg::ERROR_NONE;
    else if (desc_bad_i) fault_cause_o = psf_pkg::ERROR_PROGRAM_CRC;
    else if (check_cause != psf_pkg::ERROR_NONE) fault_cause_o = check_cause;
    else if (desc_last_i && !is_end) fault_cause_o = psf_pkg::ERROR_NO_END;
  end

  assign fault_valid_o = checked && fault_cause_o != psf_pkg::ERROR_NONE;
  assign fault_index_o = desc_index_i;
  assign decode = checked && !stop_i && !fault_valid_o;
  assign load_valid_o = decode && !is_end && opcode == psf_pkg::OP_LOAD;
  assign item_valid_o = decode && (is_end ? desc_last_i : opcode != psf_pkg::OP_LOAD);
  assign desc_ready_o  = decode && (load_ready_i || !load_valid_o) &&
      (item_ready_i || !item_valid_o);
  assign taken = desc_valid_i && desc_ready_o;

  // ---- Targets: counts at the beginning of the job at hand, and up to the descriptor at hand.
  count_t loads_q, layers_q, items_q, job_loads_q, job_layers_q, job_items_q, last_items_q;
  count_t last_total;

  assign last_total       = job_items_q - last_items_q;  // items of the job before
  assign load_by_layers_o = load.wait_layers != '0;
  assign load_base_o      = load.from_image ? desc_job_i.image : weight_base_i;

  always_comb begin
    load_target_o = last_items_q +
        ((count_t'(load.wait_previous) < last_total) ? count_t'(load.wait_previous) : last_total);
    if (load_by_layers_o) load_target_o = job_layers_q + count_t'(load.wait_layers);
    load_o = load;
    load_o.wait_layers = '0;  // the target stands for both
    load_o.wait_previous = '0;
  end

  always_comb begin
    item_kind_o   = 2'd0;
    item_target_o = loads_q;
    item_o        = layer;
    if (is_end) begin
      item_kind_o = 2'd2;
      item_o      = ItemWidth'(desc_job_i.irq);
    end else if (is_layer) begin
      item_target_o = job_loads_q + count_t'(layer.wait_loads);
    end else begin
      item_kind_o = 2'd1;
      item_o      = ItemWidth'({store_addr, store.logits[15:0]});
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      skip_q       <= 1'b0;
      loads_q      <= '0;
      layers_q     <= '0;
      items_q      <= '0;
      job_loads_q  <= '0;
      job_layers_q <= '0;
      job_items_q  <= '0;
      last_items_q <= '0;
    end else if (taken) begin
      skip_q <= is_end && !desc_last_i;
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
  assign unused_job = ^desc_job_i.index;

  // One descriptor makes one thing.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!(load_valid_o && item_valid_o));
      if (fault_valid_o) assert (!taken);
    end
  end

endmodule
