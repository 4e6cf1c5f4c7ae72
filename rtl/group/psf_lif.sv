// SPDX-License-Identifier: Apache-2.0
// Leaky integrate-and-fire of one lane, one neuron step per accepted beat, hard reset to zero.
//   u = current + (v >>> 1);  spike = (u >= theta2);  v' = spike ? 0 : u;  v = 0 at the first step
// The caller gives margin = current - theta2, so that u >= theta2 is the sign of a sum beside u.
// v is that of the beat before (chain_i: it was this neuron's) or comes from outside. Latency 0 (the
// caller registers), one beat per cycle, no stalls. parity_o is that of the v' of the last beat.
// Golden: golden.contract.neuron.lif_step
module psf_lif #(
    parameter int unsigned Width = 20
) (
    input  logic             clk_i,
    input  logic             valid_i,
    input  logic             first_i,    // first timestep: the neuron is at rest
    input  logic             chain_i,    // the beat before was the step before of this neuron
    input  logic [Width-1:0] stored_i,   // v otherwise
    input  logic [Width-1:0] current_i,  // signed
    input  logic [  Width:0] margin_i,   // signed
    output logic             spike_o,
    output logic [Width-1:0] left_o,     // v'
    output logic             parity_o
);
  logic [Width-1:0] membrane, half, sum, left_q;
  logic [Width:0] over;

  assign membrane = first_i ? '0 : chain_i ? left_q : stored_i;
  // |u| < 2^(Width-1): the compiler bounds |current| by 2^(Width-2), and |v >>> 1| <= max|u| / 2.
  assign half = {membrane[Width-1], membrane[Width-1:1]};
  assign sum = current_i + half;
  assign over = margin_i + {half[Width-1], half};
  assign spike_o = !over[Width];
  assign left_o = spike_o ? '0 : sum;
  assign parity_o = ^left_q;

  always_ff @(posedge clk_i) if (valid_i) left_q <= left_o;
endmodule
