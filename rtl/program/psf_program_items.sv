// SPDX-License-Identifier: Apache-2.0
//
// Goes through the descriptors of one job after the other and executes their items (layers, stores,
// ends of jobs), in order. An item starts when its predecessor has completed and the loads that it
// needs have: wait_loads of its job for a layer, all before it for a store or an end.
// No deadlock while every descriptor waits only for earlier ones.
// The next item is read while one runs: it takes 13 cycles and 4 more per load in between. If it is
// there, a layer starts in the cycle after its predecessor's end. retire_o pulses in the second cycle
// after the last item of a job, no earlier than a parity error in what was read. Nothing starts while
// stop_i.

module psf_program_items #(
    parameter int unsigned Slot = 7,  // bits of a position in the ring
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
) (
    input logic clk_i,
    input logic rst_ni,
    input logic stop_i,
    // The ring.
    input logic [Slot-1:0] checked_i,
    output logic [Slot-1:0] at_o,
    output logic read_valid_o,
    input logic read_ready_i,
    output logic [2:0] read_beat_o,
    input psf_control_pkg::beat_t word_i,
    // Where the loads are (psf_program_loads), and what completes.
    input logic ahead_i,
    input logic job_valid_i,
    input psf_pkg::job_t job_i,
    input logic mark_valid_i,
    input logic [15:0] mark_i,
    output logic mark_ready_o,
    output logic end_o,
    output logic [15:0] items_o,  // layers and stores of the job that have completed
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

  logic open, whole, last, over, next, is_load, is_layer, is_store, is_end;
  logic [511:0] data;
  logic [15:0] index, index_q;
  psf_pkg::layer_t layer;
  psf_pkg::store_t store;

  psf_descriptor_walk #(
      .Slot(Slot)
  ) u_walk (
      .clk_i,
      .rst_ni,
      .checked_i,
      .at_o,
      .index_o(index),
      .read_valid_o,
      .read_ready_i,
      .read_beat_o,
      .word_i,
      .open_o (open),
      .whole_o(whole),
      .desc_o (data),
      .last_o (last),
      .over_o (over),
      .next_i (next)
  );

  assign layer    = psf_pkg::to_layer(data);
  assign store    = psf_pkg::to_store(data);
  assign is_load  = !over && data[7:0] == psf_pkg::OP_LOAD;
  assign is_layer = !over && data[7:0] == psf_pkg::OP_LAYER;
  assign is_store = !over && data[7:0] == psf_pkg::OP_STORE;
  assign is_end   = over && last;  // of a job

  // ---- Its job: that of the loads, when they are not in the next one already.
  logic job_valid_q;
  psf_pkg::job_t job_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) job_valid_q <= 1'b0;
    else if (end_o) job_valid_q <= 1'b0;
    else if (job_valid_i && !ahead_i) job_valid_q <= 1'b1;
  end

  always_ff @(posedge clk_i) begin
    if (!job_valid_q) job_q <= job_i;
  end

  // ---- Has its time come? Of the loads of this job and the next one, those that have completed. They
  // only grow while an item waits.
  logic [16:0] loads_q, mark_q;  // a job that has ended takes its own from them, a cycle later
  logic loaded_q, ended_q, free, go;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {loads_q, loaded_q, ended_q} <= '0;
    end else begin
      ended_q <= end_o;
      loads_q <= loads_q + 17'(load_done_i) - (ended_q ? mark_q : '0);
      loaded_q <= whole && job_valid_q && (is_layer || mark_valid_i) && !next &&
          loads_q >= 17'(is_layer ? layer.wait_loads : mark_i);
    end
  end

  // ---- One item at a time. A layer may start with the end of its predecessor.
  logic layer_active_q, store_active_q, layer_go, store_go;

  assign free = (!layer_active_q || layer_done_i) && (!store_active_q || store_done_i);
  assign go = loaded_q && free && !stop_i;
  assign layer_go = go && is_layer;
  assign store_valid_o = go && is_store && !layer_active_q && !store_active_q;
  assign store_go = store_valid_o && store_ready_i;
  assign end_o = go && is_end && !layer_active_q && !store_active_q;
  assign mark_ready_o = store_go || end_o;
  assign next = layer_go || mark_ready_o || (open && (is_load || (over && !last)));

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {layer_active_q, store_active_q, layer_start_o, retire_o, items_o} <= '0;
    end else begin
      layer_start_o  <= layer_go;
      layer_active_q <= layer_go || (layer_active_q && !layer_done_i);
      store_active_q <= store_go || (store_active_q && !store_done_i);
      retire_o       <= end_o;
      items_o        <= end_o ? '0 : items_o + 16'(layer_done_i || store_done_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (layer_go) layer_o <= layer;
    if (layer_go || store_go) index_q <= index;
    mark_q <= 17'(mark_i);
    irq_o  <= job_q.irq;
  end

  assign store_o = '{
          addr: 61'((AddrWidth - 3)'(job_q.result + 61'(store.offset[31:3]))),
          logits: store.logits[15:0]
      };
  assign active_index_o = (layer_active_q || store_active_q) ? index_q : 16'd0;

  logic unused_fields;  // a store's are short (psf_descriptor_check); the ring knows the job
  assign unused_fields = ^{store, job_i, job_q};

  // The descriptor's parameters hold while a layer runs; only what was started completes.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (layer_done_i) assert (layer_active_q);
      if (store_done_i) assert (store_active_q);
      assert (!(layer_active_q && store_active_q));
      if (layer_active_q && !layer_start_o) assert (layer_o == $past(layer_o));
      if (end_o) assert (loads_q >= 17'(mark_i) && ahead_i);
      assert (!(ended_q && loaded_q));
    end
  end

endmodule
