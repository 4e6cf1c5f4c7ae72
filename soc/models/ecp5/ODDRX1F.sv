// SPDX-License-Identifier: Apache-2.0
//
// The output register of an ECP5 pin for both edges: D0 while SCLK is high, D1 while it is low, both
// taken at the rising edge.
`timescale 1ns / 1ps

module ODDRX1F (
    input  logic SCLK,
    input  logic RST,
    input  logic D0,
    input  logic D1,
    output logic Q
);
  logic second;
  initial Q = 1'b0;

  always @(SCLK or posedge RST) begin
    if (RST) begin
      Q <= 1'b0;
      second <= 1'b0;
    end else if (SCLK) begin
      Q <= D0;
      second <= D1;
    end else begin
      Q <= second;
    end
  end
endmodule
