// SPDX-License-Identifier: Apache-2.0
// The PE groups and the dispatcher that gives them the tokens of a layer. work_start_i pulses with the
// layer; idle_o: every token has been granted and no group works. Ports of group g are element g; see
// psf_group. event_o: how many groups had each of the events of a cycle in it.
module psf_groups #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned PatchWidth = Cfg.LineWords * (Cfg.Lanes + 1)  // a parity per word
) (
    input logic clk_i,
    input logic rst_ni,
    input logic work_start_i,
    input psf_pkg::layer_t layer_i,
    output logic idle_o,
    // loader: parameters and row mask, the top bit is the parity
    input logic param_valid_i,
    input logic [$clog2(Cfg.ParamDepth)-1:0] param_addr_i,
    input logic [2*Cfg.Lanes*Cfg.AccWidth:0] param_data_i,
    input logic mask_valid_i,
    input logic [$clog2(psf_pkg::MaskLines)-1:0] mask_addr_i,
    input logic [LineWidth:0] mask_data_i,
    // of each group
    output logic [Cfg.Groups-1:0] read_valid_o,
    input logic [Cfg.Groups-1:0] read_ready_i,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.SpikeLines)-1:0] read_addr_o,
    input logic [Cfg.Groups-1:0] read_line_valid_i,
    input logic [Cfg.Groups-1:0][PatchWidth-1:0] read_line_i,
    output logic [Cfg.Groups-1:0] line_valid_o,
    input logic [Cfg.Groups-1:0] line_ready_i,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.SpikeLines)-1:0] line_addr_o,
    output logic [Cfg.Groups-1:0][Cfg.LineWords-1:0] line_words_o,
    output logic [Cfg.Groups-1:0][LineWidth-1:0] line_data_o,
    output logic [Cfg.Groups-1:0] line_right_o,
    output logic [Cfg.Groups-1:0] line_down_o,
    output logic [Cfg.Groups-1:0][Cfg.Banks-1:0] req_o,
    output logic [Cfg.Groups-1:0][Cfg.Banks-1:0] many_o,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] req_grant_i,
    output logic [Cfg.Groups-1:0] row_valid_o,
    output logic [Cfg.Groups-1:0][Cfg.Banks-1:0] row_bank_o,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.RowDepth)-1:0] row_addr_o,
    output psf_group_pkg::tag_t [Cfg.Groups-1:0] row_tag_o,
    input logic [Cfg.Groups-1:0] word_valid_i,
    input logic [Cfg.Groups-1:0][Cfg.Lanes*SlotWidth-1:0] word_data_i,
    input logic [Cfg.Groups-1:0][2:0] word_shift_i,
    input psf_group_pkg::tag_t [Cfg.Groups-1:0] word_tag_i,
    input logic [Cfg.Groups-1:0] word_last_i,
    output logic [Cfg.Groups-1:0] stream_read_o,
    input logic [Cfg.Groups-1:0] stream_ready_i,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.Groups)-1:0] stream_read_bank_o,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.StreamDepth)-1:0] stream_read_addr_o,
    input logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.StreamWidth-1:0] stream_data_i,
    input logic [Cfg.Groups-1:0] stream_error_i,
    output logic [Cfg.Groups-1:0] stream_write_o,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.Groups)-1:0] stream_write_bank_o,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.StreamDepth)-1:0] stream_write_addr_o,
    output logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.StreamWidth-1:0] stream_write_data_o,
    output logic [Cfg.Groups-1:0] head_valid_o,
    input logic [Cfg.Groups-1:0] head_ready_i,
    output logic [Cfg.Groups-1:0][7:0] head_index_o,
    output logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.AccWidth-1:0] head_data_o,
    output logic [Cfg.Groups-1:0] dump_valid_o,
    input logic [Cfg.Groups-1:0] dump_ready_i,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.Banks)-1:0] dump_bank_o,
    output logic [Cfg.Groups-1:0][$clog2(Cfg.BankDepth)-1:0] dump_addr_o,
    output logic [Cfg.Groups-1:0][Cfg.Lanes*SlotWidth-1:0] dump_data_o,
    output logic [Cfg.Groups-1:0] trace_valid_o,
    output logic [Cfg.Groups-1:0][15:0] trace_token_o,
    output logic [Cfg.Groups-1:0][7:0] trace_step_o,
    output logic [Cfg.Groups-1:0][7:0] trace_word_o,
    output logic [Cfg.Groups-1:0][Cfg.Lanes-1:0] trace_spikes_o,
    output logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.AccWidth-1:0] trace_value_o,
    output logic [5:0][7:0] event_o,
    output logic parity_o,
    output logic overrun_o
);
  logic dispatch_done;
  logic [Cfg.Groups-1:0] request, grant, group_idle, group_parity, group_overrun;
  logic [Cfg.Groups-1:0][5:0] group_event;
  psf_pkg::token_t token;

  psf_dispatcher #(
      .Cfg(Cfg)
  ) u_dispatcher (
      .clk_i,
      .rst_ni,
      .start_i  (work_start_i),
      .layer_i,
      .done_o   (dispatch_done),
      .request_i(request),
      .grant_o  (grant),
      .token_o  (token)
  );

  for (genvar g = 0; g < Cfg.Groups; g++) begin : gen_group
    psf_group #(
        .Cfg(Cfg)
    ) u_group (
        .clk_i,
        .rst_ni,
        .start_i            (work_start_i),
        .layer_i,
        .idle_o             (group_idle[g]),
        .request_o          (request[g]),
        .grant_i            (grant[g]),
        .token_i            (token),
        .read_valid_o       (read_valid_o[g]),
        .read_ready_i       (read_ready_i[g]),
        .read_addr_o        (read_addr_o[g]),
        .read_line_valid_i  (read_line_valid_i[g]),
        .read_line_i        (read_line_i[g]),
        .line_valid_o       (line_valid_o[g]),
        .line_ready_i       (line_ready_i[g]),
        .line_addr_o        (line_addr_o[g]),
        .line_words_o       (line_words_o[g]),
        .line_data_o        (line_data_o[g]),
        .line_right_o       (line_right_o[g]),
        .line_down_o        (line_down_o[g]),
        .req_o              (req_o[g]),
        .many_o             (many_o[g]),
        .req_grant_i        (req_grant_i[g]),
        .row_valid_o        (row_valid_o[g]),
        .row_bank_o         (row_bank_o[g]),
        .row_addr_o         (row_addr_o[g]),
        .row_tag_o          (row_tag_o[g]),
        .word_valid_i       (word_valid_i[g]),
        .word_data_i        (word_data_i[g]),
        .word_shift_i       (word_shift_i[g]),
        .word_tag_i         (word_tag_i[g]),
        .word_last_i        (word_last_i[g]),
        .param_valid_i,
        .param_addr_i,
        .param_data_i,
        .mask_valid_i,
        .mask_addr_i,
        .mask_data_i,
        .stream_read_o      (stream_read_o[g]),
        .stream_ready_i     (stream_ready_i[g]),
        .stream_read_bank_o (stream_read_bank_o[g]),
        .stream_read_addr_o (stream_read_addr_o[g]),
        .stream_data_i      (stream_data_i[g]),
        .stream_error_i     (stream_error_i[g]),
        .stream_write_o     (stream_write_o[g]),
        .stream_write_bank_o(stream_write_bank_o[g]),
        .stream_write_addr_o(stream_write_addr_o[g]),
        .stream_write_data_o(stream_write_data_o[g]),
        .head_valid_o       (head_valid_o[g]),
        .head_ready_i       (head_ready_i[g]),
        .head_index_o       (head_index_o[g]),
        .head_data_o        (head_data_o[g]),
        .dump_valid_o       (dump_valid_o[g]),
        .dump_ready_i       (dump_ready_i[g]),
        .dump_bank_o        (dump_bank_o[g]),
        .dump_addr_o        (dump_addr_o[g]),
        .dump_data_o        (dump_data_o[g]),
        .event_o            (group_event[g]),
        .parity_o           (group_parity[g]),
        .overrun_o          (group_overrun[g]),
        .trace_valid_o      (trace_valid_o[g]),
        .trace_token_o      (trace_token_o[g]),
        .trace_step_o       (trace_step_o[g]),
        .trace_word_o       (trace_word_o[g]),
        .trace_spikes_o     (trace_spikes_o[g]),
        .trace_value_o      (trace_value_o[g])
    );
  end

  assign idle_o = dispatch_done && (&group_idle);
  assign parity_o = |group_parity;
  assign overrun_o = |group_overrun;

  always_comb begin
    event_o = '0;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      for (int unsigned i = 0; i < 6; i++) event_o[i] = event_o[i] + 8'(group_event[g][i]);
    end
  end
endmodule
