// SPDX-License-Identifier: Apache-2.0
// Stages 1 and 2 of a group's drain, all lanes. Stage 0 (psf_drain) reads an accumulator word, which
// comes here together with its place; the parameters are read along with it.
//   1: x = acc + bias; residual: x = (first ? 0 : stream) + (x << shift); spike, first timestep: x +
//      start(charge), 0, 1/2, 3/4 or 1/4 of the charge by the place of the token
//   2: spike = LIF(x); hand out spikes (to the line writer), residual word, logits or key-value row
//      (its weight is min(count, MaxCount): golden.hardware.compile.proofs.saturated)
// Latency 2, one word per cycle for spikes and residuals; stage 2 waits for head_ready_i and
// dump_ready_i (busy_o tells stage 0 to stay back). A word whose address is beyond its memory is
// dropped; overrun_o pulses. parity_o: a parameter, residual or membrane that was used had a wrong
// parity. Golden: golden.contract.model, golden.contract.neuron.lif_step.
module psf_drain_stages #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned ParamWidth = 2 * Cfg.Lanes * Cfg.AccWidth
) (
    input  logic                                                              clk_i,
    input  logic                                                              rst_ni,
    input  psf_pkg::layer_t                                                   layer_i,
    output logic                                                              busy_o,
    // parameters (bias, theta2); the top bit is the parity
    input  logic                                                              param_valid_i,
    input  logic            [   $clog2(Cfg.ParamDepth)-1:0]                   param_addr_i,
    input  logic            [                 ParamWidth:0]                   param_data_i,
    // stage 0: the accumulator word comes one cycle later
    input  logic                                                              read_i,
    input  logic            [               IndexWidth-1:0]                   index_i,
    input  logic            [                          7:0]                   step_i,
    input  logic            [                         15:0]                   word_i,
    input  logic                                                              first_step_i,
    input  logic                                                              last_i,
    input  psf_pkg::token_t                                                   token_i,
    input  logic            [                Cfg.Lanes-1:0][Cfg.AccWidth-1:0] acc_i,
    // residual stream: the address for stage 0, its word one cycle later
    output logic            [  $clog2(Cfg.StreamDepth)-1:0]                   stream_read_addr_o,
    input  logic            [Cfg.Lanes*Cfg.StreamWidth-1:0]                   stream_data_i,
    input  logic                                                              stream_error_i,
    output logic                                                              stream_write_o,
    output logic            [       $clog2(Cfg.Groups)-1:0]                   stream_write_bank_o,
    output logic            [  $clog2(Cfg.StreamDepth)-1:0]                   stream_write_addr_o,
    output logic            [Cfg.Lanes*Cfg.StreamWidth-1:0]                   stream_write_data_o,
    // logits and key-value rows
    output logic                                                              head_valid_o,
    input  logic                                                              head_ready_i,
    output logic            [                          7:0]                   head_index_o,
    output logic            [   Cfg.Lanes*Cfg.AccWidth-1:0]                   head_data_o,
    output logic                                                              dump_valid_o,
    input  logic                                                              dump_ready_i,
    output logic            [        $clog2(Cfg.Banks)-1:0]                   dump_bank_o,
    output logic            [    $clog2(Cfg.BankDepth)-1:0]                   dump_addr_o,
    output logic            [      Cfg.Lanes*SlotWidth-1:0]                   dump_data_o,
    // spikes
    output logic                                                              line_valid_o,
    output psf_pkg::token_t                                                   line_token_o,
    output logic            [                         15:0]                   line_word_o,
    output logic                                                              line_last_o,
    output logic            [                Cfg.Lanes-1:0]                   line_bits_o,
    // trace: a word leaves stage 2
    output logic                                                              trace_valid_o,
    output logic            [                         15:0]                   trace_token_o,
    output logic            [                          7:0]                   trace_step_o,
    output logic            [                          7:0]                   trace_word_o,
    output logic            [   Cfg.Lanes*Cfg.AccWidth-1:0]                   trace_value_o,
    output logic                                                              parity_o,
    output logic                                                              overrun_o
);
  localparam int unsigned ParamAddrWidth = $clog2(Cfg.ParamDepth);
  localparam int unsigned StreamAddrWidth = $clog2(Cfg.StreamDepth);
  localparam int unsigned BankAddrWidth = $clog2(Cfg.BankDepth);
  localparam int unsigned BankWidth = $clog2(Cfg.Banks);
  localparam int unsigned HeadWords = Cfg.Classes / Cfg.Lanes;

  typedef struct packed {
    psf_pkg::token_t            token;
    logic [StreamAddrWidth-1:0] stream;
    logic                       stream_beyond;
    logic [IndexWidth-1:0]      index;
    logic [7:0]                 step;
    logic [15:0]                word;
    logic                       last;
  } place_t;

  logic mode_key_value, mode_head, mode_residual, mode_fire;
  assign mode_key_value = layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign mode_head = layer_i.mode == psf_pkg::MODE_HEAD;
  assign mode_residual = layer_i.mode == psf_pkg::MODE_RESIDUAL;
  assign mode_fire = !mode_key_value && !mode_head;

  // Stage 0: addresses, none of which wraps in these widths.
  place_t s0, s1_q, s2_q;
  logic [16:0] param_addr;
  logic [17:0] stream_addr;
  logic param_beyond, stream_beyond;
  assign param_addr = {1'b0, layer_i.param_base} + 17'(index_i);
  assign param_beyond = param_addr >= 17'(Cfg.ParamDepth);
  assign stream_addr = {1'b0, token_i.stream} + {2'd0, word_i};
  assign stream_beyond = stream_addr >= 18'(Cfg.StreamDepth);
  assign stream_read_addr_o = stream_beyond ? '0 : stream_addr[StreamAddrWidth-1:0];
  assign s0 = '{
          token: token_i,
          stream: stream_addr[StreamAddrWidth-1:0],
          stream_beyond: stream_beyond,
          index: index_i,
          step: step_i,
          word: word_i,
          last: last_i
      };

  logic [ParamWidth:0] params;
  psf_ram_1r1w #(
      .Width(ParamWidth + 1),
      .Depth(Cfg.ParamDepth)
  ) u_params (
      .clk_i,
      .we_i   (param_valid_i),
      .waddr_i(param_addr_i),
      .wdata_i(param_data_i),
      .re_i   (read_i && mode_fire && !param_beyond),
      .raddr_i(param_addr[ParamAddrWidth-1:0]),
      .rdata_o(params)
  );

  // Valid bits. A dropped word leaves at once.
  logic s1_valid_q, s2_valid_q, s2_taken, head_beyond, dump_beyond;
  logic s1_first_q, s1_param_beyond_q;
  assign s2_taken = mode_head ? head_ready_i || head_beyond
      : mode_key_value ? dump_ready_i || dump_beyond : 1'b1;
  assign busy_o = s1_valid_q || s2_valid_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {s1_valid_q, s2_valid_q} <= '0;
    end else begin
      s1_valid_q <= read_i;
      s2_valid_q <= s1_valid_q || (s2_valid_q && !s2_taken);
    end
  end

  // Stage 1, addresses of a key-value row: K channel i of the block, its word b.
  logic [1:0] m_log2;
  logic [15:0] dump_row, dump_word;
  logic [8:0] s2_slot_q;
  logic [17:0] s2_dump_q;
  logic [BankWidth-1:0] s2_dump_bank_q;
  assign m_log2 = layer_i.head_words[2] ? 2'd2 : layer_i.head_words[1] ? 2'd1 : 2'd0;
  assign dump_row = 16'(s1_q.index) >> m_log2;
  assign dump_word = 16'(s1_q.index) & ({8'd0, layer_i.head_words} - 16'd1);

  // Stage 0, what a charged membrane adds at the first timestep.
  logic [15:0] start, s1_start_q;
  assign start = ((^token_i.place) ? layer_i.charge >> 1 : '0)
      + (token_i.place[1] ? layer_i.charge >> 2 : '0);

  logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] value, s2_value_q, s2_theta2_q;
  logic [Cfg.Lanes-1:0] lif_parity, param_parity_q;
  logic s2_first_q;
  always_ff @(posedge clk_i) begin
    s1_q <= s0;
    s1_first_q <= first_step_i;
    s1_start_q <= first_step_i && layer_i.mode == psf_pkg::MODE_SPIKE ? start : '0;
    s1_param_beyond_q <= param_beyond;
    if (s1_valid_q) begin
      s2_q <= s1_q;
      s2_first_q <= s1_first_q;
      s2_value_q <= value;
      s2_dump_q <= {1'b0, s1_q.token.dump} + {2'd0, (dump_row >> BankWidth) << m_log2}
          + {2'd0, dump_word};
      s2_dump_bank_q <= dump_row[BankWidth-1:0];
      s2_slot_q <= s1_q.token.block[8] ? s1_q.token.block : s1_q.token.block + dump_word[8:0];
    end
  end

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    // Stage 1. The compiler bounds every current by 2^(AccWidth-2) and the stream by its width.
    logic [Cfg.AccWidth-1:0] bias, theta2, current, base;
    logic [Cfg.StreamWidth-1:0] stream;
    assign {theta2, bias} = params[p*2*Cfg.AccWidth+:2*Cfg.AccWidth];
    assign current = acc_i[p] + (mode_fire ? bias : '0);
    assign stream = layer_i.first ? '0 : stream_data_i[p*Cfg.StreamWidth+:Cfg.StreamWidth];
    assign base = mode_residual ? Cfg.AccWidth'($signed(stream)) : Cfg.AccWidth'(s1_start_q);
    assign value[p] = base + (mode_residual ? current << layer_i.shift[2:0] : current);
    always_ff @(posedge clk_i) begin
      if (s1_valid_q) s2_theta2_q[p] <= theta2;
      param_parity_q[p] <= ^{theta2, bias};
    end

    // Stage 2.
    psf_lif #(
        .Depth(Cfg.AccDepth),
        .Width(Cfg.AccWidth)
    ) u_lif (
        .clk_i,
        .rst_ni,
        .valid_i  (s2_valid_q && mode_fire),
        .first_i  (s2_first_q),
        .index_i  (s2_q.index),
        .current_i(s2_value_q[p]),
        .theta2_i (s2_theta2_q[p]),
        .spike_o  (line_bits_o[p]),
        .parity_o (lif_parity[p])
    );
    assign stream_write_data_o[p*Cfg.StreamWidth+:Cfg.StreamWidth] =
        Cfg.StreamWidth'(s2_value_q[p]);

    // A count is at most the number of tokens, so PatchLines; the weight is at most MaxCount.
    logic [7:0] count;
    if (Cfg.PatchLines > psf_pkg::MaxCount) begin : gen_saturated
      localparam int unsigned CountWidth = $clog2(Cfg.PatchLines + 1);
      assign count = {1'b0, s2_value_q[p][6:0] | {7{|s2_value_q[p][CountWidth-1:7]}}};
    end else begin : gen_whole
      assign count = s2_value_q[p][7:0];
    end
    assign dump_data_o[p*SlotWidth+:SlotWidth] = {s2_slot_q[IndexWidth-1:0], count};
  end

  // Stage 2: hand out.
  assign stream_write_o = s2_valid_q && mode_residual && !s2_q.stream_beyond;
  assign stream_write_bank_o = s2_q.token.bank[$clog2(Cfg.Groups)-1:0];
  assign stream_write_addr_o = s2_q.stream;
  assign head_beyond = s2_q.word >= 16'(HeadWords);
  assign head_valid_o = s2_valid_q && mode_head && !head_beyond;
  assign head_index_o = s2_q.word[7:0];
  assign head_data_o = s2_value_q;
  assign dump_beyond = s2_dump_q >= 18'(Cfg.BankDepth) || s2_slot_q >= 9'(Cfg.AccDepth);
  assign dump_valid_o = s2_valid_q && mode_key_value && !dump_beyond;
  assign dump_bank_o = s2_dump_bank_q;
  assign dump_addr_o = s2_dump_q[BankAddrWidth-1:0];
  assign line_valid_o = s2_valid_q && mode_fire;
  assign line_word_o = s2_q.word;
  assign line_token_o = s2_q.token;
  assign line_last_o = s2_q.last;
  assign trace_valid_o = s2_valid_q && s2_taken;
  assign trace_token_o = s2_q.token.index;
  assign trace_step_o = s2_q.step;
  assign trace_word_o = 8'(s2_q.index);
  assign trace_value_o = s2_value_q;

  // Faults, all of them visible within three cycles after the word was in stage 2. The parity of the
  // parameters takes two steps: lane by lane, then over the lanes.
  logic param_used_q, param_bit_q, stream_bad_q;
  always_ff @(posedge clk_i) param_bit_q <= params[ParamWidth];
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {param_used_q, stream_bad_q, parity_o, overrun_o} <= '0;
    end else begin
      param_used_q <= s1_valid_q && mode_fire && !s1_param_beyond_q;
      stream_bad_q <= s1_valid_q && mode_residual && !layer_i.first && !s1_q.stream_beyond
          && stream_error_i;
      parity_o <= (param_used_q && ^{param_bit_q, param_parity_q}) || stream_bad_q || (|lif_parity);
      overrun_o <= (s1_valid_q && mode_fire && s1_param_beyond_q)
          || (s2_valid_q && mode_residual && s2_q.stream_beyond)
          || (s2_valid_q && mode_head && head_beyond)
          || (s2_valid_q && mode_key_value && dump_beyond);
    end
  end

  if (Cfg.StreamWidth >= Cfg.AccWidth) begin : gen_bad_stream
    $fatal(1, "psf_drain_stages: StreamWidth must be smaller than AccWidth");
  end
  if (Cfg.AccDepth > 256 || Cfg.Lanes > 64) begin : gen_bad_depth
    $fatal(1, "psf_drain_stages: AccDepth must be at most 256, Lanes at most 64");
  end
endmodule
