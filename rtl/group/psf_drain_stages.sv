// SPDX-License-Identifier: Apache-2.0
// The stages of a group's drain behind stage 0 (psf_drain_words), which takes a current; that comes here
// one cycle after its place. The parameters are read once for the steps of a window.
//   spike, residual: x = current + bias; residual: x = (first ? 0 : stream) + x, both on the stream's
//   grid; spike, first timestep: x + start(charge), 0, 1/2, 3/4 or 1/4 of the charge by the place of the
//   token;
//   spike = LIF(x): out to the line writer, x back to the stream. Five stages (psf_neuron), a word a
//   cycle, no stalls
//   head, key-value: the current goes to the logits, or as a row of min(count, MaxCount)
//   (golden.hardware.compile.proofs.saturated) to the weight banks. Two stages, a word every two
//   cycles: stage 2 waits for head_ready_i and dump_ready_i, stage 1 for stage 2, and stage 0 stays back
//   while full_o; current_i must stay while it is set
// A word whose address is beyond its memory is dropped; overrun_o pulses. parity_o: a parameter,
// residual or membrane that was used had a wrong parity. Golden: golden.contract.model,
// golden.contract.neuron.lif_step.
module psf_drain_stages #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned ParamWidth = 2 * Cfg.Lanes * Cfg.AccWidth
) (
    input logic clk_i,
    input logic rst_ni,
    input psf_pkg::layer_t layer_i,
    output logic busy_o,
    output logic full_o,
    // parameters (bias, theta2); the top bit is the parity
    input logic param_valid_i,
    input logic [$clog2(Cfg.ParamDepth)-1:0] param_addr_i,
    input logic [ParamWidth:0] param_data_i,
    // stage 0: the current comes one cycle later
    input logic read_i,
    input logic [IndexWidth-1:0] index_i,
    input logic [7:0] step_i,
    input logic [15:0] place_i,
    input logic [15:0] word_i,
    input logic first_i,
    input logic first_step_i,
    input logic keep_i,  // a later window needs the membrane
    input logic last_i,
    input psf_pkg::token_t token_i,
    input logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] current_i,
    // residual stream: the address for stage 0, its word one cycle later, stream_error_i two
    output logic [$clog2(Cfg.StreamDepth)-1:0] stream_read_addr_o,
    input logic [Cfg.Lanes*Cfg.StreamWidth-1:0] stream_data_i,
    input logic stream_error_i,
    output logic stream_write_o,
    output logic [$clog2(Cfg.Groups)-1:0] stream_write_bank_o,
    output logic [$clog2(Cfg.StreamDepth)-1:0] stream_write_addr_o,
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
    // spikes
    output logic line_valid_o,
    output psf_pkg::token_t line_token_o,
    output logic [15:0] line_word_o,
    output logic line_last_o,
    output logic [Cfg.Lanes-1:0] line_bits_o,
    // trace: a word leaves stage 2
    output logic trace_valid_o,
    output logic [15:0] trace_token_o,
    output logic [7:0] trace_step_o,
    output logic [7:0] trace_word_o,
    output logic [Cfg.Lanes*Cfg.AccWidth-1:0] trace_value_o,
    output logic parity_o,
    output logic overrun_o
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
    logic                       param_beyond;
    logic                       param_read;
    logic [IndexWidth-1:0]      index;
    logic [7:0]                 step;
    logic                       first_step;
    logic [15:0]                place;
    logic [15:0]                word;
    logic                       last;
    logic                       keep;
  } place_t;

  logic mode_key_value, mode_head, mode_residual, mode_fire;
  assign mode_key_value = layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign mode_head = layer_i.mode == psf_pkg::MODE_HEAD;
  assign mode_residual = layer_i.mode == psf_pkg::MODE_RESIDUAL;
  assign mode_fire = !mode_key_value && !mode_head;

  // Stage 0: addresses, none of which wraps in these widths.
  place_t s0, s1_q;
  logic [15:0] s2_token_q;  // of head and key-value layers
  logic [7:0] s2_step_q, s2_word_q;
  logic [IndexWidth-1:0] s2_index_q;
  place_t [5:2] fire_q;  // of spike and residual layers
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
          param_beyond: param_beyond,
          param_read: first_i,
          index: index_i,
          step: step_i,
          first_step: first_step_i,
          place: place_i,
          word: word_i,
          last: last_i,
          keep: keep_i
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
      .re_i   (read_i && first_i && mode_fire && !param_beyond),
      .raddr_i(param_addr[ParamAddrWidth-1:0]),
      .rdata_o(params)
  );

  // Valid bits. A dropped word leaves at once.
  logic s1_valid_q, s1_move, s2_valid_q, s2_taken, head_beyond_q, dump_beyond_q;
  logic [5:2] fire_valid_q;
  assign s2_taken = mode_head ? head_ready_i || head_beyond_q : dump_ready_i || dump_beyond_q;
  assign busy_o   = s1_valid_q || s2_valid_q || (|fire_valid_q);
  assign full_o   = s1_valid_q;
  assign s1_move  = s1_valid_q && (mode_fire || !s2_valid_q || s2_taken);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {s1_valid_q, s2_valid_q, fire_valid_q} <= '0;
    end else begin
      s1_valid_q   <= read_i || (s1_valid_q && !s1_move);
      s2_valid_q   <= (s1_move && !mode_fire) || (s2_valid_q && !s2_taken);
      fire_valid_q <= {fire_valid_q[4:2], s1_valid_q && mode_fire};
    end
  end

  // Stage 0, what a charged membrane adds at the first timestep.
  logic [15:0] start, s1_start_q;
  assign start = ((^token_i.place) ? layer_i.charge >> 1 : '0)
      + (token_i.place[1] ? layer_i.charge >> 2 : '0);

  // Stage 1, addresses of a key-value row: K channel i of the block, its word b.
  logic [1:0] m_log2;
  logic [15:0] dump_row, dump_word;
  logic [8:0] dump_slot;
  logic [17:0] dump_addr;
  logic [IndexWidth-1:0] s2_slot_q;
  logic [BankAddrWidth-1:0] s2_dump_q;
  logic [BankWidth-1:0] s2_dump_bank_q;
  assign m_log2 = layer_i.head_words[2] ? 2'd2 : layer_i.head_words[1] ? 2'd1 : 2'd0;
  assign dump_row = 16'(s1_q.index) >> m_log2;
  assign dump_word = 16'(s1_q.index) & ({8'd0, layer_i.head_words} - 16'd1);
  assign dump_addr = {1'b0, s1_q.token.dump} + {2'd0, (dump_row >> BankWidth) << m_log2} +
      {2'd0, dump_word};
  assign dump_slot = s1_q.token.block[8] ? s1_q.token.block : s1_q.token.block + dump_word[8:0];

  logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] s2_value_q, fire_value;
  logic [Cfg.Lanes-1:0] param_parity;
  logic membrane_parity;
  always_ff @(posedge clk_i) begin
    if (read_i) begin
      s1_q <= s0;
      s1_start_q <= first_step_i ? start : '0;
    end
    if (s1_move) begin
      s2_token_q <= s1_q.token.index;
      s2_word_q <= s1_q.word[7:0];
      s2_step_q <= s1_q.step;
      s2_index_q <= s1_q.index;
      s2_value_q <= current_i;
      s2_dump_q <= dump_addr[BankAddrWidth-1:0];
      s2_dump_bank_q <= dump_row[BankWidth-1:0];
      s2_slot_q <= dump_slot[IndexWidth-1:0];
      head_beyond_q <= s1_q.word >= 16'(HeadWords);
      dump_beyond_q <= dump_addr >= 18'(Cfg.BankDepth) || dump_slot >= 9'(Cfg.AccDepth);
    end
    if (s1_valid_q) fire_q[2] <= s1_q;
    for (int unsigned i = 3; i <= 5; i++) if (fire_valid_q[i-1]) fire_q[i] <= fire_q[i-1];
  end

  psf_neurons #(
      .Cfg(Cfg)
  ) u_neurons (
      .clk_i,
      .rst_ni,
      .residual_i    (mode_residual),
      .no_stream_i   (layer_i.first),
      .params_i      (params[ParamWidth-1:0]),
      .current_i,
      .stream_i      (stream_data_i),
      .start_i       (s1_start_q),
      .param_parity_o(param_parity),
      .valid_i       ({fire_valid_q, s1_valid_q && mode_fire}),
      .next_first_i  (fire_q[4].first_step),
      .next_index_i  (fire_q[4].index),
      .index_i       (fire_q[5].index),
      .keep_i        (fire_q[5].keep),
      .spike_o       (line_bits_o),
      .value_o       (fire_value),
      .parity_o      (membrane_parity)
  );

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    assign stream_write_data_o[p*Cfg.StreamWidth+:Cfg.StreamWidth] =
        Cfg.StreamWidth'(fire_value[p]);

    // A count is at most the number of tokens, so PatchLines; the weight is at most MaxCount.
    logic [7:0] count;
    if (Cfg.PatchLines > psf_pkg::MaxCount) begin : gen_saturated
      localparam int unsigned CountWidth = $clog2(Cfg.PatchLines + 1);
      assign count = {1'b0, s2_value_q[p][6:0] | {7{|s2_value_q[p][CountWidth-1:7]}}};
    end else begin : gen_whole
      assign count = s2_value_q[p][7:0];
    end
    assign dump_data_o[p*SlotWidth+:SlotWidth] = {s2_slot_q, count};
  end

  // Hand out: stage 2 logits and rows, stage 5 spikes and residual words.
  assign head_valid_o = s2_valid_q && mode_head && !head_beyond_q;
  assign head_index_o = s2_word_q;
  assign head_data_o = s2_value_q;
  assign dump_valid_o = s2_valid_q && mode_key_value && !dump_beyond_q;
  assign dump_bank_o = s2_dump_bank_q;
  assign dump_addr_o = s2_dump_q;
  assign stream_write_o = fire_valid_q[5] && mode_residual && !fire_q[5].stream_beyond;
  assign stream_write_bank_o = fire_q[5].token.bank[$clog2(Cfg.Groups)-1:0];
  assign stream_write_addr_o = fire_q[5].stream;
  assign line_valid_o = fire_valid_q[5];
  assign line_word_o = fire_q[5].place;
  assign line_token_o = fire_q[5].token;
  assign line_last_o = fire_q[5].last;
  assign trace_valid_o = mode_fire ? fire_valid_q[5] : s2_valid_q && s2_taken;
  assign trace_token_o = mode_fire ? fire_q[5].token.index : s2_token_q;
  assign trace_step_o = mode_fire ? fire_q[5].step : s2_step_q;
  assign trace_word_o = 8'(mode_fire ? fire_q[5].index : s2_index_q);
  assign trace_value_o = mode_fire ? fire_value : s2_value_q;

  // Faults, all of them visible within three cycles after the word was handed out. The parity of the
  // parameters takes two steps: lane by lane, then over the lanes.
  logic param_used_q, stream_bad_q;
  logic [1:0] param_bit_q;
  logic [Cfg.Lanes-1:0] param_parity_q;
  always_ff @(posedge clk_i) begin
    param_bit_q <= {param_bit_q[0], params[ParamWidth]};
    param_parity_q <= param_parity;
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {param_used_q, stream_bad_q, parity_o, overrun_o} <= '0;
    end else begin
      param_used_q <= fire_valid_q[2] && fire_q[2].param_read && !fire_q[2].param_beyond;
      stream_bad_q <= fire_valid_q[2] && mode_residual && !layer_i.first
          && !fire_q[2].stream_beyond && stream_error_i;
      parity_o <= (param_used_q && ^{param_bit_q[1], param_parity_q}) || stream_bad_q
          || membrane_parity;
      overrun_o <= (fire_valid_q[2] && fire_q[2].param_beyond)
          || (fire_valid_q[5] && mode_residual && fire_q[5].stream_beyond)
          || (s2_valid_q && mode_head && head_beyond_q)
          || (s2_valid_q && mode_key_value && dump_beyond_q);
    end
  end

  if (Cfg.StreamWidth >= Cfg.AccWidth) begin : gen_bad_stream
    $fatal(1, "psf_drain_stages: StreamWidth must be smaller than AccWidth");
  end
  if (Cfg.AccDepth > 256 || Cfg.Lanes > 64) begin : gen_bad_depth
    $fatal(1, "psf_drain_stages: AccDepth must be at most 256, Lanes at most 64");
  end
endmodule
