// SPDX-License-Identifier: Apache-2.0
//
// Executes what psf_decoder makes of the descriptors in two in-order streams, loads and items
// (layers, stores, ends of jobs), with queues of 8. A load starts when its target of layers or items
// is reached, an item when its predecessor has completed and its target of loads is reached. So a
// job's loads, but not its items, may overtake the job before.
// No deadlock while every descriptor waits only for earlier ones.
// A layer starts in the cycle after its predecessor's end at the earliest. retire_o pulses in the
// second cycle after the last item of a job, no earlier than a parity error in the queues.
// Nothing starts while stop_i.

module psf_sequencer #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned CountWidth = 18,  // of the counts since the run began, see below
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
) (
    input logic clk_i,
    input logic rst_ni,  // of the run
    input logic stop_i,
    input logic [63:3] weight_base_i,
    input logic desc_valid_i,
    output logic desc_ready_o,
    input psf_control_pkg::descriptor_t desc_i,
    output logic fault_valid_o,  // of the descriptor at hand; holds
    output psf_control_pkg::fault_t fault_o,
    output logic parity_o,  // in a queue, a pulse
    output logic load_valid_o,  // withdrawn by stop_i
    input logic load_ready_i,
    output psf_control_pkg::load_command_t load_o,
    input logic load_done_i,
    output logic layer_start_o,
    output psf_pkg::layer_t layer_o,  // holds until the next layer_start_o
    input logic layer_done_i,
    output logic store_valid_o,  // withdrawn by stop_i
    input logic store_ready_i,
    output psf_control_pkg::store_command_t store_o,
    input logic store_done_i,
    output logic [15:0] active_index_o,  // of the layer or store that runs, else 0
    output logic retire_o,  // a job is done
    output logic irq_o  // with retire_o: its flag
);

  // What has completed since the run began, modulo 2^CountWidth. With 18 bits every target lies less
  // than half of that away, on either side: a wait has 16 bits, as has the number of descriptors,
  // and loads overtake no more than one job.
  typedef logic [CountWidth-1:0] count_t;

  function automatic logic reached(count_t count, count_t target);
    count_t ahead = count - target;
    return !ahead[CountWidth-1];
  endfunction

  typedef enum logic [1:0] {
    LAYER,
    STORE,
    END
  } kind_e;

  localparam int unsigned ItemWidth = $bits(psf_pkg::layer_t);

  typedef struct packed {  // a load that waits
    logic by_layers;  // for layers, else for items
    count_t target;
    psf_control_pkg::load_command_t command;
  } load_entry_t;

  typedef struct packed {  // an item that waits, for loads
    logic [1:0] kind;  // kind_e
    count_t target;
    logic [15:0] index;
    logic [ItemWidth-1:0] item;
  } item_entry_t;

  count_t loads_done_q, layers_done_q, items_done_q;

  // ---- The descriptor at hand.
  load_entry_t load;
  item_entry_t item;
  logic load_push, load_room, item_push, item_room;

  psf_decoder #(
      .Cfg(Cfg),
      .CountWidth(CountWidth),
      .AddrWidth(AddrWidth)
  ) u_decoder (
      .clk_i,
      .rst_ni,
      .stop_i,
      .weight_base_i,
      .desc_valid_i,
      .desc_ready_o,
      .desc_i,
      .fault_valid_o,
      .fault_o,
      .load_valid_o    (load_push),
      .load_ready_i    (load_room),
      .load_by_layers_o(load.by_layers),
      .load_target_o   (load.target),
      .load_o          (load.command),
      .item_valid_o    (item_push),
      .item_ready_i    (item_room),
      .item_kind_o     (item.kind),
      .item_target_o   (item.target),
      .item_index_o    (item.index),
      .item_o          (item.item)
  );

  // ---- Loads.
  load_entry_t next_load;
  logic load_valid, load_error;

  psf_fifo #(
      .data_t(load_entry_t),
      .Depth (8)
  ) u_loads (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (load_push),
      .in_ready_o (load_room),
      .in_data_i  (load),
      .out_valid_o(load_valid),
      .out_ready_i(load_valid_o && load_ready_i),
      .out_data_o (next_load),
      .error_o    (load_error)
  );

  assign load_valid_o = load_valid && !stop_i && reached(
      next_load.by_layers ? layers_done_q : items_done_q, next_load.target
  );
  assign load_o = next_load.command;

  // ---- Items.
  logic item_valid, item_error, item_go, busy, pop;
  item_entry_t next_item;
  logic [15:0] active_index_q;
  psf_pkg::layer_t layer_q;
  logic layer_active_q, layer_start_q, store_active_q, layer_go, store_go, end_go;

  psf_fifo #(
      .data_t(item_entry_t),
      .Depth (8)
  ) u_items (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (item_push),
      .in_ready_o (item_room),
      .in_data_i  (item),
      .out_valid_o(item_valid),
      .out_ready_i(pop),
      .out_data_o (next_item),
      .error_o    (item_error)
  );

  assign busy = (layer_active_q && !layer_done_i) || (store_active_q && !store_done_i);
  assign item_go = item_valid && reached(
          loads_done_q, next_item.target
      ) && !busy && !stop_i && !retire_o;  // the next job's time begins after it
  assign layer_go = item_go && next_item.kind == LAYER;
  assign end_go = item_go && next_item.kind == END && !layer_active_q && !store_active_q;
  assign store_valid_o = item_go && next_item.kind == STORE && !layer_active_q && !store_active_q;
  assign store_go = store_valid_o && store_ready_i;
  assign pop = layer_go || store_go || end_go;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {layer_active_q, layer_start_q, store_active_q, retire_o, parity_o, loads_done_q,
          layers_done_q, items_done_q} <= '0;
    end else begin
      layer_start_q  <= layer_go;
      layer_active_q <= layer_go || (layer_active_q && !layer_done_i);
      store_active_q <= store_go || (store_active_q && !store_done_i);
      retire_o       <= end_go;
      parity_o       <= load_error || item_error;
      loads_done_q   <= loads_done_q + count_t'(load_done_i);
      layers_done_q  <= layers_done_q + count_t'(layer_done_i);
      items_done_q   <= items_done_q + count_t'(layer_done_i || store_done_i || end_go);
    end
  end

  always_ff @(posedge clk_i) begin
    if (layer_go) layer_q <= next_item.item;
    if (layer_go || store_go) active_index_q <= next_item.index;
    irq_o <= next_item.item[0];
  end

  assign layer_o        = layer_q;
  assign layer_start_o  = layer_start_q;
  assign store_o        = next_item.item[$bits(psf_control_pkg::store_command_t)-1:0];
  assign active_index_o = (layer_active_q || store_active_q) ? active_index_q : 16'd0;

  // The descriptor's parameters hold while a layer runs; only what was started completes.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (layer_done_i) assert (layer_active_q);
      if (store_done_i) assert (store_active_q);
      assert (!(layer_active_q && store_active_q));
      if (layer_active_q && !layer_start_o) assert (layer_o == $past(layer_o));
    end
  end

endmodule
