// SPDX-License-Identifier: Apache-2.0
// One PE group: takes a token from the dispatcher, fetches its patch, issues its spikes to the
// weight banks, adds the weight words that come back in P lanes, and drains every finished
// accumulation through bias, residual and LIF. Membrane potentials stay in the drain while the
// timesteps of the token run and never leave. Throughput: one row-add per cycle and, beside it, one
// drained word per cycle. parity_o: a bit that was used has flipped; overrun_o: an address was
// beyond its memory (what it meant is dropped). Golden: golden.contract.model; trace_* show every
// drained word.
module psf_group #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned EntryWidth = $clog2(Cfg.AccDepth * Cfg.Patterns),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned PatchWidth = Cfg.LineWords * (Cfg.Lanes + 1)  // a parity per word
) (
    input  logic                                                 clk_i,
    input  logic                                                 rst_ni,
    input  logic                                                 start_i,
    input  psf_pkg::layer_t                                      layer_i,
    output logic                                                 idle_o,
    // token
    output logic                                                 request_o,
    input  logic                                                 grant_i,
    input  psf_pkg::token_t                                      token_i,
    // spike memory
    output logic                                                 read_valid_o,
    input  logic                                                 read_ready_i,
    output logic                [    $clog2(Cfg.SpikeLines)-1:0] read_addr_o,
    input  logic                                                 read_line_valid_i,
    input  logic                [                PatchWidth-1:0] read_line_i,
    output logic                                                 line_valid_o,
    input  logic                                                 line_ready_i,
    output logic                [    $clog2(Cfg.SpikeLines)-1:0] line_addr_o,
    output logic                [             Cfg.LineWords-1:0] line_words_o,
    output logic                [                 LineWidth-1:0] line_data_o,
    output logic                                                 line_right_o,
    output logic                                                 line_down_o,
    // issue arbiter and weight banks
    output logic                [                 Cfg.Banks-1:0] req_o,
    output logic                [                 Cfg.Banks-1:0] many_o,
    input  logic                [                 Cfg.Banks-1:0] req_grant_i,
    output logic                                                 row_valid_o,
    output logic                [                 Cfg.Banks-1:0] row_bank_o,
    output logic                [      $clog2(Cfg.RowDepth)-1:0] row_addr_o,
    output psf_group_pkg::tag_t                                  row_tag_o,
    input  logic                                                 word_valid_i,
    input  logic                [       Cfg.Lanes*SlotWidth-1:0] word_data_i,
    input  logic                [                           2:0] word_shift_i,
    input  psf_group_pkg::tag_t                                  word_tag_i,
    input  logic                                                 word_last_i,
    // parameters (bias, theta2), broadcast by the loader; the top bit is the parity
    input  logic                                                 param_valid_i,
    input  logic                [    $clog2(Cfg.ParamDepth)-1:0] param_addr_i,
    input  logic                [    2*Cfg.Lanes*Cfg.AccWidth:0] param_data_i,
    // row mask, likewise
    input  logic                                                 mask_valid_i,
    input  logic                [$clog2(psf_pkg::MaskLines)-1:0] mask_addr_i,
    input  logic                [     Cfg.LineWords*Cfg.Lanes:0] mask_data_i,
    // residual stream
    output logic                                                 stream_read_o,
    input  logic                                                 stream_ready_i,
    output logic                [        $clog2(Cfg.Groups)-1:0] stream_read_bank_o,
    output logic                [   $clog2(Cfg.StreamDepth)-1:0] stream_read_addr_o,
    input  logic                [ Cfg.Lanes*Cfg.StreamWidth-1:0] stream_data_i,
    input  logic                                                 stream_error_i,
    output logic                                                 stream_write_o,
    output logic                [        $clog2(Cfg.Groups)-1:0] stream_write_bank_o,
    output logic                [   $clog2(Cfg.StreamDepth)-1:0] stream_write_addr_o,
    output logic                [ Cfg.Lanes*Cfg.StreamWidth-1:0] stream_write_data_o,
    // logits and key-value rows
    output logic                                                 head_valid_o,
    input  logic                                                 head_ready_i,
    output logic                [                           7:0] head_index_o,
    output logic                [    Cfg.Lanes*Cfg.AccWidth-1:0] head_data_o,
    output logic                                                 dump_valid_o,
    input  logic                                                 dump_ready_i,
    output logic                [         $clog2(Cfg.Banks)-1:0] dump_bank_o,
    output logic                [     $clog2(Cfg.BankDepth)-1:0] dump_addr_o,
    output logic                [       Cfg.Lanes*SlotWidth-1:0] dump_data_o,
    // counters: issued, added, bank stall, fetch stall, drain stall, idle
    output logic                [                           5:0] event_o,
    output logic                                                 parity_o,
    output logic                                                 overrun_o,
    // trace
    output logic                                                 trace_valid_o,
    output logic                [                          15:0] trace_token_o,
    output logic                [                           7:0] trace_step_o,
    output logic                [                           7:0] trace_word_o,
    output logic                [                 Cfg.Lanes-1:0] trace_spikes_o,
    output logic                [    Cfg.Lanes*Cfg.AccWidth-1:0] trace_value_o
);
  // Token in, rows out.
  logic lanes_ready, patch_room, token_room, fetch_idle, path_parity, path_overrun;
  logic kv_add, kv_buffer, window_empty, window_blocked;
  logic [IndexWidth-1:0] kv_index;
  logic [ Cfg.Lanes-1:0] kv_bits;
  logic [1:0] complete, reopen;
  logic [1:0][psf_group_pkg::Sets-1:0] touched;
  assign request_o = lanes_ready && patch_room && token_room;

  psf_spike_path #(
      .Cfg(Cfg)
  ) u_path (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .idle_o           (fetch_idle),
      .room_o           (patch_room),
      .token_valid_i    (grant_i),
      .token_i,
      .mask_valid_i,
      .mask_addr_i,
      .mask_data_i,
      .read_valid_o,
      .read_ready_i,
      .read_addr_o,
      .line_valid_i     (read_line_valid_i),
      .line_i           (read_line_i),
      .req_o,
      .many_o,
      .grant_i          (req_grant_i),
      .row_valid_o,
      .row_bank_o,
      .row_addr_o,
      .row_tag_o,
      .row_done_i       (word_valid_i && word_last_i),
      .row_done_buffer_i(word_tag_i.buffer),
      .kv_valid_o       (kv_add),
      .kv_buffer_o      (kv_buffer),
      .kv_index_o       (kv_index),
      .kv_bits_o        (kv_bits),
      .complete_o       (complete),
      .touched_o        (touched),
      .reopen_i         (reopen),
      .empty_o          (window_empty),
      .blocked_o        (window_blocked),
      .parity_o         (path_parity),
      .overrun_o        (path_overrun)
  );

  // Accumulations out.
  logic drain_idle, drain_waits, drain_read, drain_buffer, drain_parity, drain_overrun;
  logic [EntryWidth-1:0] drain_entry;
  logic [Cfg.Lanes-1:0][1:0][Cfg.AccWidth-1:0] acc;
  psf_drain_path #(
      .Cfg(Cfg)
  ) u_drain (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .idle_o       (drain_idle),
      .waiting_o    (drain_waits),
      .room_o       (token_room),
      .token_valid_i(grant_i),
      .token_i,
      .complete_i   (complete),
      .touched_i    (touched),
      .reopen_o     (reopen),
      .read_o       (drain_read),
      .buffer_o     (drain_buffer),
      .entry_o      (drain_entry),
      .acc_i        (acc),
      .param_valid_i,
      .param_addr_i,
      .param_data_i,
      .stream_read_o,
      .stream_ready_i,
      .stream_read_bank_o,
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
      .line_valid_o,
      .line_ready_i,
      .line_addr_o,
      .line_words_o,
      .line_data_o,
      .line_right_o,
      .line_down_o,
      .trace_valid_o,
      .trace_token_o,
      .trace_step_o,
      .trace_word_o,
      .trace_spikes_o,
      .trace_value_o,
      .parity_o     (drain_parity),
      .overrun_o    (drain_overrun)
  );

  logic lanes_parity, lanes_overrun;
  psf_lanes #(
      .Cfg(Cfg)
  ) u_lanes (
      .clk_i,
      .rst_ni,
      .ready_o       (lanes_ready),
      .layer_i,
      .word_valid_i,
      .word_tag_i,
      .word_shift_i,
      .word_data_i,
      .kv_valid_i    (kv_add),
      .kv_buffer_i   (kv_buffer),
      .kv_index_i    (kv_index),
      .kv_bits_i     (kv_bits),
      .drain_valid_i (drain_read),
      .drain_buffer_i(drain_buffer),
      .drain_clear_i (drain_read),
      .drain_entry_i (drain_entry),
      .acc_o         (acc),
      .parity_o      (lanes_parity),
      .overrun_o     (lanes_overrun)
  );

  assign idle_o = drain_idle && fetch_idle;
  assign parity_o = Cfg.Parity != 0 && (path_parity || lanes_parity || drain_parity);
  assign overrun_o = path_overrun || lanes_overrun || drain_overrun;

  // Where this group's cycle goes; exactly one of bits 5:1 per cycle.
  logic add_valid;
  assign add_valid  = word_valid_i || kv_add;
  assign event_o[0] = row_valid_o || kv_add;
  assign event_o[1] = add_valid;
  always_comb begin
    event_o[5:2] = '0;
    if (!add_valid) begin
      if (drain_waits) event_o[5] = 1'b1;
      else if (window_blocked || (window_empty && complete != 2'd0)) event_o[4] = 1'b1;
      else if (window_empty) event_o[3] = 1'b1;
      else event_o[2] = 1'b1;
    end
  end
endmodule
