// SPDX-License-Identifier: Apache-2.0
// K^T V of one unit (head block u, timestep t): for every token n and every K spike i of the block,
// the V words of that token are added to accumulators i*m + b (b < m), in the lanes of i's head.
//   line n of the patch holds m K words from patch_word on, then m V words, 2^in_block words apart
// One row-add per cycle, no weight bank involved. Accumulation k uses buffer k mod 2 as in the
// window. A K word, or a V word that is added, with wrong parity raises parity_o; a block that does
// not end within its line (it wraps around) overrun_o. Golden: golden.contract.model.attention.
module psf_key_value #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned LineWidth = Cfg.LineWords * (Cfg.Lanes + 1),  // the parity is bit Lanes
    localparam int unsigned PatchWidth = $clog2(Cfg.PatchLines)
) (
    input  logic                                        clk_i,
    input  logic                                        rst_ni,
    input  logic                                        start_i,          // first cycle of a layer
    input  psf_pkg::layer_t                             layer_i,
    input  logic                                        patch_valid_i,
    input  logic            [             PatchWidth:0] filled_i,
    input  logic            [$clog2(Cfg.LineWords)-1:0] patch_word_i,
    output logic                                        patch_read_o,
    output logic            [           PatchWidth-1:0] patch_index_o,
    output logic                                        patch_advance_o,
    input  logic            [            LineWidth-1:0] patch_line_i,     // after patch_advance_o
    output logic                                        patch_release_o,
    output logic                                        add_valid_o,      // registered
    output logic                                        add_buffer_o,
    output logic            [           IndexWidth-1:0] add_index_o,
    output logic            [            Cfg.Lanes-1:0] add_bits_o,
    output logic            [                      1:0] complete_o,
    input  logic            [                      1:0] reopen_i,
    output logic                                        parity_o,         // both registered
    output logic                                        overrun_o
);
  localparam int unsigned WordWidth = $clog2(Cfg.LineWords);
  localparam int unsigned LaneWidth = $clog2(Cfg.Lanes);
  localparam int unsigned Landing = psf_group_pkg::Landing + 2;  // cycles of an add

  logic go, line_last, take, busy_q, ends_q, done;
  logic [15:0] line_q;
  logic [WordWidth-1:0] word_q, v_word;  // word_q: first K word of the line being worked on
  logic [1:0] m_log2;
  logic [1:0] k_q, v_q, last_word_q;  // current K word a and V word b; the last ones, m - 1
  logic [Cfg.Lanes-1:0] left_q, same_head;
  logic [Cfg.Lanes:0] v_bits;
  logic buffer_q;
  logic [1:0] closed_q;

  assign m_log2 = layer_i.head_words[2] ? 2'd2 : layer_i.head_words[1] ? 2'd1 : 2'd0;

  // Stage 0: a line at the output of the patch RAM; stage 1: in the register behind it. It moves on
  // when stage 2 has done with the line before and the accumulator buffer is free, which is known
  // from registers alone.
  logic s0_valid_q, s0_ends_q, s1_valid_q, s1_ends_q, s1_free;
  logic [WordWidth-1:0] s0_word_q, s1_word_q;
  assign line_last = line_q + 16'd1 == layer_i.tokens;
  assign take = s1_valid_q && !closed_q[buffer_q] && (!busy_q || (done && !ends_q));
  assign go = patch_valid_i && layer_i.mode == psf_pkg::MODE_KEY_VALUE
      && line_q < 16'(filled_i) && (!s0_valid_q || s1_free);
  assign s1_free = !s1_valid_q || take;
  assign patch_advance_o = s0_valid_q && s1_free;
  assign patch_read_o = go;
  assign patch_index_o = PatchWidth'(line_q);
  assign patch_release_o = go && line_last;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {s0_valid_q, s1_valid_q} <= '0;
    end else begin
      s0_valid_q <= go || (s0_valid_q && !s1_free);
      if (s1_free) s1_valid_q <= s0_valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) line_q <= '0;
    else if (go) line_q <= line_last ? 16'd0 : line_q + 16'd1;
    if (go) begin
      s0_word_q <= patch_word_i;
      s0_ends_q <= line_last;
    end
    if (s1_free) begin
      s1_word_q <= s0_word_q;
      s1_ends_q <= s0_ends_q;
    end
  end

  // Stage 2: spikes of K word a, lowest first; for each, V words b = 0 .. m-1.
  logic [LineWidth-1:0] held_q;
  logic [WordWidth-1:0] next_word;
  logic [Cfg.Lanes:0]
      first_bits, next_bits;  // K words: first one of the next line, next one of this
  logic k_odd_q;  // this K word, in its first cycle, has the wrong parity
  assign next_word = word_q + ((WordWidth'(k_q) + WordWidth'(1)) << layer_i.in_block);
  assign v_word = word_q + ((WordWidth'(layer_i.head_words) + WordWidth'(v_q)) << layer_i.in_block);
  always_comb begin
    first_bits = '0;
    next_bits = '0;
    v_bits = '0;
    for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
      if (s1_word_q == WordWidth'(i)) first_bits = patch_line_i[i*(Cfg.Lanes+1)+:Cfg.Lanes+1];
      if (next_word == WordWidth'(i)) next_bits = held_q[i*(Cfg.Lanes+1)+:Cfg.Lanes+1];
      if (v_word == WordWidth'(i)) v_bits = held_q[i*(Cfg.Lanes+1)+:Cfg.Lanes+1];
    end
  end

  logic [LaneWidth-1:0] spike;  // lowest K spike
  always_comb begin
    spike = '0;
    for (int unsigned i = 0; i < Cfg.Lanes; i++) begin
      if (left_q[Cfg.Lanes-1-i]) spike = LaneWidth'(Cfg.Lanes - 1 - i);
    end
  end

  // Stage 3: where the V word is added, and in which lanes.
  logic s3_valid_q, s3_buffer_q, s3_odd_q;
  logic [LaneWidth-1:0] s3_spike_q;
  logic [1:0] s3_k_q, s3_v_q;
  logic [Cfg.Lanes:0] s3_bits_q;
  always_ff @(posedge clk_i) begin
    s3_buffer_q <= buffer_q;
    s3_spike_q <= spike;
    s3_k_q <= k_q;
    s3_v_q <= v_q;
    s3_bits_q <= v_bits;
  end
  always_comb begin
    for (int unsigned p = 0; p < Cfg.Lanes; p++) begin
      same_head[p] = LaneWidth'(p) >> layer_i.head_lanes == s3_spike_q >> layer_i.head_lanes;
    end
  end

  logic v_last, word_last, any_q, single_q;  // left_q has a spike, has not two
  logic [Cfg.Lanes-1:0] after;
  assign after = left_q & (left_q - Cfg.Lanes'(1));
  assign v_last = v_q == last_word_q;
  assign word_last = k_q == last_word_q;
  // A K word is finished when it has no spike, or with the last V word of its last spike.
  logic word_done;
  assign word_done = !any_q || (v_last && single_q);
  assign done = busy_q && word_done && word_last;

  // The spikes to come, whether there is one and not two: of each candidate before the choice.
  typedef struct packed {
    logic [Cfg.Lanes-1:0] bits;
    logic any;
    logic single;
  } left_t;
  function automatic left_t left(logic [Cfg.Lanes-1:0] bits);
    logic [Cfg.Lanes-1:0] once;  // a lower one, too
    logic two;
    once = '0;
    two  = 1'b0;
    for (int unsigned i = 1; i < Cfg.Lanes; i++) begin
      once[i] = once[i-1] || bits[i-1];
      two |= once[i] && bits[i];
    end
    return '{bits: bits, any: bits != '0, single: !two};
  endfunction
  left_t left_first, left_next, left_after, left_d;
  assign left_first = left(first_bits[Cfg.Lanes-1:0]);
  assign left_next  = left(next_bits[Cfg.Lanes-1:0]);
  assign left_after = left(after);
  assign left_d     = take ? left_first : word_done ? left_next : left_after;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {busy_q, buffer_q, closed_q, k_odd_q, s3_odd_q, s3_valid_q, add_valid_o} <= '0;
    end else begin
      if (take) busy_q <= 1'b1;
      else if (done) busy_q <= 1'b0;
      if (start_i) buffer_q <= 1'b0;
      else if (done && ends_q) buffer_q <= !buffer_q;
      closed_q <= (closed_q & ~reopen_i) | (2'(done && ends_q) << buffer_q);
      k_odd_q <= take ? ^first_bits : ^next_bits && busy_q && word_done && !word_last;
      s3_valid_q <= busy_q && any_q;
      s3_odd_q <= k_odd_q;
      add_valid_o <= s3_valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      held_q <= patch_line_i;
      word_q <= s1_word_q;
      ends_q <= s1_ends_q;
    end
    if (take || (busy_q && word_done)) begin
      k_q <= take ? 2'd0 : k_q + 2'd1;
      v_q <= '0;
    end else if (busy_q) begin
      v_q <= v_last ? 2'd0 : v_q + 2'd1;
    end
    if (take || (busy_q && (word_done || v_last))) begin
      {left_q, any_q, single_q} <= left_d;
    end
    last_word_q  <= layer_i.head_words[1:0] - 2'd1;
    add_buffer_o <= s3_buffer_q;
    add_index_o  <= IndexWidth'((16'({s3_k_q, s3_spike_q}) << m_log2) | 16'(s3_v_q));
    add_bits_o   <= s3_bits_q[Cfg.Lanes-1:0] & same_head;
  end

  // The add registered with the closing cycle takes a while to land (psf_lanes).
  logic [1:0][Landing-1:0] settled_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      settled_q <= '0;
    end else begin
      for (int unsigned b = 0; b < 2; b++) begin
        settled_q[b] <= closed_q[b] && !reopen_i[b] ? {settled_q[b][Landing-2:0], 1'b1} : '0;
      end
    end
  end
  assign complete_o = closed_q & {settled_q[1][Landing-1], settled_q[0][Landing-1]};

  logic [8:0] block_end;  // first word behind the block
  assign block_end = 9'(patch_word_i) + ({layer_i.head_words, 1'b0} << layer_i.in_block)
      - (9'd1 << layer_i.in_block) + 9'd1;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {parity_o, overrun_o} <= '0;
    end else begin
      parity_o  <= s3_odd_q || (s3_valid_q && ^s3_bits_q);
      overrun_o <= go && block_end > 9'(Cfg.LineWords);
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) assert ((reopen_i & ~complete_o) == '0);
  end
endmodule
