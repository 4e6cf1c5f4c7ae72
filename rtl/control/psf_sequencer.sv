// SPDX-License-Identifier: Apache-2.0
//
// Executes descriptors in two in-order streams, loads (queue of 4) and layers (queue of 2).
// A load starts when wait_layers layers have completed since start, a layer when wait_loads loads
// have; a store or the end when everything before them has. No deadlock while every descriptor
// waits only for earlier ones. A layer starts in the cycle after its predecessor's end at the
// earliest. An error (unknown opcode, bad target, failed read or write; the first one counts) stops
// fetching and forgets queued work; what runs is completed, then finish_o pulses, as at the end.
// cycles_o counts from the write of CTRL.start (one cycle before start_i) to the interrupt (one
// cycle after finish_o).

module psf_sequencer (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  logic            start_i,
  output logic            finish_o,
  output logic [7:0]      finish_cause_o,      // psf_pkg::ERROR_*
  output logic [15:0]     finish_index_o,      // descriptor of the error
  output logic [31:0]     cycles_o,
  output logic [15:0]     layers_o,            // completed since start
  output logic [15:0]     loads_o,
  output logic            fetch_stop_o,
  input  logic            fetch_idle_i,
  input  logic            desc_valid_i,
  output logic            desc_ready_o,
  input  logic [511:0]    desc_data_i,
  input  logic [15:0]     desc_index_i,
  input  logic            desc_error_i,
  output logic            load_valid_o,        // withdrawn on an error
  input  logic            load_ready_i,
  output psf_pkg::load_t  load_o,
  output logic [15:0]     load_index_o,
  input  logic            load_done_i,
  input  logic            load_error_i,
  input  logic [15:0]     load_done_index_i,
  output logic            layer_start_o,
  output psf_pkg::layer_t layer_o,             // holds until the next layer_start_o
  input  logic            layer_done_i,
  output logic            store_valid_o,
  input  logic            store_ready_i,
  output logic [31:3]     store_offset_o,
  output logic [15:0]     store_logits_o,
  input  logic            store_done_i,
  input  logic            store_error_i
);

  typedef enum logic [1:0] {
    IDLE,
    RUN,
    STORE,  // a store is on its way
    STOP  // after OP_END or an error: wait for what runs
  } state_e;

  state_e state_q;
  logic [7:0] cause_q, cause;
  logic [15:0] error_index_q, error_index;
  logic [31:0] cycles_q;
  logic [15:0] layers_q, loads_q, started_q;  // started_q: loads handed on
  logic layer_active_q, layer_start_q, failed, flush, quiet;

  // ---- The descriptor at hand.
  logic [7:0] opcode;
  psf_pkg::load_t load;
  psf_pkg::layer_t layer;
  logic decode, load_push, load_room, layer_push, layer_room, stop, bad_opcode, bad_target;

  assign opcode = desc_data_i[7:0];
  assign load   = psf_pkg::to_load(desc_data_i);
  assign layer  = psf_pkg::to_layer(desc_data_i);
  assign decode = state_q == RUN && desc_valid_i && !desc_error_i && !failed;

  always_comb begin
    load_push     = 1'b0;
    layer_push    = 1'b0;
    store_valid_o = 1'b0;
    stop          = 1'b0;
    bad_opcode    = 1'b0;
    bad_target    = 1'b0;
    desc_ready_o  = 1'b0;
    if (decode) begin
      unique case (opcode)
        psf_pkg::OP_LOAD: begin
          bad_target   = load.target >= 4'(psf_pkg::Targets);
          load_push    = !bad_target;
          desc_ready_o = load_room;
        end
        psf_pkg::OP_LAYER: begin
          layer_push   = 1'b1;
          desc_ready_o = layer_room;
        end
        psf_pkg::OP_STORE: begin
          store_valid_o = quiet;
          desc_ready_o  = quiet && store_ready_i;
        end
        psf_pkg::OP_END: stop = 1'b1;
        default: bad_opcode = 1'b1;
      endcase
    end
  end

  assign store_logits_o = desc_data_i[79:64];
  assign store_offset_o = desc_data_i[159:131];

  // ---- Loads.
  logic load_valid;

  psf_fifo #(
    .Width($bits(psf_pkg::load_t) + 16),
    .Depth(4)
  ) u_loads (
    .clk_i,
    .rst_ni,
    .clear_i    (flush),
    .in_valid_i (load_push),
    .in_ready_o (load_room),
    .in_data_i  ({load, desc_index_i}),
    .out_valid_o(load_valid),
    .out_ready_i(load_valid_o && load_ready_i),
    .out_data_o ({load_o, load_index_o})
  );

  assign load_valid_o = load_valid && layers_q >= load_o.wait_layers;

  // ---- Layers.
  logic layer_valid, layer_go;
  psf_pkg::layer_t next_layer, layer_q;

  psf_fifo #(
    .Width($bits(psf_pkg::layer_t)),
    .Depth(2)
  ) u_layers (
    .clk_i,
    .rst_ni,
    .clear_i    (flush),
    .in_valid_i (layer_push),
    .in_ready_o (layer_room),
    .in_data_i  (layer),
    .out_valid_o(layer_valid),
    .out_ready_i(layer_go),
    .out_data_o (next_layer)
  );

  assign layer_go = layer_valid && loads_q >= next_layer.wait_loads &&
      (!layer_active_q || layer_done_i);

  always_ff @(posedge clk_i) begin
    if (layer_go) layer_q <= next_layer;
  end

  assign layer_o       = layer_q;
  assign layer_start_o = layer_start_q;

  // ---- Errors: the first one counts; of several in one cycle the earliest descriptor's.
  logic read_failed, write_failed;

  assign failed       = cause_q != psf_pkg::ERROR_NONE;
  assign read_failed  = load_done_i && load_error_i;
  assign write_failed = store_done_i && store_error_i;

  always_comb begin
    cause       = cause_q;
    error_index = error_index_q;
    if (!failed && state_q != IDLE) begin
      error_index = desc_index_i;
      if (read_failed) begin
        cause       = psf_pkg::ERROR_READ;
        error_index = load_done_index_i;
      end else if (write_failed) begin
        cause       = psf_pkg::ERROR_WRITE;
        error_index = desc_index_i - 16'd1;  // the store has left, its successor stands here
      end else if (state_q == RUN && desc_valid_i && desc_error_i) begin
        cause = psf_pkg::ERROR_READ;
      end else if (bad_opcode) begin
        cause = psf_pkg::ERROR_OPCODE;
      end else if (bad_target) begin
        cause = psf_pkg::ERROR_TARGET;
      end
    end
  end

  assign flush        = cause != psf_pkg::ERROR_NONE;
  assign fetch_stop_o = stop || flush;
  assign quiet        = !load_valid && started_q == loads_q && !layer_valid && !layer_active_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q        <= IDLE;
      cause_q        <= psf_pkg::ERROR_NONE;
      layers_q       <= '0;
      loads_q        <= '0;
      started_q      <= '0;
      cycles_q       <= '0;
      layer_active_q <= 1'b0;
      layer_start_q  <= 1'b0;
    end else begin
      if (state_q != IDLE) cycles_q <= cycles_q + 32'd1;
      layer_start_q  <= layer_go;
      layer_active_q <= layer_go || (layer_active_q && !layer_done_i);
      layers_q       <= layers_q + 16'(layer_done_i);
      loads_q        <= loads_q + 16'(load_done_i);
      started_q      <= started_q + 16'(load_valid_o && load_ready_i);
      cause_q        <= cause;
      unique case (state_q)
        IDLE: begin
          if (start_i) begin
            state_q   <= RUN;
            cause_q   <= psf_pkg::ERROR_NONE;
            layers_q  <= '0;
            loads_q   <= '0;
            started_q <= '0;
            cycles_q  <= 32'd2;  // this cycle and the one of the write
          end
        end
        RUN: begin
          if (stop || flush) state_q <= STOP;
          else if (store_valid_o && store_ready_i) state_q <= STORE;
        end
        STORE: if (store_done_i) state_q <= flush ? STOP : RUN;
        default: if (finish_o) state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    error_index_q <= error_index;
  end

  assign finish_o       = state_q == STOP && quiet && fetch_idle_i;
  assign finish_cause_o = cause_q;
  assign finish_index_o = error_index_q;
  assign cycles_o       = cycles_q;
  assign layers_o       = layers_q;
  assign loads_o        = loads_q;

  // The descriptor's parameters hold while a layer runs; work completes only if it was started.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (start_i) assert (state_q == IDLE);
      if (layer_done_i) assert (layer_active_q);
      if (load_done_i) assert (started_q != loads_q);
      if (layer_active_q && !layer_start_o) assert (layer_o == $past(layer_o));
    end
  end

endmodule
