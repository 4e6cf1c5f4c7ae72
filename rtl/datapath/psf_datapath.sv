// SPDX-License-Identifier: Apache-2.0
// Everything that computes: dispatcher, PE groups, issue arbiter, weight banks, spike and residual
// memories, head. Runs one layer from layer_start_i to layer_done_o; the loader writes the memories
// through the load ports at any time (the program keeps it away from what a layer is using).
// fault_o = {overrun, parity}: registered pulses, at the latest with layer_done_o (logits that are
// read for the result: two cycles after).
// Golden: golden.contract.model, layer by layer; formats in docs/reference/formats.md.
module psf_datapath #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8,
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes),
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned PatchWidth = Cfg.LineWords * (Cfg.Lanes + 1)  // a parity per word
) (
    input logic clk_i,
    input logic rst_ni,
    input logic layer_start_i,
    input psf_pkg::layer_t layer_i,
    output logic layer_done_o,
    // loader
    // writes of loads: when, where and what
    output logic weight_ready_o,
    output logic spike_ready_o,
    input psf_control_pkg::load_write_t write_i,
    input logic [Cfg.Lanes*SlotWidth-1:0] weight_data_i,
    input logic [32*Entries-1:0] entry_data_i,  // rows, logits
    input logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_i,
    input logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_i,
    input logic [Cfg.LineWords-1:0] spike_words_i,  // word enables
    input logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_i,
    // results and counters
    output logic [15:0] label_o,
    input logic [15:0] logit_raddr_i,
    output logic [31:0] logit_rdata_o,
    output logic [5:0][7:0] event_o,
    output logic [1:0] fault_o,
    // trace: every drained word of every group
    output logic [Cfg.Groups-1:0] trace_valid_o,
    output logic [Cfg.Groups-1:0][7:0] trace_layer_o,
    output logic [Cfg.Groups-1:0][15:0] trace_token_o,
    output logic [Cfg.Groups-1:0][7:0] trace_step_o,
    output logic [Cfg.Groups-1:0][7:0] trace_word_o,
    output logic [Cfg.Groups-1:0][Cfg.Lanes-1:0] trace_spikes_o,
    output logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.AccWidth-1:0] trace_value_o
);
  localparam int unsigned LineAddrWidth = $clog2(Cfg.SpikeLines);
  localparam int unsigned RowAddrWidth = $clog2(Cfg.RowDepth);
  localparam int unsigned BankAddrWidth = $clog2(Cfg.BankDepth);
  localparam int unsigned StreamAddrWidth = $clog2(Cfg.StreamDepth);
  localparam int unsigned GroupWidth = $clog2(Cfg.Groups);
  localparam int unsigned BankWidth = $clog2(Cfg.Banks);
  localparam int unsigned HeadDepth = Cfg.Classes / Cfg.Lanes;

  if (Cfg.Classes % Cfg.Lanes != 0 || HeadDepth < 2 || HeadDepth > 256 ||
      Cfg.Classes > 1024) begin : gen_bad_classes
    $fatal(1, "psf_datapath: Classes must be 2 to 256 times Lanes, at most 1024");
  end

  logic averages, sum_start, sum_done, work_start;

  // Groups.
  logic [Cfg.Groups-1:0] read_valid, read_ready, read_line_valid, line_valid, line_ready;
  logic [Cfg.Groups-1:0] line_right, line_down;
  logic [Cfg.Groups-1:0][LineAddrWidth-1:0] read_addr, line_addr;
  logic [Cfg.Groups-1:0][Cfg.LineWords-1:0] line_words;
  logic [Cfg.Groups-1:0][LineWidth-1:0] line_data;
  logic [Cfg.Groups-1:0][PatchWidth-1:0] read_line;
  logic [Cfg.Groups-1:0][Cfg.Banks-1:0] req, many, req_grant, row_bank;
  logic [Cfg.Groups-1:0] row_valid;
  psf_group_pkg::tag_t [Cfg.Groups-1:0] row_tag, word_tag;
  logic [Cfg.Groups-1:0][RowAddrWidth-1:0] row_addr;
  logic [Cfg.Groups-1:0] word_valid, word_last;
  logic [Cfg.Groups-1:0][Cfg.Lanes*SlotWidth-1:0] word_data;
  logic [Cfg.Groups-1:0][2:0] word_shift;
  logic [Cfg.Groups-1:0] stream_read, stream_ready, stream_write;
  logic [Cfg.Groups-1:0][GroupWidth-1:0] stream_read_bank, stream_write_bank;
  logic [Cfg.Groups-1:0][StreamAddrWidth-1:0] stream_read_addr, stream_write_addr;
  logic [Cfg.Groups-1:0] stream_error;
  logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.StreamWidth-1:0] stream_data, stream_write_data;
  logic [Cfg.Groups-1:0] head_valid, head_ready, dump_valid, dump_ready;
  logic [Cfg.Groups-1:0][7:0] head_index;
  logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.AccWidth-1:0] head_data;
  logic [Cfg.Groups-1:0][BankWidth-1:0] dump_bank;
  logic [Cfg.Groups-1:0][BankAddrWidth-1:0] dump_addr;
  logic [Cfg.Groups-1:0][Cfg.Lanes*SlotWidth-1:0] dump_data;
  logic [2*Cfg.Lanes*Cfg.AccWidth:0] param_data;
  assign param_data = {Cfg.Parity != 0 && (^param_data_i), param_data_i};
  logic [LineWidth:0] mask_data;
  assign mask_data = {Cfg.Parity != 0 && (^mask_data_i), mask_data_i};

  logic groups_idle, groups_parity, groups_overrun;
  psf_groups #(
      .Cfg(Cfg)
  ) u_groups (
      .clk_i,
      .rst_ni,
      .work_start_i(work_start),
      .layer_i,
      .idle_o(groups_idle),
      .param_valid_i(write_i.param),
      .param_addr_i(write_i.addr[$clog2(Cfg.ParamDepth)-1:0]),
      .param_data_i(param_data),
      .mask_valid_i(write_i.mask),
      .mask_addr_i(write_i.addr[$clog2(psf_pkg::MaskLines)-1:0]),
      .mask_data_i(mask_data),
      .read_valid_o(read_valid),
      .read_ready_i(read_ready),
      .read_addr_o(read_addr),
      .read_line_valid_i(read_line_valid),
      .read_line_i(read_line),
      .line_valid_o(line_valid),
      .line_ready_i(line_ready),
      .line_addr_o(line_addr),
      .line_words_o(line_words),
      .line_data_o(line_data),
      .line_right_o(line_right),
      .line_down_o(line_down),
      .req_o(req),
      .many_o(many),
      .req_grant_i(req_grant),
      .row_valid_o(row_valid),
      .row_bank_o(row_bank),
      .row_addr_o(row_addr),
      .row_tag_o(row_tag),
      .word_valid_i(word_valid),
      .word_data_i(word_data),
      .word_shift_i(word_shift),
      .word_tag_i(word_tag),
      .word_last_i(word_last),
      .stream_read_o(stream_read),
      .stream_ready_i(stream_ready),
      .stream_read_bank_o(stream_read_bank),
      .stream_read_addr_o(stream_read_addr),
      .stream_data_i(stream_data),
      .stream_error_i(stream_error),
      .stream_write_o(stream_write),
      .stream_write_bank_o(stream_write_bank),
      .stream_write_addr_o(stream_write_addr),
      .stream_write_data_o(stream_write_data),
      .head_valid_o(head_valid),
      .head_ready_i(head_ready),
      .head_index_o(head_index),
      .head_data_o(head_data),
      .dump_valid_o(dump_valid),
      .dump_ready_i(dump_ready),
      .dump_bank_o(dump_bank),
      .dump_addr_o(dump_addr),
      .dump_data_o(dump_data),
      .trace_valid_o,
      .trace_token_o,
      .trace_step_o,
      .trace_word_o,
      .trace_spikes_o,
      .trace_value_o,
      .event_o,
      .parity_o(groups_parity),
      .overrun_o(groups_overrun)
  );
  assign trace_layer_o = {Cfg.Groups{layer_i.id}};

  logic dump_idle, weight_parity;
  psf_weights #(
      .Cfg(Cfg)
  ) u_weights (
      .clk_i,
      .rst_ni,
      .row_cost_i(layer_i.row_cost),
      .rows_ahead_i(layer_i.rows_ahead),
      .req_i(req),
      .many_i(many),
      .grant_o(req_grant),
      .row_valid_i(row_valid),
      .row_bank_i(row_bank),
      .row_addr_i(row_addr),
      .row_tag_i(row_tag),
      .word_valid_o(word_valid),
      .word_data_o(word_data),
      .word_shift_o(word_shift),
      .word_tag_o(word_tag),
      .word_last_o(word_last),
      .weight_valid_i(write_i.weight),
      .weight_ready_o,
      .weight_bank_i(write_i.bank[BankWidth-1:0]),
      .weight_addr_i(write_i.addr[BankAddrWidth-1:0]),
      .weight_data_i,
      .row_we_i(write_i.row),
      .row_we_several_i(write_i.spread),
      .row_we_bank_i(write_i.bank[BankWidth-1:0]),
      .row_we_addr_i(write_i.addr[RowAddrWidth-1:0]),
      .row_we_data_i(entry_data_i),
      .dump_valid_i(dump_valid),
      .dump_ready_o(dump_ready),
      .dump_bank_i(dump_bank),
      .dump_addr_i(dump_addr),
      .dump_data_i(dump_data),
      .dump_idle_o(dump_idle),
      .parity_o(weight_parity)
  );

  logic memories_idle, memory_parity, memory_overrun;
  psf_activations #(
      .Cfg(Cfg)
  ) u_activations (
      .clk_i,
      .rst_ni,
      .layer_start_i,
      .layer_i,
      .sum_start_i(sum_start),
      .sum_done_o(sum_done),
      .idle_o(memories_idle),
      .load_valid_i(write_i.spike),
      .load_ready_o(spike_ready_o),
      .load_spread_i(write_i.spread),
      .load_addr_i(write_i.addr[LineAddrWidth-1:0]),
      .load_words_i(spike_words_i),
      .load_data_i(spike_data_i),
      .read_valid_i(read_valid),
      .read_ready_o(read_ready),
      .read_addr_i(read_addr),
      .read_line_valid_o(read_line_valid),
      .read_line_o(read_line),
      .line_valid_i(line_valid),
      .line_ready_o(line_ready),
      .line_addr_i(line_addr),
      .line_words_i(line_words),
      .line_data_i(line_data),
      .line_right_i(line_right),
      .line_down_i(line_down),
      .stream_read_i(stream_read),
      .stream_ready_o(stream_ready),
      .stream_read_bank_i(stream_read_bank),
      .stream_read_addr_i(stream_read_addr),
      .stream_data_o(stream_data),
      .stream_error_o(stream_error),
      .stream_write_i(stream_write),
      .stream_write_bank_i(stream_write_bank),
      .stream_write_addr_i(stream_write_addr),
      .stream_write_data_i(stream_write_data),
      .parity_o(memory_parity),
      .overrun_o(memory_overrun)
  );

  // Head.
  logic head_idle, argmax_start, argmax_done, head_parity, head_overrun;
  psf_head #(
      .Cfg  (Cfg),
      .Depth(HeadDepth)
  ) u_head (
      .clk_i,
      .rst_ni,
      .word_valid_i  (head_valid),
      .word_ready_o  (head_ready),
      .word_index_i  (head_index),
      .word_data_i   (head_data),
      .logit_valid_i (write_i.logit),
      .logit_addr_i  (write_i.addr),
      .logit_data_i  (entry_data_i[31:0]),
      .logit_raddr_i,
      .logit_rdata_o,
      .argmax_start_i(argmax_start),
      .argmax_count_i(layer_i.tokens),
      .argmax_done_o (argmax_done),
      .label_o,
      .idle_o        (head_idle),
      .classes_i     (layer_i.tokens),
      .double_i      (averages),
      .parity_o      (head_parity),
      .overrun_o     (head_overrun)
  );

  psf_layer_control #(
      .Cfg(Cfg)
  ) u_layer (
      .clk_i,
      .rst_ni,
      .layer_start_i,
      .layer_i,
      .layer_done_o,
      .averages_o(averages),
      .sum_start_o(sum_start),
      .sum_done_i(sum_done),
      .work_start_o(work_start),
      .quiet_i(groups_idle && memories_idle && dump_idle && head_idle),
      .argmax_start_o(argmax_start),
      .argmax_done_i(argmax_done)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fault_o <= '0;
    end else begin
      fault_o[0] <= Cfg.Parity != 0 &&
          (groups_parity || memory_parity || weight_parity || head_parity);
      fault_o[1] <= groups_overrun || memory_overrun || head_overrun;
    end
  end

endmodule
