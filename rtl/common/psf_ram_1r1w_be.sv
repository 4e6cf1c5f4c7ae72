// SPDX-License-Identifier: Apache-2.0
//
// Block RAM with one write port and one read port on one clock, written by lanes.
//   if (we_i[l]) mem[waddr_i].lane[l] <= wdata_i.lane[l];   if (re_i) rdata_o <= mem[raddr_i];
// A word is Lanes lanes of LaneWidth bits, lane 0 in the low bits. Latency 1. A read and a write
// in the same cycle, every cycle; rdata_o holds while re_i is low. Collision (both on one
// address): lanes that are being written are undefined, the others right. No initial contents, no
// reset. An address at or beyond Depth is an error of the caller (asserted). Golden: tb.unit.common.test_ram.

module psf_ram_1r1w_be #(
    parameter int unsigned Lanes = 4,  // separately written parts of a word, >= 1
    parameter int unsigned LaneWidth = 8,  // bits of a lane, >= 1
    parameter int unsigned Depth = 256,  // words, >= 2, any value
    localparam int unsigned Width = Lanes * LaneWidth,
    localparam int unsigned AddrWidth = $clog2(Depth)
) (
    input  logic                 clk_i,
    input  logic [    Lanes-1:0] we_i,     // write lane l of wdata_i to waddr_i
    input  logic [AddrWidth-1:0] waddr_i,
    input  logic [    Width-1:0] wdata_i,
    input  logic                 re_i,     // read raddr_i: rdata_o has it in the next cycle
    input  logic [AddrWidth-1:0] raddr_i,
    output logic [    Width-1:0] rdata_o
);

  if (Lanes < 1 || LaneWidth < 1) begin : gen_bad_width
    $fatal(1, "psf_ram_1r1w_be: Lanes and LaneWidth must be at least 1");
  end
  if (Depth < 2) begin : gen_bad_depth
    $fatal(1, "psf_ram_1r1w_be: Depth must be at least 2");
  end

  (* ram_style = "block" *)
  logic [Width-1:0] mem[Depth];

  always_ff @(posedge clk_i) begin
    for (int unsigned l = 0; l < Lanes; l++) begin
      if (we_i[l]) begin
        mem[waddr_i][l*LaneWidth+:LaneWidth] <= wdata_i[l*LaneWidth+:LaneWidth];
      end
    end
    if (re_i) begin
      rdata_o <= mem[raddr_i];
      for (int unsigned l = 0; l < Lanes; l++) begin
        if (we_i[l] && waddr_i == raddr_i) begin
          rdata_o[l*LaneWidth+:LaneWidth] <= 'x;
        end
      end
    end
  end

  if (Depth != 2 ** AddrWidth) begin : gen_assert_range
    localparam logic [AddrWidth-1:0] Last = AddrWidth'(Depth - 1);
    always_ff @(posedge clk_i) begin
      if (|we_i) begin
        assert (waddr_i <= Last);
      end
      if (re_i) begin
        assert (raddr_i <= Last);
      end
    end
  end

endmodule
