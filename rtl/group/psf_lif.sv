// SPDX-License-Identifier: Apache-2.0
// Leaky integrate-and-fire of one lane, one neuron step per accepted beat, hard reset to zero.
//   u = current + (v >>> 1);  spike = (u >= theta2);  v' = spike ? 0 : u;  v = 0 at the first step
// The caller gives margin = current - theta2, so that u >= theta2 is the sign of a sum beside u.
// v is the v' of the beat before, or 0 if forget_i came with that beat or since, or, with take_i, that
// of stored_i, a left_o of before: {spike, u}, of which the gate is made where it is read. take_i only
// after forget_i. Latency 0 (the caller registers), one beat per cycle, no stalls. parity_o is that of
// the left_o of the last beat. Golden: golden.contract.neuron.lif_step
module psf_lif #(
    parameter int unsigned Width = 20
) (
    input  logic             clk_i,
    input  logic             valid_i,
    input  logic             forget_i,   // the next beat is no next step of this neuron
    input  logic             take_i,     // v is in stored_i
    input  logic [  Width:0] stored_i,
    input  logic [Width-1:0] current_i,  // signed
    input  logic [  Width:0] margin_i,   // signed
    output logic             spike_o,
    output logic [  Width:0] left_o,
    output logic             parity_o
);
  logic keep;
  logic [Width-1:0] half, half_stored, sum, left_q;  // left_q: v', or 0
  logic [Width:0] over, word_q;

  // |u| < 2^(Width-1): the compiler bounds |current| by 2^(Width-2), and |v >>> 1| <= max|u| / 2.
  assign half = {left_q[Width-1], left_q[Width-1:1]};
  assign half_stored = {stored_i[Width-1], stored_i[Width-1:1]};
  assign keep = take_i && !stored_i[Width];

  psf_merge_add #(
      .Width(Width)
  ) u_sum (
      .a_i   (current_i),
      .b_i   (half),
      .c_i   (half_stored),
      .keep_i(keep),
      .sum_o (sum)
  );
  psf_merge_add #(
      .Width(Width + 1)
  ) u_over (
      .a_i   (margin_i),
      .b_i   ({half[Width-1], half}),
      .c_i   ({half_stored[Width-1], half_stored}),
      .keep_i(keep),
      .sum_o (over)
  );
  assign spike_o  = !over[Width];
  assign left_o   = {spike_o, sum};
  assign parity_o = ^word_q;

  always_ff @(posedge clk_i) begin
    if (forget_i || (valid_i && spike_o)) left_q <= '0;
    else if (valid_i) left_q <= sum;
    if (valid_i) word_q <= left_o;
  end
endmodule
