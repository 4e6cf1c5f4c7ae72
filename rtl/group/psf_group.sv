// SPDX-License-Identifier: Apache-2.0
// One PE group: takes a token from the dispatcher, fetches its patch, issues its spikes to the
// weight banks, adds the weight words that come back in P lanes, and drains every finished
// accumulation through bias, residual and LIF. Membrane potentials live in the lanes while the
// timesteps of the token run and never leave. Throughput: one row-add per cycle and, beside it, one
// drained word per cycle. parity_o: a bit that was used has flipped; overrun_o: an address was
// beyond its memory (what it meant is dropped). Golden: golden.contract.model; trace_* show every
// drained word.
module psf_group #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned PatchWidth = Cfg.LineWords * (Cfg.Lanes + 1)  // a line with a parity per word
) (
    input  logic                                             clk_i,
    input  logic                                             rst_ni,
    input  logic                                             start_i,
    input  psf_pkg::layer_t                                  layer_i,
    output logic                                             idle_o,
    // token
    output logic                                             request_o,
    input  logic                                             grant_i,
    input  logic            [                          15:0] token_index_i,
    input  logic            [                          16:0] token_line_i,
    input  logic            [                           8:0] token_taps_i,
    input  logic            [     $clog2(Cfg.LineWords)-1:0] token_word_i,
    input  logic            [                          16:0] token_out_i,
    input  logic                                             token_right_i,
    input  logic                                             token_down_i,
    input  logic            [                           1:0] token_place_i,
    input  logic            [        $clog2(Cfg.Groups)-1:0] token_bank_i,
    input  logic            [                          16:0] token_stream_i,
    input  logic            [                          16:0] token_dump_i,
    input  logic            [                           8:0] token_block_i,
    // spike memory
    output logic                                             read_valid_o,
    input  logic                                             read_ready_i,
    output logic            [    $clog2(Cfg.SpikeLines)-1:0] read_addr_o,
    input  logic                                             read_line_valid_i,
    input  logic            [                PatchWidth-1:0] read_line_i,
    output logic                                             line_valid_o,
    input  logic                                             line_ready_i,
    output logic            [    $clog2(Cfg.SpikeLines)-1:0] line_addr_o,
    output logic            [             Cfg.LineWords-1:0] line_words_o,
    output logic            [                 LineWidth-1:0] line_data_o,
    output logic                                             line_right_o,
    output logic                                             line_down_o,
    // issue arbiter and weight banks
    output logic            [                 Cfg.Banks-1:0] req_o,
    input  logic            [                 Cfg.Banks-1:0] req_grant_i,
    output logic                                             row_valid_o,
    output logic            [                 Cfg.Banks-1:0] row_bank_o,
    output logic            [      $clog2(Cfg.RowDepth)-1:0] row_addr_o,
    output logic                                             row_buffer_o,
    input  logic                                             word_valid_i,
    input  logic            [       Cfg.Lanes*SlotWidth-1:0] word_data_i,
    input  logic            [                           2:0] word_shift_i,
    input  logic                                             word_buffer_i,
    input  logic                                             word_last_i,
    // parameters (bias, theta2), broadcast by the loader; the top bit is the parity
    input  logic                                             param_valid_i,
    input  logic            [    $clog2(Cfg.ParamDepth)-1:0] param_addr_i,
    input  logic            [    2*Cfg.Lanes*Cfg.AccWidth:0] param_data_i,
    // row mask, likewise
    input  logic                                             mask_valid_i,
    input  logic            [$clog2(psf_pkg::MaskLines)-1:0] mask_addr_i,
    input  logic            [     Cfg.LineWords*Cfg.Lanes:0] mask_data_i,
    // residual stream
    output logic                                             stream_read_o,
    input  logic                                             stream_ready_i,
    output logic            [        $clog2(Cfg.Groups)-1:0] stream_read_bank_o,
    output logic            [   $clog2(Cfg.StreamDepth)-1:0] stream_read_addr_o,
    input  logic            [ Cfg.Lanes*Cfg.StreamWidth-1:0] stream_data_i,
    input  logic                                             stream_error_i,
    output logic                                             stream_write_o,
    output logic            [        $clog2(Cfg.Groups)-1:0] stream_write_bank_o,
    output logic            [   $clog2(Cfg.StreamDepth)-1:0] stream_write_addr_o,
    output logic            [ Cfg.Lanes*Cfg.StreamWidth-1:0] stream_write_data_o,
    // logits and key-value rows
    output logic                                             head_valid_o,
    input  logic                                             head_ready_i,
    output logic            [                           7:0] head_index_o,
    output logic            [    Cfg.Lanes*Cfg.AccWidth-1:0] head_data_o,
    output logic                                             dump_valid_o,
    input  logic                                             dump_ready_i,
    output logic            [         $clog2(Cfg.Banks)-1:0] dump_bank_o,
    output logic            [     $clog2(Cfg.BankDepth)-1:0] dump_addr_o,
    output logic            [       Cfg.Lanes*SlotWidth-1:0] dump_data_o,
    // counters: issued, added, bank stall, fetch stall, drain stall, idle
    output logic            [                           5:0] event_o,
    output logic                                             parity_o,
    output logic                                             overrun_o,
    // trace
    output logic                                             trace_valid_o,
    output logic            [                          15:0] trace_token_o,
    output logic            [                           7:0] trace_step_o,
    output logic            [                           7:0] trace_word_o,
    output logic            [                 Cfg.Lanes-1:0] trace_spikes_o,
    output logic            [    Cfg.Lanes*Cfg.AccWidth-1:0] trace_value_o
);
  localparam int unsigned GroupWidth = $clog2(Cfg.Groups);
  localparam int unsigned RowAddrWidth = $clog2(Cfg.RowDepth);
  localparam int unsigned BankWidth = $clog2(Cfg.Banks);

  typedef struct packed {
    logic [15:0]           index;
    logic [16:0]           out;
    logic                  right;
    logic                  down;
    logic [1:0]            place;
    logic [GroupWidth-1:0] bank;
    logic [16:0]           stream;
    logic [16:0]           dump;
    logic [8:0]            block;
  } token_t;

  logic mode_key_value, mode_head;
  assign mode_key_value = layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign mode_head = layer_i.mode == psf_pkg::MODE_HEAD;

  logic fetch_parity, fetch_overrun, scan_parity, scan_overrun, item_error, item_parity_q;
  logic kv_parity, kv_overrun;
  logic token_parity, stage_parity, stage_overrun, line_parity, line_overrun;
  logic [Cfg.Lanes-1:0] lane_parity, lane_overrun;

  // Both accumulator buffers start at zero: one sweep after reset, the drain keeps them so.
  logic [IndexWidth:0] sweep_q;
  logic sweep_done_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      sweep_q <= '0;
      sweep_done_q <= 1'b0;
    end else if (!sweep_done_q) begin
      sweep_q <= sweep_q[IndexWidth-1:0] == IndexWidth'(Cfg.AccDepth - 1)
          ? {!sweep_q[IndexWidth], {IndexWidth{1'b0}}} : sweep_q + (IndexWidth + 1)'(1);
      sweep_done_q <= sweep_q == {1'b1, IndexWidth'(Cfg.AccDepth - 1)};
    end
  end

  // Token in, patch fetch.
  logic patch_room, token_room, fetch_idle;
  token_t token_in;
  assign request_o = sweep_done_q && patch_room && token_room;
  assign token_in = '{
          index: token_index_i,
          out: token_out_i,
          right: token_right_i,
          down: token_down_i,
          place: token_place_i,
          bank: token_bank_i,
          stream: token_stream_i,
          dump: token_dump_i,
          block: token_block_i
      };

  logic patch_valid, patch_read, patch_release;
  logic scan_read, scan_release, kv_read, kv_release;
  logic [$clog2(Cfg.PatchLines):0] filled;
  logic [8:0] patch_taps;
  logic [$clog2(Cfg.LineWords)-1:0] patch_word;
  logic [$clog2(Cfg.PatchLines)-1:0] patch_index, scan_index, kv_index;
  logic [PatchWidth-1:0] patch_line;
  assign patch_read = scan_read || kv_read;
  assign patch_release = scan_release || kv_release;
  assign patch_index = mode_key_value ? kv_index : scan_index;

  psf_patch_fetch #(
      .Cfg(Cfg)
  ) u_fetch (
      .clk_i,
      .rst_ni,
      .layer_i,
      .mask_valid_i,
      .mask_addr_i,
      .mask_data_i,
      .room_o         (patch_room),
      .token_valid_i  (grant_i),
      .token_line_i,
      .token_taps_i,
      .token_word_i,
      .read_valid_o,
      .read_ready_i,
      .read_addr_o,
      .line_valid_i   (read_line_valid_i),
      .line_i         (read_line_i),
      .patch_valid_o  (patch_valid),
      .filled_o       (filled),
      .patch_taps_o   (patch_taps),
      .patch_word_o   (patch_word),
      .patch_read_i   (patch_read),
      .patch_index_i  (patch_index),
      .patch_line_o   (patch_line),
      .patch_release_i(patch_release),
      .idle_o         (fetch_idle),
      .parity_o       (fetch_parity),
      .overrun_o      (fetch_overrun)
  );

  // Words to the window, through a short queue that keeps the arbiter's path out of the scanner.
  localparam int unsigned ItemWidth = 1 + BankWidth + RowAddrWidth + Cfg.Lanes;
  logic scan_valid, scan_ready, item_valid, item_ready, scan_last, item_last;
  logic [Cfg.Lanes-1:0] scan_bits, item_bits;
  logic [RowAddrWidth-1:0] scan_row, item_row;
  logic [BankWidth-1:0] scan_skew, item_skew;

  psf_scanner #(
      .Cfg(Cfg)
  ) u_scanner (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .patch_valid_i  (patch_valid),
      .filled_i       (filled),
      .patch_taps_i   (patch_taps),
      .patch_read_o   (scan_read),
      .patch_index_o  (scan_index),
      .patch_line_i   (patch_line),
      .patch_release_o(scan_release),
      .word_valid_o   (scan_valid),
      .word_ready_i   (scan_ready),
      .word_bits_o    (scan_bits),
      .word_row_o     (scan_row),
      .word_skew_o    (scan_skew),
      .word_last_o    (scan_last),
      .parity_o       (scan_parity),
      .overrun_o      (scan_overrun)
  );

  psf_fifo #(
      .Width(ItemWidth),
      .Depth(2)
  ) u_items (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (scan_valid),
      .in_ready_o (scan_ready),
      .in_data_i  ({scan_last, scan_skew, scan_row, scan_bits}),
      .out_valid_o(item_valid),
      .out_ready_i(item_ready),
      .out_data_o ({item_last, item_skew, item_row, item_bits}),
      .error_o    (item_error)
  );

  logic window_empty, window_blocked;
  logic [1:0] window_complete, kv_complete, complete, reopen;
  psf_window #(
      .Cfg(Cfg)
  ) u_window (
      .clk_i,
      .rst_ni,
      .start_i,
      .word_valid_i     (item_valid),
      .word_ready_o     (item_ready),
      .word_bits_i      (item_bits),
      .word_row_i       (item_row),
      .word_skew_i      (item_skew),
      .word_last_i      (item_last),
      .req_o,
      .grant_i          (req_grant_i),
      .row_valid_o,
      .row_bank_o,
      .row_addr_o,
      .row_buffer_o,
      .row_done_i       (word_valid_i && word_last_i),
      .row_done_buffer_i(word_buffer_i),
      .complete_o       (window_complete),
      .reopen_i         (mode_key_value ? 2'd0 : reopen),
      .empty_o          (window_empty),
      .blocked_o        (window_blocked)
  );

  logic kv_add, kv_buffer;
  logic [IndexWidth-1:0] kv_add_index;
  logic [ Cfg.Lanes-1:0] kv_bits;
  psf_key_value #(
      .Cfg(Cfg)
  ) u_key_value (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .patch_valid_i  (patch_valid),
      .filled_i       (filled),
      .patch_word_i   (patch_word),
      .patch_read_o   (kv_read),
      .patch_index_o  (kv_index),
      .patch_line_i   (patch_line),
      .patch_release_o(kv_release),
      .add_valid_o    (kv_add),
      .add_buffer_o   (kv_buffer),
      .add_index_o    (kv_add_index),
      .add_bits_o     (kv_bits),
      .complete_o     (kv_complete),
      .reopen_i       (mode_key_value ? reopen : 2'd0),
      .parity_o       (kv_parity),
      .overrun_o      (kv_overrun)
  );
  assign complete = mode_key_value ? kv_complete : window_complete;

  // Drain control: stage 0.
  logic hold, drain_read, drain_buffer, drain_clear, drain_idle, line_room, stages_busy;
  logic drain_first, drain_last;
  logic [IndexWidth-1:0] drain_index;
  logic [7:0] drain_step;
  logic [15:0] drain_word;
  token_t drain_token;
  assign hold = (mode_key_value || mode_head) ? stages_busy : !line_room;

  psf_drain #(
      .Depth(Cfg.AccDepth),
      .TokenWidth($bits(token_t))
  ) u_drain (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .token_room_o (token_room),
      .token_valid_i(grant_i),
      .token_i      (token_in),
      .complete_i   (complete),
      .reopen_o     (reopen),
      .hold_i       (hold),
      .stream_o     (stream_read_o),
      .stream_ready_i,
      .read_o       (drain_read),
      .buffer_o     (drain_buffer),
      .clear_o      (drain_clear),
      .index_o      (drain_index),
      .token_o      (drain_token),
      .step_o       (drain_step),
      .word_o       (drain_word),
      .first_step_o (drain_first),
      .token_last_o (drain_last),
      .idle_o       (drain_idle),
      .parity_o     (token_parity)
  );
  assign stream_read_bank_o = drain_token.bank;

  // Lanes.
  logic add_valid, add_buffer;
  logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] acc, acc_q;
  assign add_valid  = word_valid_i || kv_add;
  assign add_buffer = mode_key_value ? kv_buffer : word_buffer_i;

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    logic [SlotWidth-1:0] slot;
    assign slot = word_data_i[p*SlotWidth+:SlotWidth];
    psf_lane #(
        .Depth(Cfg.AccDepth),
        .AccWidth(Cfg.AccWidth)
    ) u_pe (
        .clk_i,
        .rst_ni,
        .add_valid_i   (add_valid),
        .add_buffer_i  (add_buffer),
        .add_index_i   (mode_key_value ? kv_add_index : slot[SlotWidth-1:8]),
        .add_weight_i  (mode_key_value ? {7'd0, kv_bits[p]} : slot[7:0]),
        .add_shift_i   (mode_key_value ? 3'd0 : word_shift_i),
        .drain_valid_i (drain_read),
        .drain_buffer_i(sweep_done_q ? drain_buffer : sweep_q[IndexWidth]),
        .drain_index_i (sweep_done_q ? drain_index : sweep_q[IndexWidth-1:0]),
        .drain_clear_i (!sweep_done_q || drain_clear),
        .drain_acc_o   (acc[p]),
        .parity_o      (lane_parity[p]),
        .overrun_o     (lane_overrun[p])
    );
  end

  always_ff @(posedge clk_i) acc_q <= acc;

  // The lanes never add to the buffer that is being drained.
  always_ff @(posedge clk_i) begin
    if (rst_ni && sweep_done_q) begin
      assert (!(add_valid && drain_clear && add_buffer == drain_buffer));
    end
  end

  // Stages 1 and 2.
  logic to_line, word_last, word_right, word_down;
  logic [15:0] word_place;
  logic [16:0] word_out;
  logic [Cfg.Lanes-1:0] word_spikes;

  psf_drain_stages #(
      .Cfg(Cfg)
  ) u_stages (
      .clk_i,
      .rst_ni,
      .layer_i,
      .busy_o        (stages_busy),
      .param_valid_i,
      .param_addr_i,
      .param_data_i,
      .read_i        (drain_read),
      .index_i       (drain_index),
      .step_i        (drain_step),
      .word_i        (drain_word),
      .first_step_i  (drain_first),
      .last_i        (drain_last),
      .token_index_i (drain_token.index),
      .token_out_i   (drain_token.out),
      .token_right_i (drain_token.right),
      .token_down_i  (drain_token.down),
      .token_place_i (drain_token.place),
      .token_bank_i  (drain_token.bank),
      .token_stream_i(drain_token.stream),
      .token_dump_i  (drain_token.dump),
      .token_block_i (drain_token.block),
      .acc_i         (acc_q),
      .stream_read_addr_o,
      .stream_data_i,
      .stream_error_i,
      .stream_write_o,
      .stream_write_bank_o,
      .stream_write_addr_o,
      .stream_write_data_o,
      .head_valid_o,
      .head_ready_i,
      .head_index_o,
      .head_data_o,
      .dump_valid_o,
      .dump_ready_i,
      .dump_bank_o,
      .dump_addr_o,
      .dump_data_o,
      .line_valid_o  (to_line),
      .line_word_o   (word_place),
      .line_out_o    (word_out),
      .line_right_o  (word_right),
      .line_down_o   (word_down),
      .line_last_o   (word_last),
      .line_bits_o   (word_spikes),
      .trace_valid_o,
      .trace_token_o,
      .trace_step_o,
      .trace_word_o,
      .trace_value_o,
      .parity_o      (stage_parity),
      .overrun_o     (stage_overrun)
  );
  assign trace_spikes_o = to_line ? word_spikes : '0;

  logic writer_idle;
  psf_line_writer #(
      .Cfg(Cfg)
  ) u_writer (
      .clk_i,
      .rst_ni,
      .room_o      (line_room),
      .word_valid_i(to_line),
      .word_index_i(word_place),
      .word_out_i  (word_out),
      .word_right_i(word_right),
      .word_down_i (word_down),
      .word_last_i (word_last),
      .word_bits_i (word_spikes),
      .line_valid_o,
      .line_ready_i,
      .line_addr_o,
      .line_words_o,
      .line_data_o,
      .line_right_o,
      .line_down_o,
      .idle_o      (writer_idle),
      .parity_o    (line_parity),
      .overrun_o   (line_overrun)
  );

  // The fetch may outlast the drain if the last lines of a token are not scanned.
  assign idle_o = drain_idle && !stages_busy && writer_idle && fetch_idle;

  // Faults.
  logic lane_parity_q, fetch_parity_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      item_parity_q  <= 1'b0;
      lane_parity_q  <= 1'b0;
      fetch_parity_q <= 1'b0;
    end else begin
      item_parity_q  <= item_error;
      lane_parity_q  <= |lane_parity;
      fetch_parity_q <= fetch_parity;
    end
  end
  assign parity_o = fetch_parity_q || scan_parity || item_parity_q || kv_parity || token_parity
      || lane_parity_q || stage_parity || line_parity;
  assign overrun_o = fetch_overrun || scan_overrun || kv_overrun || (|lane_overrun)
      || stage_overrun || line_overrun;

  // Where this group's cycle goes; exactly one of bits 5:1 per cycle.
  assign event_o[0] = row_valid_o || kv_add;
  assign event_o[1] = add_valid;
  always_comb begin
    event_o[5:2] = '0;
    if (!add_valid) begin
      if (drain_idle) event_o[5] = 1'b1;
      else if (window_blocked || (window_empty && complete != 2'd0)) event_o[4] = 1'b1;
      else if (window_empty) event_o[3] = 1'b1;
      else event_o[2] = 1'b1;
    end
  end
endmodule
