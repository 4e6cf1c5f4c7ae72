// SPDX-License-Identifier: Apache-2.0
//
// A pin of an ECP5 in both directions: T high lets go of it. (Verilator cannot read the one of Yosys,
// which compares T with z.)
`timescale 1ns / 1ps

module TRELLIS_IO #(
    parameter DIR = "INPUT"
) (
    inout  wire  B,
    input  logic I,
    input  logic T,
    output logic O
);
  if (DIR != "BIDIR") begin : gen_direction
    $fatal(1, "TRELLIS_IO: only DIR BIDIR is known here");
  end
  assign B = T ? 1'bz : I;
  assign O = B;
endmodule
