// SPDX-License-Identifier: Apache-2.0
// Beginning and end of a layer. layer_start_i starts the work of the groups at once (work_start_o in
// the same cycle), or, for the first tile of a head without merge, first the sums of the residual
// stream, and the work when sum_done_i pulses. A layer is over when all is quiet (quiet_i) for two
// cycles; a head layer that has the last class then finds the arg max. layer_done_o pulses 2 or more
// cycles after layer_start_i. Golden: golden.hardware.execute.emulator.
module psf_layer_control #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16
) (
    input logic clk_i,
    input logic rst_ni,
    input logic layer_start_i,
    input psf_pkg::layer_t layer_i,
    output logic layer_done_o,
    output logic averages_o,  // a head without merge
    output logic sum_start_o,
    input logic sum_done_i,
    output logic work_start_o,
    input logic quiet_i,  // every token has been granted, all groups and memories are idle
    output logic argmax_start_o,
    input logic argmax_done_i
);
  typedef enum logic [1:0] {
    IDLE,
    RUN,
    QUIET,
    ARGMAX
  } state_e;
  state_e state_q, state_d;

  logic head, sums, last_class;
  logic [8:0] words;  // of logits, up to the last one of this layer
  assign head         = layer_i.mode == psf_pkg::MODE_HEAD;
  assign words        = {1'b0, layer_i.out_first} + {1'b0, layer_i.out_words};
  assign last_class   = 16'(words) << $clog2(Cfg.Lanes) >= layer_i.tokens;
  assign averages_o   = head && !layer_i.merge;
  assign sums         = averages_o && layer_i.out_first == '0;
  assign sum_start_o  = layer_start_i && sums;
  assign work_start_o = sum_done_i || (layer_start_i && !sums);

  always_comb begin
    state_d = state_q;
    argmax_start_o = 1'b0;
    layer_done_o = 1'b0;
    unique case (state_q)
      IDLE: if (layer_start_i) state_d = RUN;
      RUN: if (quiet_i) state_d = QUIET;
      QUIET: begin
        if (!quiet_i) begin
          state_d = RUN;
        end else if (head && last_class) begin
          argmax_start_o = 1'b1;
          state_d = ARGMAX;
        end else begin
          layer_done_o = 1'b1;
          state_d = IDLE;
        end
      end
      ARGMAX: begin
        if (argmax_done_i) begin
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
endmodule
