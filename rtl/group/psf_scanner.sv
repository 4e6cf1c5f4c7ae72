// SPDX-License-Identifier: Apache-2.0
// Walks the patch of a token and emits its non-empty spike words, timestep by timestep:
//   for t, for valid tap, for word j:  word, row = row_base + t*step_rows + tap*tap_rows + j*P/B
// The last word of every accumulation is marked (an empty one if nothing fires), so that the window
// behind never waits to learn that a timestep is over. Silent words cost nothing but the line read
// that they share, a tap outside the image one cycle. One line read and one word per cycle, latency
// 4; stalls with word_ready_i. A word that leaves with wrong parity (a silent one with its parity
// bit set is none) raises parity_o, one with a spike whose row is beyond the table overrun_o, both
// in the cycle after; its row is then 0. Golden: golden.hardware.execute.emulator (row addressing).
module psf_scanner #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned RowAddrWidth = $clog2(Cfg.RowDepth),
    localparam int unsigned LineWidth = Cfg.LineWords * (Cfg.Lanes + 1),  // the parity is bit Lanes
    localparam int unsigned PatchWidth = $clog2(Cfg.PatchLines)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,  // first cycle of a layer
    input psf_pkg::layer_t layer_i,
    input logic patch_valid_i,
    input logic [PatchWidth:0] filled_i,
    input logic [8:0] patch_taps_i,
    output logic patch_read_o,
    output logic [PatchWidth-1:0] patch_index_o,
    input logic [LineWidth-1:0] patch_line_i,
    output logic patch_release_o,
    output logic word_valid_o,
    input logic word_ready_i,
    output logic [Cfg.Lanes-1:0] word_bits_o,
    output logic [RowAddrWidth-1:0] word_row_o,  // row-table address of bits 0..B-1
    output logic [$clog2(Cfg.Banks)-1:0] word_skew_o,  // channel c lies in bank (c + skew) mod B
    output logic word_last_o,  // last word of this accumulation
    output logic parity_o,
    output logic overrun_o
);
  localparam int unsigned WordWidth = $clog2(Cfg.LineWords);
  localparam int unsigned Fold = Cfg.Lanes / Cfg.Banks;
  localparam int unsigned FoldWidth = $clog2(Fold);
  localparam int unsigned SkewWidth = $clog2(Cfg.Banks);

  // Row offsets saturate: bit 16, once set, stays, and 2^16 is beyond any row table. Their sum with
  // the word's own offset then fits into 19 bits.
  function automatic logic [16:0] add(logic [16:0] sum, logic [15:0] term);
    return sum[16] ? sum : sum + {1'b0, term};
  endfunction

  // Stage 0: which line. Sums restart at every timestep, tap and token.
  logic step_begin_q;  // taps of this step not yet taken over from the patch
  logic [8:0] todo_q, taps;  // taps from the current one on, the current one at bit 0
  logic [ 7:0] step_q;
  logic [15:0] first_q;  // of the step: first word in the pixel
  logic [16:0] step_row_q, tap_row_q;  // first row of the step, row offset of the tap
  logic [15:0] patch_base_q, line_q;  // of the tap: patch line; line offset
  logic [3:0] tap_q;

  logic run, want, go, skip, s1_free, tap_end, step_end, token_end, ends;
  logic want_tap_end, want_step_end, skip_step_end, token_last;
  logic [15:0] last, line, index, line_word;
  assign taps = step_begin_q ? patch_taps_i : todo_q;
  assign last = first_q + {8'd0, layer_i.in_words} - 16'd1;
  assign line = (first_q >> WordWidth) + line_q;
  assign line_word = line << WordWidth;
  assign index = patch_base_q + line;

  assign run = patch_valid_i && layer_i.mode != psf_pkg::MODE_KEY_VALUE;
  assign skip = run && !taps[0];
  assign want = run && taps[0] && index < 16'(filled_i);
  assign want_tap_end = want && line == last >> WordWidth;
  assign want_step_end = want_tap_end && taps[8:1] == 8'd0;
  assign skip_step_end = skip && taps[8:1] == 8'd0;
  assign token_last = layer_i.repeat_drain || step_q + 8'd1 == layer_i.steps;
  // s1_free is the latest of all, hence it comes last.
  assign go = want && s1_free;
  assign tap_end = skip || (want_tap_end && s1_free);
  assign step_end = skip_step_end || (want_step_end && s1_free);
  assign token_end = (skip_step_end && token_last) || (want_step_end && token_last && s1_free);
  assign ends = (skip_step_end || want_step_end) && (token_last || !layer_i.merge);  // if s1_free

  assign patch_read_o = go;
  assign patch_index_o = PatchWidth'(index);
  assign patch_release_o = token_end;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) step_begin_q <= 1'b1;
    else if (step_end) step_begin_q <= 1'b1;
    else if (go || skip) step_begin_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (go || skip) todo_q <= tap_end ? taps >> 1 : taps;
    if (start_i || token_end) begin
      step_q <= '0;
      first_q <= {8'd0, layer_i.in_first};
      step_row_q <= {1'b0, layer_i.row_base};
    end else if (step_end) begin
      step_q <= step_q + 8'd1;
      first_q <= first_q + {8'd0, layer_i.in_step};
      step_row_q <= add(step_row_q, layer_i.step_rows);
    end
    if (start_i || step_end) begin
      tap_q <= '0;
      tap_row_q <= '0;
      patch_base_q <= '0;
      line_q <= '0;
    end else if (tap_end) begin
      tap_q <= tap_q + 4'd1;
      tap_row_q <= add(tap_row_q, layer_i.tap_rows);
      if (!skip) patch_base_q <= patch_base_q + {8'd0, layer_i.in_lines};
      line_q <= '0;
    end else if (go) begin
      line_q <= line_q + 16'd1;
    end
  end

  // Stage 1: the line is at the output of the RAM. It moves on when stage 2 is free, which is known
  // from registers alone: the RAM is slow, and a path from its output to its address would be long.
  logic s1_valid_q, s1_ends_q, s2_free;
  logic [Cfg.LineWords-1:0] s1_range_q, range, busy_words;
  logic [18:0] s1_row_q;
  logic [SkewWidth-1:0] s1_skew_q;

  assign s1_free = !s1_valid_q || s2_free;

  always_comb begin
    for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
      range[i] = line_word + 16'(i) >= first_q && line_word + 16'(i) <= last;
      busy_words[i] = |patch_line_i[i*(Cfg.Lanes+1)+:Cfg.Lanes+1];
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) s1_valid_q <= 1'b0;
    else if (s1_free) s1_valid_q <= go;
  end

  always_ff @(posedge clk_i) begin
    if (s1_free) begin
      s1_range_q <= range;
      s1_ends_q <= ends;
      s1_row_q <= {2'd0, step_row_q} + {2'd0, tap_row_q}
          + (({3'd0, line_word} - {3'd0, first_q}) << FoldWidth);
      s1_skew_q <= SkewWidth'(tap_q);
    end
  end

  // Stage 2: the words of this step that are not silent leave one by one. Whether there is one, and
  // not two, is kept beside them.
  logic s2_valid_q, s2_ends_q, any_q, single_q, room, accept;
  logic [LineWidth-1:0] s2_line_q;
  logic [Cfg.LineWords-1:0] left_q, left_d, after;
  logic [18:0] s2_row_q;
  logic [SkewWidth-1:0] s2_skew_q;

  assign after = left_q & (left_q - Cfg.LineWords'(1));

  logic [Cfg.Lanes:0] picked;
  logic [18:0] picked_row;
  always_comb begin
    picked = '0;
    picked_row = s2_row_q;
    for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
      if (left_q[i] && !after[i]) begin
        picked |= s2_line_q[i*(Cfg.Lanes+1)+:Cfg.Lanes+1];
        picked_row = s2_row_q + 19'(i << FoldWidth);
      end
    end
  end

  logic item_valid, item_ends;
  assign item_valid = s2_valid_q && (any_q || s2_ends_q);
  assign item_ends = s2_ends_q && single_q;
  assign accept = item_valid && room;
  assign s2_free = !item_valid || (single_q && room);
  assign left_d = s2_free ? busy_words & s1_range_q : after;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) s2_valid_q <= 1'b0;
    else if (s2_free) s2_valid_q <= s1_valid_q;
  end

  always_ff @(posedge clk_i) begin
    if (s2_free) begin
      s2_line_q <= patch_line_i;
      s2_ends_q <= s1_ends_q;
      s2_row_q  <= s1_row_q;
      s2_skew_q <= s1_skew_q;
    end
    if (s2_free || accept) begin
      left_q <= left_d;
      any_q <= left_d != '0;
      single_q <= (left_d & (left_d - Cfg.LineWords'(1))) == '0;
    end
  end

  // Hold stage: a word leaves when its successor, or the end of the accumulation, is known.
  logic hold_valid_q, hold_last_q, push, absorb, beyond;
  logic [Cfg.Lanes:0] hold_bits_q;
  logic [18:0] hold_row_q;
  logic [SkewWidth-1:0] hold_skew_q;

  assign word_valid_o = hold_valid_q && (hold_last_q || (s2_valid_q && any_q));
  assign push = word_valid_o && word_ready_i;
  assign absorb = item_valid && !any_q && hold_valid_q && !hold_last_q;
  assign room = !hold_valid_q || word_ready_i || !(hold_last_q || any_q);  // for an item
  assign word_bits_o = hold_bits_q[Cfg.Lanes-1:0];
  assign word_row_o = beyond ? '0 : hold_row_q[RowAddrWidth-1:0];
  assign word_skew_o = hold_skew_q;
  assign word_last_o = hold_last_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) hold_valid_q <= 1'b0;
    else if (accept) hold_valid_q <= 1'b1;
    else if (push) hold_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (absorb) begin
      hold_last_q <= 1'b1;
    end else if (accept) begin
      hold_bits_q <= picked;
      hold_row_q  <= picked_row;
      hold_skew_q <= s2_skew_q;
      hold_last_q <= item_ends;
    end
  end

  // Bits k*Banks and up go to row hold_row_q + k.
  always_comb begin
    beyond = 1'b0;
    for (int unsigned k = 0; k < Fold; k++) begin
      if (hold_row_q >= 19'(Cfg.RowDepth - k) && |hold_bits_q[k*Cfg.Banks+:Cfg.Banks])
        beyond = 1'b1;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {parity_o, overrun_o} <= '0;
    end else begin
      parity_o  <= push && ^hold_bits_q;
      overrun_o <= push && beyond;
    end
  end

  if (Cfg.Banks < 2 || Cfg.Lanes % Cfg.Banks != 0) begin : gen_bad_banks
    $fatal(1, "psf_scanner: Banks must be at least 2 and divide Lanes");
  end
  if (Cfg.RowDepth < Fold || Cfg.RowDepth > 65536) begin : gen_bad_rows
    $fatal(1, "psf_scanner: RowDepth must lie between Lanes / Banks and 65536");
  end

  logic stalled_q;
  logic [Cfg.Lanes-1:0] stalled_bits_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) stalled_q <= 1'b0;
    else stalled_q <= word_valid_o && !word_ready_i;
  end
  always_ff @(posedge clk_i) begin
    stalled_bits_q <= word_bits_o;
    if (rst_ni) begin
      assert (!stalled_q || (word_valid_o && word_bits_o == stalled_bits_q));
      assert (!(word_valid_o && !word_last_o && hold_bits_q == '0));
    end
  end
endmodule
