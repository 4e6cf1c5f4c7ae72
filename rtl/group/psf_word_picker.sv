// SPDX-License-Identifier: Apache-2.0
// Stages 3 and 4 of psf_scanner: the words of a line that are not silent leave one by one, each with
// the steps of the window. A word lies at the place of its first step (places_i), the others behind
// it. The last word of an accumulation is marked: a word leaves when its successor, or the end of the
// accumulation (ends_i), is known. One word per cycle; stalls with word_ready_i. parity_o, overrun_o:
// see psf_scanner. Golden: golden.hardware.execute.emulator (row addressing).
module psf_word_picker
  import psf_group_pkg::Steps;
#(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned RowAddrWidth = $clog2(Cfg.RowDepth),
    localparam int unsigned SkewWidth = $clog2(Cfg.Banks),
    localparam int unsigned LineWidth = Cfg.LineWords * (Cfg.Lanes + 1)  // the parity is bit Lanes
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [1:0] in_block_i,  // of the layer
    input logic line_valid_i,
    output logic line_ready_o,
    input logic [LineWidth-1:0] line_i,
    input logic [Cfg.LineWords-1:0] places_i,
    input logic [Steps-1:0] steps_i,  // of the window, that exist
    input logic ends_i,  // the line is the last one of its accumulation
    input logic [18:0] row_i,  // of place 0
    input logic [SkewWidth-1:0] skew_i,
    output logic word_valid_o,
    input logic word_ready_i,
    output logic [Steps-1:0][Cfg.Lanes-1:0] word_bits_o,
    output logic [RowAddrWidth-1:0] word_row_o,
    output logic [SkewWidth-1:0] word_skew_o,
    output logic word_last_o,
    output logic parity_o,
    output logic overrun_o
);
  localparam int unsigned Fold = Cfg.Lanes / Cfg.Banks;
  localparam int unsigned FoldWidth = $clog2(Fold);

  // A word is there if a step of the window is not silent.
  logic [Cfg.LineWords-1:0] silent, busy_words;
  always_comb begin
    for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
      silent[i] = ~|line_i[i*(Cfg.Lanes+1)+:Cfg.Lanes+1];
    end
    for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
      busy_words[i] = 1'b0;
      for (int unsigned t = 0; t < Steps; t++) begin
        if (i % Steps + t < Steps && i + t < Cfg.LineWords) begin
          busy_words[i] |= steps_i[t] && !silent[i+t];
        end
      end
    end
  end

  // Stage 3: the words of this step that are not silent leave one by one. Whether there is one, and
  // not two, is kept beside them.
  logic s3_valid_q, s3_ends_q, any_q, single_q, room, accept;
  logic [LineWidth-1:0] s3_line_q;
  logic [Cfg.LineWords-1:0] left_q, left_d, after;
  logic [18:0] s3_row_q;
  logic [Steps-1:0] s3_steps_q;
  logic [SkewWidth-1:0] s3_skew_q;

  assign after = left_q & (left_q - Cfg.LineWords'(1));

  logic [Steps-1:0][Cfg.Lanes:0] picked;
  logic [18:0] picked_row;
  always_comb begin
    picked = '0;
    picked_row = s3_row_q;
    for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
      if (left_q[i] && !after[i]) begin
        for (int unsigned t = 0; t < Steps; t++) begin
          if (i % Steps + t < Steps && i + t < Cfg.LineWords && s3_steps_q[t]) begin
            picked[t] |= s3_line_q[(i+t)*(Cfg.Lanes+1)+:Cfg.Lanes+1];
          end
        end
        picked_row = s3_row_q + 19'((i >> in_block_i) << FoldWidth);
      end
    end
  end

  logic item_valid, item_ends;
  assign item_valid = s3_valid_q && (any_q || s3_ends_q);
  assign item_ends = s3_ends_q && single_q;
  assign accept = item_valid && room;
  assign line_ready_o = !item_valid || (single_q && room);
  assign left_d = line_ready_o ? busy_words & places_i : after;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) s3_valid_q <= 1'b0;
    else if (line_ready_o) s3_valid_q <= line_valid_i;
  end

  always_ff @(posedge clk_i) begin
    if (line_ready_o) begin
      s3_line_q  <= line_i;
      s3_ends_q  <= ends_i;
      s3_row_q   <= row_i;
      s3_skew_q  <= skew_i;
      s3_steps_q <= steps_i;
    end
    if (line_ready_o || accept) begin
      left_q <= left_d;
      any_q <= left_d != '0;
      single_q <= (left_d & (left_d - Cfg.LineWords'(1))) == '0;
    end
  end

  // Hold stage: a word leaves when its successor, or the end of the accumulation, is known.
  logic hold_valid_q, hold_last_q, push, absorb, beyond;
  logic [Steps-1:0][Cfg.Lanes:0] hold_bits_q;
  logic [18:0] hold_row_q;
  logic [SkewWidth-1:0] hold_skew_q;

  assign word_valid_o = hold_valid_q && (hold_last_q || (s3_valid_q && any_q));
  assign push = word_valid_o && word_ready_i;
  assign absorb = item_valid && !any_q && hold_valid_q && !hold_last_q;
  assign room = !hold_valid_q || word_ready_i || !(hold_last_q || any_q);  // for an item
  always_comb begin
    for (int unsigned t = 0; t < Steps; t++) word_bits_o[t] = hold_bits_q[t][Cfg.Lanes-1:0];
  end
  assign word_row_o  = beyond ? '0 : hold_row_q[RowAddrWidth-1:0];
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
      hold_skew_q <= s3_skew_q;
      hold_last_q <= item_ends;
    end
  end

  // Bits k*Banks and up go to row hold_row_q + k.
  always_comb begin
    beyond = 1'b0;
    for (int unsigned k = 0; k < Fold; k++) begin
      for (int unsigned t = 0; t < Steps; t++) begin
        if (hold_row_q >= 19'(Cfg.RowDepth - k) && |hold_bits_q[t][k*Cfg.Banks+:Cfg.Banks])
          beyond = 1'b1;
      end
    end
  end

  logic wrong;
  always_comb begin
    wrong = 1'b0;
    for (int unsigned t = 0; t < Steps; t++) wrong |= ^hold_bits_q[t];
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {parity_o, overrun_o} <= '0;
    end else begin
      parity_o  <= push && wrong;
      overrun_o <= push && beyond;
    end
  end

  logic stalled_q;
  logic [Steps-1:0][Cfg.Lanes-1:0] stalled_bits_q;
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
