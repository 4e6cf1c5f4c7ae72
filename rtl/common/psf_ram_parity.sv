// SPDX-License-Identifier: Apache-2.0
//
// psf_ram_1r1w with a parity bit in every word (even: the XOR of word and parity bit is 0).
//   if (we_i) mem[waddr_i] <= {^wdata_i, wdata_i};   if (re_i) {parity, rdata_o} <= mem[raddr_i];
// Who uses a word compares it with its parity, a cycle later as a rule: the memory's output comes
// late, and the XOR of a wide word takes long. Latency 1, collision and hold as psf_ram_1r1w. An address at or
// beyond Depth, which a hostile program may make, writes nothing and reads word 0.
// Golden: tb.unit.common.test_ram.

module psf_ram_parity #(
    parameter int unsigned Width = 32,  // bits of a word without its parity, >= 1
    parameter int unsigned Depth = 256,  // words, >= 2, any value
    parameter bit Parity = 1'b1,  // 0: the parity bit is 0 and tells nothing
    localparam int unsigned AddrWidth = $clog2(Depth)
) (
    input  logic                 clk_i,
    input  logic                 we_i,     // write wdata_i to waddr_i
    input  logic [AddrWidth-1:0] waddr_i,
    input  logic [    Width-1:0] wdata_i,
    input  logic                 re_i,     // read raddr_i: rdata_o has it in the next cycle
    input  logic [AddrWidth-1:0] raddr_i,
    output logic [    Width-1:0] rdata_o,
    output logic                 parity_o  // of rdata_o, as it was written
);

  logic [AddrWidth-1:0] raddr;
  logic we;

  if (Depth == 2 ** AddrWidth) begin : gen_every_address
    assign raddr = raddr_i;
    assign we = we_i;
  end else begin : gen_some_addresses
    localparam logic [AddrWidth-1:0] Last = AddrWidth'(Depth - 1);
    assign raddr = (raddr_i <= Last) ? raddr_i : '0;
    assign we = we_i && waddr_i <= Last;
  end

  psf_ram_1r1w #(
      .Width(Width + 1),
      .Depth(Depth)
  ) u_ram (
      .clk_i(clk_i),
      .we_i(we),
      .waddr_i(waddr_i),
      .wdata_i({Parity && (^wdata_i), wdata_i}),
      .re_i(re_i),
      .raddr_i(raddr),
      .rdata_o({parity_o, rdata_o})
  );

endmodule
