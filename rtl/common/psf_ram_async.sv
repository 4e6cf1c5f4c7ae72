// SPDX-License-Identifier: Apache-2.0
//
// Distributed (LUT) RAM with one write port and one combinational read port.
//   if (we_i) mem[waddr_i] <= wdata_i;   rdata_o = mem[raddr_i];
// Read latency 0, one write per cycle. A word written in this cycle is read from the next cycle
// on. No initial contents, no reset. A write at or beyond Depth is an error of the caller
// (asserted); a read there returns no defined value. Golden: tb.unit.common.test_ram.

module psf_ram_async #(
    parameter int unsigned Width = 32,  // bits of a word, >= 1
    parameter int unsigned Depth = 32,  // words, >= 2, any value
    localparam int unsigned AddrWidth = $clog2(Depth)
) (
    input  logic                 clk_i,
    input  logic                 we_i,     // write wdata_i to waddr_i
    input  logic [AddrWidth-1:0] waddr_i,
    input  logic [    Width-1:0] wdata_i,
    input  logic [AddrWidth-1:0] raddr_i,  // rdata_o follows combinationally
    output logic [    Width-1:0] rdata_o
);

  if (Width < 1) begin : gen_bad_width
    $fatal(1, "psf_ram_async: Width must be at least 1");
  end
  if (Depth < 2) begin : gen_bad_depth
    $fatal(1, "psf_ram_async: Depth must be at least 2");
  end

  (* ram_style = "distributed" *)
  logic [Width-1:0] mem[Depth];

  always_ff @(posedge clk_i) begin
    if (we_i) begin
      mem[waddr_i] <= wdata_i;
    end
  end

  assign rdata_o = mem[raddr_i];

  if (Depth != 2 ** AddrWidth) begin : gen_assert_range
    localparam logic [AddrWidth-1:0] Last = AddrWidth'(Depth - 1);
    always_ff @(posedge clk_i) begin
      if (we_i) begin
        assert (waddr_i <= Last);
      end
    end
  end

endmodule
