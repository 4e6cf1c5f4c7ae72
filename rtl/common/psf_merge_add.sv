// SPDX-License-Identifier: Apache-2.0
//
// An adder whose second operand is one of two words, of which the other is zero, modulo 2^Width:
//   sum_o = a_i + (b_i | (keep_i ? c_i : 0))
// Combinational. psf_gated_add has the OR at one operand and the gate at the other, this one both at the
// same: a carry cell with two inputs to spare a bit takes either (synth/carry_cells.py).
// Golden: tb.unit.common.test_gated_add.

module psf_merge_add #(
    parameter int unsigned Width = 20  // bits, >= 1
) (
    input  logic [Width-1:0] a_i,
    input  logic [Width-1:0] b_i,
    input  logic [Width-1:0] c_i,
    input  logic             keep_i,
    output logic [Width-1:0] sum_o
);

  assign sum_o = a_i + (b_i | (c_i & {Width{keep_i}}));

endmodule
