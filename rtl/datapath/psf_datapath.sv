// SPDX-License-Identifier: Apache-2.0
// Everything that computes: dispatcher, PE groups, issue arbiter, weight banks, spike and residual
// memories, head. Runs one layer from layer_start_i to layer_done_o; the loader writes the memories
// through the load ports at any time (the program keeps it away from what a layer is using).
// fault_o = {overrun, parity}: registered pulses, at the latest with layer_done_o (logits that are
// read for the result: two cycles after).
// Golden: golden.contract.model, layer by layer; formats in docs/architecture.md.
module psf_datapath #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8,
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned PatchWidth = Cfg.LineWords * (Cfg.Lanes + 1)  // a line with a parity per word
) (
    input logic clk_i,
    input logic rst_ni,
    input logic layer_start_i,
    input psf_pkg::layer_t layer_i,
    output logic layer_done_o,
    // loader
    input logic weight_valid_i,
    output logic weight_ready_o,
    input logic [$clog2(Cfg.Banks)-1:0] weight_bank_i,
    input logic [$clog2(Cfg.BankDepth)-1:0] weight_addr_i,
    input logic [Cfg.Lanes*SlotWidth-1:0] weight_data_i,
    input logic row_valid_i,
    input logic [$clog2(Cfg.Banks)-1:0] row_bank_i,
    input logic [$clog2(Cfg.RowDepth)-1:0] row_addr_i,
    input logic [31:0] row_data_i,
    input logic param_valid_i,
    input logic [$clog2(Cfg.ParamDepth)-1:0] param_addr_i,
    input logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_i,
    input logic mask_valid_i,
    input logic [$clog2(psf_pkg::MaskLines)-1:0] mask_addr_i,
    input logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_i,
    input logic spike_valid_i,
    output logic spike_ready_o,
    input logic [$clog2(Cfg.SpikeLines)-1:0] spike_addr_i,
    input logic [Cfg.LineWords-1:0] spike_words_i,
    input logic [LineWidth-1:0] spike_data_i,
    input logic logit_valid_i,
    input logic [15:0] logit_addr_i,
    input logic [31:0] logit_data_i,
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
  localparam int unsigned HeadDepth = 128 / Cfg.Lanes;  // up to 128 classes

  // A head without merge sums the stream into spikes first, then it is a layer like any other.
  logic averages, sum_start, sum_busy, sum_done, work_start, sum_parity, sum_overrun;
  assign averages   = layer_i.mode == psf_pkg::MODE_HEAD && !layer_i.merge;
  assign sum_start  = layer_start_i && averages;
  assign work_start = sum_done || (layer_start_i && !averages);

  // Dispatcher.
  logic dispatch_done, token_right, token_down;
  logic [1:0] token_place;
  logic [Cfg.Groups-1:0] request, grant;
  logic [15:0] token_index;
  logic [16:0] token_line, token_out, token_stream, token_dump;
  logic [8:0] token_taps;
  logic [$clog2(Cfg.LineWords)-1:0] token_word;
  logic [GroupWidth-1:0] token_bank;
  logic [8:0] token_block;

  psf_dispatcher #(
      .Cfg(Cfg)
  ) u_dispatcher (
      .clk_i,
      .rst_ni,
      .start_i       (work_start),
      .layer_i,
      .done_o        (dispatch_done),
      .request_i     (request),
      .grant_o       (grant),
      .token_index_o (token_index),
      .token_line_o  (token_line),
      .token_taps_o  (token_taps),
      .token_word_o  (token_word),
      .token_out_o   (token_out),
      .token_right_o (token_right),
      .token_down_o  (token_down),
      .token_place_o (token_place),
      .token_bank_o  (token_bank),
      .token_stream_o(token_stream),
      .token_dump_o  (token_dump),
      .token_block_o (token_block)
  );

  // Groups.
  logic [Cfg.Groups-1:0] group_idle;
  logic [Cfg.Groups-1:0] read_valid, read_ready, read_line_valid, line_valid, line_ready;
  logic [Cfg.Groups-1:0] line_right, line_down;
  logic [Cfg.Groups-1:0][LineAddrWidth-1:0] read_addr, line_addr;
  logic [Cfg.Groups-1:0][Cfg.LineWords-1:0] line_words;
  logic [Cfg.Groups-1:0][LineWidth-1:0] line_data;
  logic [Cfg.Groups-1:0][PatchWidth-1:0] read_line;
  logic [Cfg.Groups-1:0][Cfg.Banks-1:0] req, req_grant, row_bank;
  logic [Cfg.Groups-1:0] row_valid, row_buffer;
  logic [Cfg.Groups-1:0][RowAddrWidth-1:0] row_addr;
  logic [Cfg.Groups-1:0] word_valid, word_buffer, word_last;
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
  logic [Cfg.Groups-1:0][5:0] group_event;
  logic [Cfg.Groups-1:0] group_parity, group_overrun;
  logic weight_parity, spike_parity, spike_overrun, head_parity, head_overrun;
  logic [2*Cfg.Lanes*Cfg.AccWidth:0] param_data;
  assign param_data = {^param_data_i, param_data_i};
  logic [LineWidth:0] mask_data;
  assign mask_data = {^mask_data_i, mask_data_i};

  for (genvar g = 0; g < Cfg.Groups; g++) begin : gen_group
    psf_group #(
        .Cfg(Cfg)
    ) u_group (
        .clk_i,
        .rst_ni,
        .start_i            (work_start),
        .layer_i,
        .idle_o             (group_idle[g]),
        .request_o          (request[g]),
        .grant_i            (grant[g]),
        .token_index_i      (token_index),
        .token_line_i       (token_line),
        .token_taps_i       (token_taps),
        .token_word_i       (token_word),
        .token_out_i        (token_out),
        .token_right_i      (token_right),
        .token_down_i       (token_down),
        .token_place_i      (token_place),
        .token_bank_i       (token_bank),
        .token_stream_i     (token_stream),
        .token_dump_i       (token_dump),
        .token_block_i      (token_block),
        .read_valid_o       (read_valid[g]),
        .read_ready_i       (read_ready[g]),
        .read_addr_o        (read_addr[g]),
        .read_line_valid_i  (read_line_valid[g]),
        .read_line_i        (read_line[g]),
        .line_valid_o       (line_valid[g]),
        .line_ready_i       (line_ready[g]),
        .line_addr_o        (line_addr[g]),
        .line_words_o       (line_words[g]),
        .line_data_o        (line_data[g]),
        .line_right_o       (line_right[g]),
        .line_down_o        (line_down[g]),
        .req_o              (req[g]),
        .req_grant_i        (req_grant[g]),
        .row_valid_o        (row_valid[g]),
        .row_bank_o         (row_bank[g]),
        .row_addr_o         (row_addr[g]),
        .row_buffer_o       (row_buffer[g]),
        .word_valid_i       (word_valid[g]),
        .word_data_i        (word_data[g]),
        .word_shift_i       (word_shift[g]),
        .word_buffer_i      (word_buffer[g]),
        .word_last_i        (word_last[g]),
        .param_valid_i,
        .param_addr_i,
        .param_data_i       (param_data),
        .mask_valid_i,
        .mask_addr_i,
        .mask_data_i        (mask_data),
        .stream_read_o      (stream_read[g]),
        .stream_ready_i     (stream_ready[g]),
        .stream_read_bank_o (stream_read_bank[g]),
        .stream_read_addr_o (stream_read_addr[g]),
        .stream_data_i      (stream_data[g]),
        .stream_error_i     (stream_error[g]),
        .stream_write_o     (stream_write[g]),
        .stream_write_bank_o(stream_write_bank[g]),
        .stream_write_addr_o(stream_write_addr[g]),
        .stream_write_data_o(stream_write_data[g]),
        .head_valid_o       (head_valid[g]),
        .head_ready_i       (head_ready[g]),
        .head_index_o       (head_index[g]),
        .head_data_o        (head_data[g]),
        .dump_valid_o       (dump_valid[g]),
        .dump_ready_i       (dump_ready[g]),
        .dump_bank_o        (dump_bank[g]),
        .dump_addr_o        (dump_addr[g]),
        .dump_data_o        (dump_data[g]),
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
    assign trace_layer_o[g] = layer_i.id;
  end

  // Weights.
  logic [Cfg.Banks-1:0] bank_ready;
  logic [Cfg.Groups-1:0][3:0] row_shift;  // the row table has room for 4 bits, the lanes shift by 0..7
  logic dump_idle;
  psf_issue_arbiter #(
      .Cfg(Cfg)
  ) u_arbiter (
      .clk_i,
      .rst_ni,
      .cost_i      (layer_i.row_cost),
      .req_i       (req),
      .bank_ready_i(bank_ready),
      .grant_o     (req_grant)
  );

  psf_weight_system #(
      .Cfg(Cfg)
  ) u_weights (
      .clk_i,
      .rst_ni,
      .bank_ready_o (bank_ready),
      .row_valid_i  (row_valid),
      .row_bank_i   (row_bank),
      .row_addr_i   (row_addr),
      .row_tag_i    (row_buffer),
      .word_valid_o (word_valid),
      .word_data_o  (word_data),
      .word_shift_o (row_shift),
      .word_tag_o   (word_buffer),
      .word_last_o  (word_last),
      .weight_valid_i,
      .weight_ready_o,
      .weight_bank_i,
      .weight_addr_i,
      .weight_data_i,
      .row_we_i     (row_valid_i),
      .row_we_bank_i(row_bank_i),
      .row_we_addr_i(row_addr_i),
      .row_we_data_i(row_data_i),
      .dump_valid_i (dump_valid),
      .dump_ready_o (dump_ready),
      .dump_bank_i  (dump_bank),
      .dump_addr_i  (dump_addr),
      .dump_data_i  (dump_data),
      .dump_idle_o  (dump_idle),
      .parity_o     (weight_parity)
  );
  always_comb begin
    for (int unsigned g = 0; g < Cfg.Groups; g++) word_shift[g] = row_shift[g][2:0];
  end

  // Sums of the residual stream. They go the ways of group 0, which has no work then.
  logic sum_read, sum_word;
  logic [GroupWidth-1:0] sum_bank;
  logic [StreamAddrWidth-1:0] sum_addr;
  logic [LineAddrWidth-1:0] sum_line;
  logic [Cfg.LineWords-1:0] sum_place;
  logic [Cfg.Lanes-1:0] sum_bits;
  logic [Cfg.Groups-1:0] want_stream, write_valid;
  logic [Cfg.Groups-1:0][GroupWidth-1:0] want_bank;
  logic [Cfg.Groups-1:0][StreamAddrWidth-1:0] want_addr;
  logic [Cfg.Groups-1:0][LineAddrWidth-1:0] write_addr;
  logic [Cfg.Groups-1:0][Cfg.LineWords-1:0] write_words;
  logic [Cfg.Groups-1:0][LineWidth-1:0] write_data;
  logic spike_busy;

  psf_stream_planes #(
      .Cfg(Cfg)
  ) u_planes (
      .clk_i,
      .rst_ni,
      .start_i     (sum_start),
      .layer_i,
      .busy_o      (sum_busy),
      .done_o      (sum_done),
      .read_valid_o(sum_read),
      .read_ready_i(stream_ready[0]),
      .read_bank_o (sum_bank),
      .read_addr_o (sum_addr),
      .read_data_i (stream_data[0]),
      .read_error_i(stream_error[0]),
      .word_valid_o(sum_word),
      .word_ready_i(line_ready[0]),
      .word_line_o (sum_line),
      .word_place_o(sum_place),
      .word_bits_o (sum_bits),
      .spike_busy_i(spike_busy),
      .parity_o    (sum_parity),
      .overrun_o   (sum_overrun)
  );

  always_comb begin
    want_stream = stream_read;
    want_bank   = stream_read_bank;
    want_addr   = stream_read_addr;
    write_valid = line_valid;
    write_addr  = line_addr;
    write_words = line_words;
    write_data  = line_data;
    if (sum_busy) begin
      want_stream[0] = sum_read;
      want_bank[0]   = sum_bank;
      want_addr[0]   = sum_addr;
      write_valid[0] = sum_word;
      write_addr[0]  = sum_line;
      write_words[0] = sum_place;
      write_data[0]  = {Cfg.LineWords{sum_bits}};
    end
  end

  // Spikes and residual stream.
  psf_spike_memory #(
      .Cfg(Cfg)
  ) u_spikes (
      .clk_i,
      .rst_ni,
      .rd_valid_i      (read_valid),
      .rd_ready_o      (read_ready),
      .rd_addr_i       (read_addr),
      .rsp_valid_o     (read_line_valid),
      .rsp_data_o      (read_line),
      .wr_valid_i      (write_valid),
      .wr_ready_o      (line_ready),
      .wr_addr_i       (write_addr),
      .wr_words_i      (write_words),
      .wr_data_i       (write_data),
      .wr_right_i      (line_right),
      .wr_down_i       (line_down),
      .ld_valid_i      (spike_valid_i),
      .ld_ready_o      (spike_ready_o),
      .ld_addr_i       (spike_addr_i),
      .ld_words_i      (spike_words_i),
      .ld_data_i       (spike_data_i),
      .pool_i          (layer_i.pool),
      .pool_lines_i    (layer_i.out_lines),
      .pool_row_lines_i(layer_i.out_row_lines),
      .clear_start_i   (layer_start_i && layer_i.pool),
      .clear_base_i    (layer_i.out_base),
      .clear_count_i   (layer_i.out_clear),
      .busy_o          (spike_busy),
      .parity_o        (spike_parity),
      .overrun_o       (spike_overrun)
  );

  psf_stream_memory #(
      .Cfg(Cfg)
  ) u_stream (
      .clk_i,
      .rst_ni,
      .rd_valid_i(want_stream),
      .rd_ready_o(stream_ready),
      .rd_bank_i (want_bank),
      .rd_addr_i (want_addr),
      .rd_data_o (stream_data),
      .rd_error_o(stream_error),
      .wr_valid_i(stream_write),
      .wr_bank_i (stream_write_bank),
      .wr_addr_i (stream_write_addr),
      .wr_data_i (stream_write_data)
  );

  // Head.
  logic head_idle, argmax_start, argmax_done;
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
      .logit_valid_i,
      .logit_addr_i,
      .logit_data_i,
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

  // A layer is over when all is quiet for two cycles; a head layer then finds the arg max.
  typedef enum logic [1:0] {
    IDLE,
    RUN,
    QUIET,
    ARGMAX
  } state_e;
  state_e state_q, state_d;
  logic quiet;
  assign quiet = dispatch_done && (&group_idle) && !spike_busy && dump_idle && head_idle
      && !sum_busy;

  always_comb begin
    state_d = state_q;
    argmax_start = 1'b0;
    layer_done_o = 1'b0;
    unique case (state_q)
      IDLE: if (layer_start_i) state_d = RUN;
      RUN: if (quiet) state_d = QUIET;
      QUIET: begin
        if (!quiet) begin
          state_d = RUN;
        end else if (layer_i.mode == psf_pkg::MODE_HEAD) begin
          argmax_start = 1'b1;
          state_d = ARGMAX;
        end else begin
          layer_done_o = 1'b1;
          state_d = IDLE;
        end
      end
      ARGMAX: begin
        if (argmax_done) begin
          layer_done_o = 1'b1;
          state_d = IDLE;
        end
      end
      default: state_d = IDLE;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) state_q <= IDLE;
    else state_q <= state_d;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fault_o <= '0;
    end else begin
      fault_o[0] <= (|group_parity) || sum_parity || weight_parity || spike_parity || head_parity;
      fault_o[1] <= (|group_overrun) || spike_overrun || head_overrun || sum_overrun;
    end
  end

  always_comb begin
    event_o = '0;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      for (int unsigned i = 0; i < 6; i++) event_o[i] = event_o[i] + 8'(group_event[g][i]);
    end
  end
endmodule
