// SPDX-License-Identifier: Apache-2.0
//
// Block RAM with one write port and one read port on one clock.
//   if (we_i) mem[waddr_i] <= wdata_i;   if (re_i) rdata_o <= mem[raddr_i];
// Latency 1. A read and a write in the same cycle, every cycle; rdata_o holds while re_i is low.
// Collision (both on one address): rdata_o is undefined, or with ReadFirst the old word, for which
// RAMs that do not promise it need registers and a mux behind them. No initial contents, no reset.
// An address at or beyond Depth is an error of the caller (asserted). Golden: tb.unit.common.test_ram.

module psf_ram_1r1w #(
    parameter int unsigned Width = 32,  // bits of a word, >= 1
    parameter int unsigned Depth = 256,  // words, >= 2, any value
    parameter bit ReadFirst = 1'b0,  // a collision reads the old word
    localparam int unsigned AddrWidth = $clog2(Depth)
) (
    input  logic                 clk_i,
    input  logic                 we_i,     // write wdata_i to waddr_i
    input  logic [AddrWidth-1:0] waddr_i,
    input  logic [    Width-1:0] wdata_i,
    input  logic                 re_i,     // read raddr_i: rdata_o has it in the next cycle
    input  logic [AddrWidth-1:0] raddr_i,
    output logic [    Width-1:0] rdata_o
);

  if (Width < 1) begin : gen_bad_width
    $fatal(1, "psf_ram_1r1w: Width must be at least 1");
  end
  if (Depth < 2) begin : gen_bad_depth
    $fatal(1, "psf_ram_1r1w: Depth must be at least 2");
  end

  (* ram_style = "block" *)
  logic [Width-1:0] mem[Depth];

  always_ff @(posedge clk_i) begin
    if (we_i) begin
      mem[waddr_i] <= wdata_i;
    end
    if (re_i) begin
      rdata_o <= (!ReadFirst && we_i && waddr_i == raddr_i) ? 'x : mem[raddr_i];
    end
  end

  // Promises of the header that the caller keeps. Only a Depth that is no power of two can break them.
  if (Depth != 2 ** AddrWidth) begin : gen_assert_range
    localparam logic [AddrWidth-1:0] Last = AddrWidth'(Depth - 1);
    always_ff @(posedge clk_i) begin
      if (we_i) begin
        assert (waddr_i <= Last);
      end
      if (re_i) begin
        assert (raddr_i <= Last);
      end
    end
  end

endmodule
