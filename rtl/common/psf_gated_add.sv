// SPDX-License-Identifier: Apache-2.0
//
// An adder with an OR at one operand and a gate at the other, modulo 2^Width:
//   sum_o = (a_i | b_i) + (keep_i ? c_i : 0)
// So a sum of one of two words, of which the other is zero, costs no multiplexer. Combinational. Where
// a carry cell has inputs to spare, OR and gate cost nothing: synth/carry_cells.py has those of an
// ECP5, whose mapper would put them in front of the adder, a LUT a bit each. Mappers for 7 series want
// the first operand as it is beside the exclusive or: OrFirst = 0 where keep_i is constant.
// Golden: tb.unit.common.test_gated_add.

module psf_gated_add #(
    parameter int unsigned Width = 20,  // bits, >= 1
    parameter bit OrFirst = 1'b1  // the order of the operands
) (
    input  logic [Width-1:0] a_i,
    input  logic [Width-1:0] b_i,
    input  logic [Width-1:0] c_i,
    input  logic             keep_i,
    output logic [Width-1:0] sum_o
);

  if (OrFirst) begin : gen_or_first
    assign sum_o = (a_i | b_i) + (c_i & {Width{keep_i}});
  end else begin : gen_gate_first
    assign sum_o = (c_i & {Width{keep_i}}) + (a_i | b_i);
  end

endmodule
