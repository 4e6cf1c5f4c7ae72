// SPDX-License-Identifier: Apache-2.0
// The way of a group's finished accumulations: the currents of the single timesteps (psf_drain), which
// words they are (psf_drain_words), bias, residual and LIF (psf_drain_stages), and the gathering of
// spikes into lines (psf_line_writer). At most one current a cycle; stalls with the residual bank, the
// line writer, head_ready_i and dump_ready_i. Keeps the tokens in flight, in order. parity_o: a bit
// that was used has flipped; overrun_o: an address was beyond its memory (what it meant is dropped).
// Golden: golden.contract.model.
module psf_drain_path #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned EntryWidth = $clog2(Cfg.AccDepth * Cfg.Patterns),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned GroupWidth = $clog2(Cfg.Groups),
    localparam int unsigned StreamAddrWidth = $clog2(Cfg.StreamDepth),
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,
    input psf_pkg::layer_t layer_i,
    output logic idle_o,  // nothing left to hand out
    output logic waiting_o,  // no token has work here
    output logic room_o,
    input logic token_valid_i,
    input psf_pkg::token_t token_i,
    // accumulation buffers and lanes; acc_i comes two cycles after read_o, which also clears
    input logic [1:0] complete_i,
    input logic [1:0][psf_group_pkg::Sets-1:0] touched_i,
    output logic [1:0] reopen_o,
    output logic read_o,
    output logic buffer_o,
    output logic [EntryWidth-1:0] entry_o,
    input logic [Cfg.Lanes-1:0][1:0][Cfg.AccWidth-1:0] acc_i,
    // parameters (bias, theta2); the top bit is the parity
    input logic param_valid_i,
    input logic [$clog2(Cfg.ParamDepth)-1:0] param_addr_i,
    input logic [2*Cfg.Lanes*Cfg.AccWidth:0] param_data_i,
    // residual stream
    output logic stream_read_o,
    input logic stream_ready_i,
    output logic [GroupWidth-1:0] stream_read_bank_o,
    output logic [StreamAddrWidth-1:0] stream_read_addr_o,
    input logic [Cfg.Lanes*Cfg.StreamWidth-1:0] stream_data_i,
    input logic stream_error_i,
    output logic stream_write_o,
    output logic [GroupWidth-1:0] stream_write_bank_o,
    output logic [StreamAddrWidth-1:0] stream_write_addr_o,
    output logic [Cfg.Lanes*Cfg.StreamWidth-1:0] stream_write_data_o,
    // logits and key-value rows
    output logic head_valid_o,
    input logic head_ready_i,
    output logic [7:0] head_index_o,
    output logic [Cfg.Lanes*Cfg.AccWidth-1:0] head_data_o,
    output logic dump_valid_o,
    input logic dump_ready_i,
    output logic [$clog2(Cfg.Banks)-1:0] dump_bank_o,
    output logic [$clog2(Cfg.BankDepth)-1:0] dump_addr_o,
    output logic [Cfg.Lanes*SlotWidth-1:0] dump_data_o,
    // spike memory
    output logic line_valid_o,
    input logic line_ready_i,
    output logic [$clog2(Cfg.SpikeLines)-1:0] line_addr_o,
    output logic [Cfg.LineWords-1:0] line_words_o,
    output logic [LineWidth-1:0] line_data_o,
    output logic line_right_o,
    output logic line_down_o,
    // trace
    output logic trace_valid_o,
    output logic [15:0] trace_token_o,
    output logic [7:0] trace_step_o,
    output logic [7:0] trace_word_o,
    output logic [Cfg.Lanes-1:0] trace_spikes_o,
    output logic [Cfg.Lanes*Cfg.AccWidth-1:0] trace_value_o,
    output logic parity_o,
    output logic overrun_o
);
  logic shared;  // the receiver serves all groups: one word at a time
  assign shared = layer_i.mode == psf_pkg::MODE_KEY_VALUE || layer_i.mode == psf_pkg::MODE_HEAD;

  // Currents.
  logic current_valid, current_ready, current_parity;
  logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] current, current_q;
  psf_drain #(
      .Cfg(Cfg)
  ) u_drain (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .complete_i,
      .touched_i,
      .reopen_o,
      .read_o,
      .buffer_o,
      .entry_o,
      .acc_i,
      .current_valid_o(current_valid),
      .current_ready_i(current_ready),
      .current_o      (current),
      .parity_o       (current_parity)
  );

  // Stage 0. What the patch fetch needed of a token is not kept.
  logic hold, line_room, stages_busy, stages_full, word_go;
  logic word_first, word_first_step, word_token_last, word_keep, token_parity;
  logic [IndexWidth-1:0] word_index;
  logic [7:0] word_step;
  logic [15:0] word_at, word_number;
  psf_pkg::token_t token_kept, drain_token;
  assign hold = shared ? stages_full : !line_room;
  always_comb begin
    token_kept = token_i;
    token_kept.line = '0;
    token_kept.taps = '0;
    token_kept.word = '0;
  end

  psf_drain_words #(
      .IndexWidth(IndexWidth),
      .Parity(Cfg.Parity != 0)
  ) u_words (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .token_room_o   (room_o),
      .token_valid_i,
      .token_i        (token_kept),
      .current_valid_i(current_valid),
      .current_ready_o(current_ready),
      .hold_i         (hold),
      .stream_o       (stream_read_o),
      .stream_ready_i,
      .go_o           (word_go),
      .token_o        (drain_token),
      .index_o        (word_index),
      .step_o         (word_step),
      .place_o        (word_at),
      .word_o         (word_number),
      .first_step_o   (word_first_step),
      .first_o        (word_first),
      .token_last_o   (word_token_last),
      .keep_o         (word_keep),
      .idle_o         (waiting_o),
      .parity_o       (token_parity)
  );
  always_ff @(posedge clk_i) if (word_go) current_q <= current;
  assign stream_read_bank_o = drain_token.bank[$clog2(Cfg.Groups)-1:0];

  // Stages 1 and 2.
  logic to_line, word_last, stage_parity, stage_overrun;
  logic [15:0] word_place;
  logic [Cfg.Lanes-1:0] word_spikes;
  psf_pkg::token_t word_token;

  psf_drain_stages #(
      .Cfg(Cfg)
  ) u_stages (
      .clk_i,
      .rst_ni,
      .layer_i,
      .busy_o      (stages_busy),
      .full_o      (stages_full),
      .param_valid_i,
      .param_addr_i,
      .param_data_i,
      .read_i      (word_go),
      .index_i     (word_index),
      .step_i      (word_step),
      .place_i     (word_at),
      .word_i      (word_number),
      .first_i     (word_first),
      .first_step_i(word_first_step),
      .keep_i      (word_keep),
      .last_i      (word_token_last),
      .token_i     (drain_token),
      .current_i   (current_q),
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
      .line_valid_o(to_line),
      .line_token_o(word_token),
      .line_word_o (word_place),
      .line_last_o (word_last),
      .line_bits_o (word_spikes),
      .trace_valid_o,
      .trace_token_o,
      .trace_step_o,
      .trace_word_o,
      .trace_value_o,
      .parity_o    (stage_parity),
      .overrun_o   (stage_overrun)
  );
  assign trace_spikes_o = to_line ? word_spikes : '0;

  logic writer_idle, line_parity, line_overrun;
  psf_line_writer #(
      .Cfg(Cfg)
  ) u_writer (
      .clk_i,
      .rst_ni,
      .room_o      (line_room),
      .word_valid_i(to_line),
      .word_token_i(word_token),
      .word_index_i(word_place),
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

  assign idle_o = waiting_o && !stages_busy && writer_idle;
  assign parity_o = current_parity || token_parity || stage_parity || line_parity;
  assign overrun_o = stage_overrun || line_overrun;
endmodule
