// SPDX-License-Identifier: Apache-2.0
//
// psf_ram_parity in one or two arrays, of which a read wakes one: a smaller array takes less energy for
// each word. Of two, the second one holds the words whose top address bit is set. Behaviour, latency and collisions as
// psf_ram_parity; the choice between the arrays follows their outputs, so let a register come next.
// Golden: tb.unit.common.test_ram.

module psf_ram_arrays #(
    parameter int unsigned Width = 32,  // bits of a word without its parity, >= 1
    parameter int unsigned Depth = 256,  // words, >= 2, with two arrays >= 4
    parameter int unsigned Arrays = 1,  // 1 or 2
    parameter bit Parity = 1'b1,  // as psf_ram_parity
    localparam int unsigned AddrWidth = $clog2(Depth)
) (
    input  logic                 clk_i,
    input  logic                 we_i,
    input  logic [AddrWidth-1:0] waddr_i,
    input  logic [    Width-1:0] wdata_i,
    input  logic                 re_i,
    input  logic [AddrWidth-1:0] raddr_i,
    output logic [    Width-1:0] rdata_o,
    output logic                 parity_o
);
  localparam int unsigned Half = 2 ** (AddrWidth - 1);

  localparam int unsigned Rest = Depth - Half > 2 ? Depth - Half : 2;

  logic [Arrays-1:0][Width:0] read;
  logic [AddrWidth-1:0] raddr;
  logic we, read_upper_q, write_upper, read_upper;

  if (Depth == 2 ** AddrWidth) begin : gen_every_address
    assign raddr = raddr_i;
    assign we = we_i;
  end else begin : gen_some_addresses
    localparam logic [AddrWidth-1:0] Last = AddrWidth'(Depth - 1);
    assign raddr = (raddr_i <= Last) ? raddr_i : '0;
    assign we = we_i && waddr_i <= Last;
  end

  assign write_upper = Arrays == 2 && waddr_i[AddrWidth-1];
  assign read_upper  = Arrays == 2 && raddr[AddrWidth-1];
  always_ff @(posedge clk_i) if (re_i) read_upper_q <= read_upper;

  for (genvar a = 0; a < Arrays; a++) begin : gen_array
    localparam int unsigned ArrayDepth = Arrays == 1 ? Depth : a == 0 ? Half : Rest;
    localparam int unsigned ArrayWidth = $clog2(ArrayDepth);
    psf_ram_parity #(
        .Width (Width),
        .Depth (ArrayDepth),
        .Parity(Parity)
    ) u_array (
        .clk_i,
        .we_i    (we && write_upper == 1'(a)),
        .waddr_i (waddr_i[ArrayWidth-1:0]),
        .wdata_i,
        .re_i    (re_i && read_upper == 1'(a)),
        .raddr_i (raddr[ArrayWidth-1:0]),
        .rdata_o (read[a][Width-1:0]),
        .parity_o(read[a][Width])
    );
  end
  assign {parity_o, rdata_o} = read_upper_q ? read[Arrays-1] : read[0];

  if (Arrays < 1 || Arrays > 2) begin : gen_bad_arrays
    $fatal(1, "psf_ram_arrays: Arrays must be 1 or 2");
  end
  if (Arrays == 2 && Depth < 4) begin : gen_bad_depth
    $fatal(1, "psf_ram_arrays: Depth must be at least 4 with two arrays");
  end
endmodule
