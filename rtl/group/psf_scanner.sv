// SPDX-License-Identifier: Apache-2.0
// Walks the patch of a token and emits its non-empty spike words, window by window of w timesteps. In
// memory wl = 2^in_block steps lie side by side; w divides wl. A word leaves with its w steps at once:
//   for window k, for valid tap, for word j:  words of the steps t = k*w .. k*w + w - 1 (< steps),
//       row = row_base + k*step_rows + tap*tap_rows + j*P/B
//   place of word j of step t in the token = ((t div wl)*in_step + in_first + j)*wl + t mod wl
// The last word of every accumulation is marked (an empty one if nothing fires), so that the window
// behind never waits to learn that a timestep is over. Silent words cost nothing but the line read
// that they share, a tap outside the image one cycle. One line read and one word per cycle, latency
// 5; stalls with word_ready_i. A word that leaves with wrong parity in one of its steps (a silent one
// with its parity bit set is none) raises parity_o, one with a spike whose row is beyond the table
// overrun_o, both in the cycle after; its row is then 0.
// Golden: golden.hardware.execute.emulator (row addressing).
module psf_scanner
  import psf_group_pkg::Steps;
#(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned RowAddrWidth = $clog2(Cfg.RowDepth),
    localparam int unsigned LineWidth = Cfg.LineWords * (Cfg.Lanes + 1),  // the parity is bit Lanes
    localparam int unsigned PatchWidth = $clog2(Cfg.PatchLines)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,  // first cycle of a layer; no patch in the next one
    input psf_pkg::layer_t layer_i,
    input logic patch_valid_i,
    input logic [PatchWidth:0] filled_i,
    input logic [8:0] patch_taps_i,
    output logic patch_read_o,
    output logic [PatchWidth-1:0] patch_index_o,
    output logic patch_advance_o,
    input logic [LineWidth-1:0] patch_line_i,  // after patch_advance_o
    output logic patch_release_o,
    output logic word_valid_o,
    input logic word_ready_i,
    output logic [Steps-1:0][Cfg.Lanes-1:0] word_bits_o,  // of the steps of the window
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

  // Word 0 of the line with the first word of a block, from that word on.
  function automatic logic [16:0] ahead(logic [WordWidth-1:0] first);
    return -17'(first);
  endfunction

  // Stage 0: which line. Sums restart at every window, tap and token.
  logic step_begin_q;  // taps of this window not yet taken over from the patch
  logic [8:0] todo_q, taps;  // taps from the current one on, the current one at bit 0
  logic [15:0] first_q, last_q;  // of the block of steps: first and last word in the pixel
  logic [16:0] step_row_q, tap_row_q;  // first row of the step, row offset of the tap
  logic [15:0] patch_base_q, base_next;  // first line of the tap in the patch
  logic [15:0] line_q, index_q;  // the line, in the pixel and in the patch
  logic begins_q;  // it is the one with the first word of the block
  logic [16:0] ahead_q;  // its word 0, from the first word of the block on; negative in that line
  logic [3:0] tap_q;

  logic run, want, go, skip, s1_free, tap_end, step_end, token_end, ends, ends_here;
  logic want_tap_end, want_step_end, skip_step_end, token_last;
  logic [15:0] first0, last0, first0_q, last0_q, block_words_q, first_d, last_d;
  logic [2:0] window, block;  // w, wl
  logic [1:0] offset_q;  // first step of the window in its block
  logic [2:0] window_steps;  // of this one
  logic block_end;
  assign window = 3'd1 << layer_i.window;
  assign block = 3'd1 << layer_i.in_block;
  assign block_end = {1'b0, offset_q} + window >= block;
  assign taps = step_begin_q ? patch_taps_i : todo_q;

  psf_windows u_windows (
      .clk_i,
      .rst_ni,
      .start_i,
      .one_i   (layer_i.repeat_drain),
      .steps_i (layer_i.steps),
      .window_i(layer_i.window),
      .next_i  (step_end),
      .steps_o (window_steps),
      .last_o  (token_last)
  );

  // Where the blocks begin and end: of a token's first one, and how far it is to the next.
  assign first0 = {8'd0, layer_i.in_first} << layer_i.in_block;
  assign last0  = first0 + ({8'd0, layer_i.in_words} << layer_i.in_block) - 16'd1;
  always_ff @(posedge clk_i) begin
    first0_q <= first0;
    last0_q <= last0;
    block_words_q <= {8'd0, layer_i.in_step} << layer_i.in_block;
  end
  always_comb begin
    first_d = first_q;
    last_d  = last_q;
    if (start_i) begin
      first_d = first0;
      last_d  = last0;
    end else if (token_last) begin
      first_d = first0_q;
      last_d  = last0_q;
    end else if (block_end) begin
      first_d = first_q + block_words_q;
      last_d  = last_q + block_words_q;
    end
  end

  assign ends_here = line_q == last_q >> WordWidth;
  assign run = patch_valid_i && layer_i.mode != psf_pkg::MODE_KEY_VALUE;
  assign skip = run && !taps[0];
  assign want = run && taps[0] && index_q < 16'(filled_i);
  assign want_tap_end = want && ends_here;
  assign want_step_end = want_tap_end && taps[8:1] == 8'd0;
  assign skip_step_end = skip && taps[8:1] == 8'd0;
  // s1_free is the latest of all, hence it comes last.
  assign go = want && s1_free;
  assign tap_end = skip || (want_tap_end && s1_free);
  assign step_end = skip_step_end || (want_step_end && s1_free);
  assign token_end = (skip_step_end && token_last) || (want_step_end && token_last && s1_free);
  assign ends = (skip_step_end || want_step_end) && (token_last || !layer_i.merge);  // if s1_free

  assign base_next = taps[0] ? patch_base_q + {8'd0, layer_i.in_lines} : patch_base_q;

  assign patch_read_o = go;
  assign patch_index_o = PatchWidth'(index_q);
  assign patch_release_o = token_end;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) step_begin_q <= 1'b1;
    else if (step_end) step_begin_q <= 1'b1;
    else if (go || skip) step_begin_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (go || skip) todo_q <= tap_end ? taps >> 1 : taps;
    if (start_i || token_end) begin
      offset_q   <= '0;
      step_row_q <= {1'b0, layer_i.row_base};
    end else if (step_end) begin
      offset_q   <= block_end ? 2'd0 : offset_q + window[1:0];
      step_row_q <= add(step_row_q, layer_i.step_rows);
    end
    if (start_i || step_end) begin
      tap_q <= '0;
      tap_row_q <= '0;
      first_q <= first_d;
      last_q <= last_d;
      patch_base_q <= '0;
      line_q <= first_d >> WordWidth;
      ahead_q <= ahead(first_d[WordWidth-1:0]);
      index_q <= first_d >> WordWidth;
    end else if (tap_end) begin
      tap_q <= tap_q + 4'd1;
      tap_row_q <= add(tap_row_q, layer_i.tap_rows);
      patch_base_q <= base_next;
      line_q <= first_q >> WordWidth;
      ahead_q <= ahead(first_q[WordWidth-1:0]);
      index_q <= base_next + (first_q >> WordWidth);
    end else if (go) begin
      line_q <= line_q + 16'd1;
      ahead_q[16:WordWidth] <= ahead_q[16:WordWidth] + (17 - WordWidth)'(1);
      index_q <= index_q + 16'd1;
    end
    if (start_i || step_end || tap_end) begins_q <= 1'b1;
    else if (go) begins_q <= 1'b0;
  end

  // Stage 1: the line is at the output of the RAM; stage 2: in the register behind it. It moves on
  // when the stage behind is free, which is known from registers alone.
  typedef struct packed {
    logic [Cfg.LineWords-1:0] range;
    logic [Steps-1:0]         steps;  // of the window
    logic                     ends;
    logic [18:0]              row;
    logic [SkewWidth-1:0]     skew;
  } line_t;
  logic s1_valid_q, s2_valid_q, s2_free, picker_free;
  line_t s1_q, s2_q, scanned;

  assign s2_free = !s2_valid_q || picker_free;
  assign s1_free = !s1_valid_q || s2_free;
  assign patch_advance_o = s1_valid_q && s2_free;

  // A word j is known by the place of its first step of the window. Of a last window that is cut
  // short, only the steps that exist count.
  always_comb begin
    for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
      scanned.range[i] = (!begins_q || WordWidth'(i) >= first_q[WordWidth-1:0])
          && (!ends_here || WordWidth'(i) <= last_q[WordWidth-1:0])
          && (2'(i) & 2'(block - 3'd1)) == offset_q;
    end
    for (int unsigned t = 0; t < Steps; t++) begin
      scanned.steps[t] = t < 32'(window_steps);
    end
  end
  assign scanned.ends = ends;
  assign scanned.row = {2'd0, step_row_q} + {2'd0, tap_row_q} + (19'($signed(
      ahead_q
  ) >>> layer_i.in_block) << FoldWidth);
  assign scanned.skew = SkewWidth'(tap_q);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {s1_valid_q, s2_valid_q} <= '0;
    end else begin
      if (s1_free) s1_valid_q <= go;
      if (s2_free) s2_valid_q <= s1_valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (s1_free) s1_q <= scanned;
    if (s2_free) s2_q <= s1_q;
  end

  psf_word_picker #(
      .Cfg(Cfg)
  ) u_picker (
      .clk_i,
      .rst_ni,
      .in_block_i  (layer_i.in_block),
      .line_valid_i(s2_valid_q),
      .line_ready_o(picker_free),
      .line_i      (patch_line_i),
      .places_i    (s2_q.range),
      .steps_i     (s2_q.steps),
      .ends_i      (s2_q.ends),
      .row_i       (s2_q.row),
      .skew_i      (s2_q.skew),
      .word_valid_o,
      .word_ready_i,
      .word_bits_o,
      .word_row_o,
      .word_skew_o,
      .word_last_o,
      .parity_o,
      .overrun_o
  );

  if (Cfg.Banks < 2 || Cfg.Lanes % Cfg.Banks != 0) begin : gen_bad_banks
    $fatal(1, "psf_scanner: Banks must be at least 2 and divide Lanes");
  end
  if (Cfg.RowDepth < Fold || Cfg.RowDepth > 65536) begin : gen_bad_rows
    $fatal(1, "psf_scanner: RowDepth must lie between Lanes / Banks and 65536");
  end

endmodule
