// SPDX-License-Identifier: Apache-2.0
//
// psf_cells and its netlist beside it, in the same random stream: `differences D of N`.
`timescale 1ns / 1ps

module psf_cells_bench;
  logic clk, rst;
  logic [31:0] in;
  logic [35:0] ours, theirs;
  int differences, times;

  psf_cells u_ours (
      .clk(clk),
      .rst(rst),
      .in(in),
      .out(ours)
  );
  psf_cells_netlist u_theirs (
      .clk(clk),
      .rst(rst),
      .in(in),
      .out(theirs)
  );

  initial begin
    clk = 1'b0;
    rst = 1'b0;
    in = 0;
    #1;
    repeat (20_000) begin
      in = $urandom;
      if (times % 3 == 0) in[19:10] = in[9:0];  // often at the same place
      rst = times < 3 || $urandom_range(99) == 0;
      #5 clk = 1'b1;
      #5 clk = 1'b0;
      times++;
      if (times > 4 && ours !== theirs) differences++;
    end
    $display("differences %0d of %0d", differences, times);
    $finish;
  end
endmodule
