// SPDX-License-Identifier: Apache-2.0
//
// Clears the spikes whose weight row is empty from the lines on their way to the patch buffer, so
// that a row without weights costs neither a place in the window nor a cycle; before, inverts them if
// it is the inputs without a spike that count.
//   line_o = (line_i ^ invert_i) & mask[addr_i of its request]     (all ones unless enable_i)
// With outside_i in the place of line_valid_i a line of ones comes in the place of line_i ^ invert_i.
// The mask lies in a block RAM. The address comes with the accepted request, the line one cycle
// later, and the masked line one cycle after that: latency 1, one line per cycle, no stalls. A mask
// line written in cycle t is read by addresses from t + 1 on, undefined for one in t. Every word
// keeps its parity: a word that came with a wrong one leaves with a wrong one. parity_o pulses with
// line_valid_o if the mask itself is not what was written. Golden: golden.hardware.execute.emulator.

module psf_row_mask #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned MaskWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned LineWidth = Cfg.LineWords * (Cfg.Lanes + 1),  // the parity is bit Lanes
    localparam int unsigned AddrWidth = $clog2(psf_pkg::MaskLines)
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    // Loader.
    input  logic                 mask_valid_i,
    input  logic [AddrWidth-1:0] mask_addr_i,
    input  logic [  MaskWidth:0] mask_data_i,   // its parity is the highest bit
    // Lines.
    input  logic                 enable_i,
    input  logic [AddrWidth-1:0] addr_i,        // in the cycle before line_valid_i
    input  logic                 line_valid_i,
    input  logic [LineWidth-1:0] line_i,
    input  logic                 invert_i,
    input  logic                 outside_i,
    output logic                 line_valid_o,
    output logic [LineWidth-1:0] line_o,
    output logic                 parity_o
);

  logic [MaskWidth:0] mask, mask_q;
  logic [LineWidth-1:0] line_q;
  logic invert_q, outside_q;

  psf_ram_1r1w #(
      .Width(MaskWidth + 1),
      .Depth(psf_pkg::MaskLines)
  ) u_mask (
      .clk_i,
      .we_i   (mask_valid_i),
      .waddr_i(mask_addr_i),
      .wdata_i(mask_data_i),
      .re_i   (1'b1),
      .raddr_i(addr_i),
      .rdata_o(mask)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) line_valid_o <= 1'b0;
    else line_valid_o <= line_valid_i || outside_i;
  end

  always_ff @(posedge clk_i) begin
    line_q <= line_i;
    {invert_q, outside_q} <= {invert_i, outside_i};
    mask_q <= enable_i ? mask : {^{MaskWidth{1'b1}}, {MaskWidth{1'b1}}};
  end

  for (genvar w = 0; w < Cfg.LineWords; w++) begin : gen_word
    logic [Cfg.Lanes-1:0] bits, keep;
    // An even number of bits: neither all of them inverted nor all of them ones change the parity.
    assign bits = (line_q[w*(Cfg.Lanes+1)+:Cfg.Lanes] ^ {Cfg.Lanes{invert_q}}) |
        {Cfg.Lanes{outside_q}};
    assign keep = mask_q[w*Cfg.Lanes+:Cfg.Lanes];
    assign line_o[w*(Cfg.Lanes+1)+:Cfg.Lanes] = bits & keep;
    assign line_o[w*(Cfg.Lanes+1)+Cfg.Lanes] =
        Cfg.Parity != 0 && ((line_q[w*(Cfg.Lanes+1)+Cfg.Lanes] && !outside_q) ^ (^(bits & ~keep)));
  end

  assign parity_o = line_valid_o && (^mask_q);

endmodule
