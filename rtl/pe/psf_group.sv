// SPDX-License-Identifier: Apache-2.0
// One PE group: takes a token from the dispatcher, fetches its patch, issues its spikes to the
// weight banks, adds the weight words that come back in P lanes, and drains every finished
// accumulation through bias, residual and LIF. Membrane potentials live in the lanes while the
// timesteps of the token run and never leave. Throughput: one row-add per cycle and, beside it, one
// drained word per cycle. Golden: golden.integer.model; trace_* show every drained word.
module psf_group #(
    parameter int unsigned Groups = 4,
    parameter int unsigned Lanes = 16,
    parameter int unsigned Banks = 8,
    parameter int unsigned LineWords = 8,
    parameter int unsigned AccDepth = 16,
    parameter int unsigned AccWidth = 20,
    parameter int unsigned StreamWidth = 16,
    parameter int unsigned BankDepth = 1024,
    parameter int unsigned RowDepth = 1024,
    parameter int unsigned ParamDepth = 128,
    parameter int unsigned SpikeLines = 2048,
    parameter int unsigned StreamDepth = 512,
    parameter int unsigned PatchLines = 64,
    localparam int unsigned IndexWidth = $clog2(AccDepth),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned LineWidth = LineWords * Lanes
) (
    input  logic                           clk_i,
    input  logic                           rst_ni,
    input  logic                           start_i,
    input  psf_pkg::layer_t                layer_i,
    output logic                           idle_o,
    // token
    output logic                           request_o,
    input  logic                           grant_i,
    input  logic [15:0]                    token_index_i,
    input  logic [15:0]                    token_line_i,
    input  logic [8:0]                     token_taps_i,
    input  logic [$clog2(LineWords)-1:0]   token_word_i,
    input  logic [15:0]                    token_out_i,
    input  logic                           token_right_i,
    input  logic                           token_down_i,
    input  logic [$clog2(Groups)-1:0]      token_bank_i,
    input  logic [15:0]                    token_stream_i,
    input  logic [15:0]                    token_dump_i,
    input  logic [7:0]                     token_block_i,
    // spike memory
    output logic                           read_valid_o,
    input  logic                           read_ready_i,
    output logic [$clog2(SpikeLines)-1:0]  read_addr_o,
    input  logic                           read_line_valid_i,
    input  logic [LineWidth-1:0]           read_line_i,
    output logic                           line_valid_o,
    input  logic                           line_ready_i,
    output logic [$clog2(SpikeLines)-1:0]  line_addr_o,
    output logic [LineWords-1:0]           line_words_o,
    output logic [LineWidth-1:0]           line_data_o,
    output logic                           line_right_o,
    output logic                           line_down_o,
    // issue arbiter and weight banks
    output logic [Banks-1:0]               req_o,
    input  logic [Banks-1:0]               req_grant_i,
    output logic                           row_valid_o,
    output logic [Banks-1:0]               row_bank_o,
    output logic [$clog2(RowDepth)-1:0]    row_addr_o,
    output logic                           row_buffer_o,
    input  logic                           word_valid_i,
    input  logic [Lanes*SlotWidth-1:0]     word_data_i,
    input  logic [2:0]                     word_shift_i,
    input  logic                           word_buffer_i,
    input  logic                           word_last_i,
    // parameters (bias, theta2), broadcast by the loader
    input  logic                           param_valid_i,
    input  logic [$clog2(ParamDepth)-1:0]  param_addr_i,
    input  logic [2*Lanes*AccWidth-1:0]    param_data_i,
    // residual stream
    output logic                           stream_read_o,
    input  logic                           stream_ready_i,
    output logic [$clog2(Groups)-1:0]      stream_read_bank_o,
    output logic [$clog2(StreamDepth)-1:0] stream_read_addr_o,
    input  logic [Lanes*StreamWidth-1:0]   stream_data_i,
    output logic                           stream_write_o,
    output logic [$clog2(Groups)-1:0]      stream_write_bank_o,
    output logic [$clog2(StreamDepth)-1:0] stream_write_addr_o,
    output logic [Lanes*StreamWidth-1:0]   stream_write_data_o,
    // logits and key-value rows
    output logic                           head_valid_o,
    input  logic                           head_ready_i,
    output logic [7:0]                     head_index_o,
    output logic [Lanes*AccWidth-1:0]      head_data_o,
    output logic                           dump_valid_o,
    input  logic                           dump_ready_i,
    output logic [$clog2(Banks)-1:0]       dump_bank_o,
    output logic [$clog2(BankDepth)-1:0]   dump_addr_o,
    output logic [Lanes*SlotWidth-1:0]     dump_data_o,
    // counters: issued, added, bank stall, fetch stall, drain stall, idle
    output logic [5:0]                     event_o,
    // trace
    output logic                           trace_valid_o,
    output logic [15:0]                    trace_token_o,
    output logic [7:0]                     trace_step_o,
    output logic [7:0]                     trace_word_o,
    output logic [Lanes-1:0]               trace_spikes_o,
    output logic [Lanes*AccWidth-1:0]      trace_value_o
);
  localparam int unsigned GroupWidth = $clog2(Groups);
  localparam int unsigned LineAddrWidth = $clog2(SpikeLines);
  localparam int unsigned RowAddrWidth = $clog2(RowDepth);
  localparam int unsigned BankAddrWidth = $clog2(BankDepth);
  localparam int unsigned StreamAddrWidth = $clog2(StreamDepth);
  localparam int unsigned BankWidth = $clog2(Banks);

  typedef struct packed {
    logic [15:0]           index;
    logic [15:0]           out;
    logic                  right;
    logic                  down;
    logic [GroupWidth-1:0] bank;
    logic [15:0]           stream;
    logic [15:0]           dump;
    logic [7:0]            block;
  } token_t;

  typedef struct packed {
    token_t                token;
    logic [IndexWidth-1:0] index;
    logic [7:0]            step;
    logic [15:0]           word;
    logic                  last;
  } drain_t;

  logic mode_key_value, mode_head, mode_residual;
  assign mode_key_value = layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign mode_head = layer_i.mode == psf_pkg::MODE_HEAD;
  assign mode_residual = layer_i.mode == psf_pkg::MODE_RESIDUAL;

  // Both accumulator buffers start at zero: one sweep after reset, the drain keeps them so.
  logic [IndexWidth:0] sweep_q;
  logic sweep_done_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      sweep_q <= '0;
      sweep_done_q <= 1'b0;
    end else if (!sweep_done_q) begin
      sweep_q <= sweep_q[IndexWidth-1:0] == IndexWidth'(AccDepth - 1)
          ? {!sweep_q[IndexWidth], {IndexWidth{1'b0}}} : sweep_q + (IndexWidth + 1)'(1);
      sweep_done_q <= sweep_q == {1'b1, IndexWidth'(AccDepth - 1)};
    end
  end

  // Token in, patch fetch.
  logic patch_room, token_room;
  token_t token_in;
  assign request_o = sweep_done_q && patch_room && token_room;
  assign token_in = '{
      index: token_index_i,
      out: token_out_i,
      right: token_right_i,
      down: token_down_i,
      bank: token_bank_i,
      stream: token_stream_i,
      dump: token_dump_i,
      block: token_block_i
  };

  logic patch_valid, patch_read, patch_release;
  logic scan_read, scan_release, kv_read, kv_release;
  logic [$clog2(PatchLines):0] filled;
  logic [8:0] patch_taps;
  logic [$clog2(LineWords)-1:0] patch_word;
  logic [$clog2(PatchLines)-1:0] patch_index, scan_index, kv_index;
  logic [LineWidth-1:0] patch_line;
  assign patch_read = scan_read || kv_read;
  assign patch_release = scan_release || kv_release;
  assign patch_index = mode_key_value ? kv_index : scan_index;

  psf_patch_fetch #(
      .Lanes(Lanes),
      .LineWords(LineWords),
      .PatchLines(PatchLines),
      .LineAddrWidth(LineAddrWidth)
  ) u_fetch (
      .clk_i,
      .rst_ni,
      .layer_i,
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
      .patch_release_i(patch_release)
  );

  // Words to the window, through a short queue that keeps the arbiter's path out of the scanner.
  localparam int unsigned ItemWidth = 1 + BankWidth + RowAddrWidth + Lanes;
  logic scan_valid, scan_ready, item_valid, item_ready, scan_last, item_last;
  logic [Lanes-1:0] scan_bits, item_bits;
  logic [RowAddrWidth-1:0] scan_row, item_row;
  logic [BankWidth-1:0] scan_skew, item_skew;

  psf_scanner #(
      .Lanes(Lanes),
      .Banks(Banks),
      .LineWords(LineWords),
      .PatchLines(PatchLines),
      .RowAddrWidth(RowAddrWidth)
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
      .word_last_o    (scan_last)
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
      .out_data_o ({item_last, item_skew, item_row, item_bits})
  );

  logic window_empty, window_blocked;
  logic [1:0] window_complete, kv_complete, complete, reopen;
  psf_window #(
      .Lanes(Lanes),
      .Banks(Banks),
      .RowAddrWidth(RowAddrWidth)
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
  logic [Lanes-1:0] kv_bits;
  psf_key_value #(
      .Lanes(Lanes),
      .LineWords(LineWords),
      .PatchLines(PatchLines),
      .IndexWidth(IndexWidth)
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
      .reopen_i       (mode_key_value ? reopen : 2'd0)
  );
  assign complete = mode_key_value ? kv_complete : window_complete;

  // Drain control: stage 0.
  logic hold, drain_read, drain_buffer, drain_clear, drain_idle, line_room;
  drain_t s0, s1_q, s2_q;
  logic s0_first, s1_first_q, s1_valid_q, s2_valid_q, s2_taken;
  assign hold = (mode_key_value || mode_head) ? s1_valid_q || s2_valid_q : !line_room;

  psf_drain #(
      .Depth(AccDepth),
      .TokenWidth($bits(token_t))
  ) u_drain (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .token_room_o  (token_room),
      .token_valid_i (grant_i),
      .token_i       (token_in),
      .complete_i    (complete),
      .reopen_o      (reopen),
      .hold_i        (hold),
      .stream_o      (stream_read_o),
      .stream_ready_i,
      .read_o        (drain_read),
      .buffer_o      (drain_buffer),
      .clear_o       (drain_clear),
      .index_o       (s0.index),
      .token_o       (s0.token),
      .step_o        (s0.step),
      .word_o        (s0.word),
      .first_step_o  (s0_first),
      .token_last_o  (s0.last),
      .idle_o        (drain_idle)
  );
  assign stream_read_bank_o = s0.token.bank;
  assign stream_read_addr_o = StreamAddrWidth'(s0.token.stream + s0.word);

  logic [2*Lanes*AccWidth-1:0] params;
  psf_ram_1r1w #(
      .Width(2 * Lanes * AccWidth),
      .Depth(ParamDepth)
  ) u_params (
      .clk_i,
      .we_i   (param_valid_i),
      .waddr_i(param_addr_i),
      .wdata_i(param_data_i),
      .re_i   (drain_read),
      .raddr_i($clog2(ParamDepth)'(layer_i.param_base + 16'(s0.index))),
      .rdata_o(params)
  );

  // Stages 1 and 2.
  assign s2_taken = mode_head ? head_ready_i : mode_key_value ? dump_ready_i : 1'b1;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
    end else begin
      s1_valid_q <= drain_read;
      s2_valid_q <= s1_valid_q || (s2_valid_q && !s2_taken);
    end
  end

  logic [Lanes-1:0][AccWidth-1:0] acc, s1_acc_q, value, s2_value_q;
  logic [Lanes-1:0] spikes, s2_spikes_q;
  always_ff @(posedge clk_i) begin
    s1_q <= s0;
    s1_first_q <= s0_first;
    s1_acc_q <= acc;
    if (s1_valid_q) begin
      s2_q <= s1_q;
      s2_value_q <= value;
      s2_spikes_q <= spikes;
    end
  end

  // Lanes.
  logic add_valid, add_buffer;
  assign add_valid = word_valid_i || kv_add;
  assign add_buffer = mode_key_value ? kv_buffer : word_buffer_i;

  for (genvar p = 0; p < Lanes; p++) begin : gen_lane
    logic [SlotWidth-1:0] slot;
    assign slot = word_data_i[p*SlotWidth+:SlotWidth];
    psf_pe #(
        .Depth(AccDepth),
        .AccWidth(AccWidth)
    ) u_pe (
        .clk_i,
        .add_valid_i   (add_valid),
        .add_buffer_i  (add_buffer),
        .add_index_i   (mode_key_value ? kv_add_index : slot[SlotWidth-1:8]),
        .add_weight_i  (mode_key_value ? {7'd0, kv_bits[p]} : slot[7:0]),
        .add_shift_i   (mode_key_value ? 3'd0 : word_shift_i),
        .drain_buffer_i(sweep_done_q ? drain_buffer : sweep_q[IndexWidth]),
        .drain_index_i (sweep_done_q ? s0.index : sweep_q[IndexWidth-1:0]),
        .drain_clear_i (!sweep_done_q || drain_clear),
        .drain_acc_o   (acc[p])
    );

    // Stage 1. The compiler bounds every current by 2^(AccWidth-2) and the stream by its width.
    logic [AccWidth-1:0] bias, theta2, current, residual;
    logic [StreamWidth-1:0] stream;
    assign {theta2, bias} = params[p*2*AccWidth+:2*AccWidth];
    assign current = s1_acc_q[p] + ((mode_key_value || mode_head) ? '0 : bias);
    assign stream = layer_i.first ? '0 : stream_data_i[p*StreamWidth+:StreamWidth];
    assign residual = {{(AccWidth - StreamWidth) {stream[StreamWidth-1]}}, stream}
        + (current << layer_i.shift[2:0]);
    assign value[p] = mode_residual ? residual : current;
    psf_lif #(
        .Depth(AccDepth),
        .Width(AccWidth)
    ) u_lif (
        .clk_i,
        .valid_i  (s1_valid_q),
        .first_i  (s1_first_q),
        .index_i  (s1_q.index),
        .current_i(value[p]),
        .theta2_i (theta2),
        .spike_o  (spikes[p])
    );

    assign stream_write_data_o[p*StreamWidth+:StreamWidth] = s2_value_q[p][StreamWidth-1:0];
    // Counts are at most the number of tokens, which the compiler keeps below 128.
    assign dump_data_o[p*SlotWidth+:SlotWidth] = {
      IndexWidth'(s2_q.token.block + (8'(s2_q.index) & (layer_i.head_words - 8'd1))),
      s2_value_q[p][7:0]
    };
  end

  // The lanes never add to the buffer that is being drained.
  always_ff @(posedge clk_i) begin
    if (rst_ni && sweep_done_q) begin
      assert (!(add_valid && drain_clear && add_buffer == drain_buffer));
    end
  end

  // Stage 2: hand out.
  logic to_line;
  assign to_line = s2_valid_q && !mode_head && !mode_key_value;
  assign stream_write_o = s2_valid_q && mode_residual;
  assign stream_write_bank_o = s2_q.token.bank;
  assign stream_write_addr_o = StreamAddrWidth'(s2_q.token.stream + s2_q.word);
  assign head_valid_o = s2_valid_q && mode_head;
  assign head_index_o = 8'(s2_q.index);
  assign head_data_o = s2_value_q;

  logic [1:0] m_log2;
  logic [15:0] dump_row;
  assign m_log2 = layer_i.head_words[2] ? 2'd2 : layer_i.head_words[1] ? 2'd1 : 2'd0;
  assign dump_row = 16'(s2_q.index) >> m_log2;  // K channel i of the block
  assign dump_valid_o = s2_valid_q && mode_key_value;
  assign dump_bank_o = dump_row[BankWidth-1:0];
  assign dump_addr_o = BankAddrWidth'(s2_q.token.dump + ((dump_row >> BankWidth) << m_log2)
      + (16'(s2_q.index) & ({8'd0, layer_i.head_words} - 16'd1)));

  logic writer_idle;
  psf_line_writer #(
      .Lanes(Lanes),
      .LineWords(LineWords),
      .LineAddrWidth(LineAddrWidth)
  ) u_writer (
      .clk_i,
      .rst_ni,
      .room_o      (line_room),
      .word_valid_i(to_line),
      .word_index_i(s2_q.word),
      .word_out_i  (s2_q.token.out),
      .word_right_i(s2_q.token.right),
      .word_down_i (s2_q.token.down),
      .word_last_i (s2_q.last),
      .word_bits_i (s2_spikes_q),
      .line_valid_o,
      .line_ready_i,
      .line_addr_o,
      .line_words_o,
      .line_data_o,
      .line_right_o,
      .line_down_o,
      .idle_o      (writer_idle)
  );

  assign idle_o = drain_idle && !s1_valid_q && !s2_valid_q && writer_idle;

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

  assign trace_valid_o = s2_valid_q && s2_taken;
  assign trace_token_o = s2_q.token.index;
  assign trace_step_o = s2_q.step;
  assign trace_word_o = 8'(s2_q.index);
  assign trace_spikes_o = to_line ? s2_spikes_q : '0;
  assign trace_value_o = s2_value_q;

  if (StreamWidth >= AccWidth) begin : gen_bad_stream
    $error("psf_group: StreamWidth must be smaller than AccWidth");
  end
endmodule
