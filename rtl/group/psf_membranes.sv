// SPDX-License-Identifier: Apache-2.0
// Membranes of a group between two windows of timesteps (left_o of psf_lif), one word of all lanes per
// accumulator index, in block RAM; the top bit of every lane, which gates the others, in LUT RAM, so that it comes from a
// register. A read in cycle t gives stored_o in cycle t + 1; a write is there
// for reads of the next cycle on; one of each per cycle, not of the same index. The parities lie in a
// memory of their own that works one cycle behind the writes, so that no parity tree follows the
// neurons: parities_i belongs to the write of the cycle before. parity_o pulses in cycle t + 3 if a
// lane of what was read has changed. Golden: golden.contract.neuron.lif_step.
module psf_membranes #(
    parameter int unsigned Lanes = 8,
    parameter int unsigned Depth = 16,
    parameter int unsigned Width = 20,
    localparam int unsigned IndexWidth = $clog2(Depth)
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    input  logic                             read_i,
    input  logic [IndexWidth-1:0]            read_index_i,
    output logic [     Lanes-1:0][Width-1:0] stored_o,
    input  logic                             write_i,
    input  logic [IndexWidth-1:0]            write_index_i,
    input  logic [     Lanes-1:0][Width-1:0] left_i,
    input  logic [     Lanes-1:0]            parities_i,     // one cycle after left_i
    output logic                             parity_o
);
  logic [Lanes-1:0][Width-2:0] left_low, stored_low;
  logic [Lanes-1:0] left_top, stored_top, stored_top_q;
  for (genvar p = 0; p < Lanes; p++) begin : gen_lane
    assign {left_top[p], left_low[p]} = left_i[p];
    assign stored_o[p] = {stored_top_q[p], stored_low[p]};
  end

  psf_ram_1r1w #(
      .Width(Lanes * (Width - 1)),
      .Depth(Depth)
  ) u_membrane (
      .clk_i,
      .we_i   (write_i),
      .waddr_i(write_index_i),
      .wdata_i(left_low),
      .re_i   (read_i),
      .raddr_i(read_index_i),
      .rdata_o(stored_low)
  );

  psf_ram_async #(
      .Width(Lanes),
      .Depth(Depth)
  ) u_top (
      .clk_i,
      .we_i   (write_i),
      .waddr_i(write_index_i),
      .wdata_i(left_top),
      .raddr_i(read_index_i),
      .rdata_o(stored_top)
  );
  always_ff @(posedge clk_i) if (read_i) stored_top_q <= stored_top;

  logic write_q;
  logic [IndexWidth-1:0] write_index_q;
  logic [1:0] read_q;
  logic [1:0][IndexWidth-1:0] read_index_q;
  logic [Lanes-1:0] read_parities_q, parities;

  psf_ram_async #(
      .Width(Lanes),
      .Depth(Depth)
  ) u_parity (
      .clk_i,
      .we_i   (write_q),
      .waddr_i(write_index_q),
      .wdata_i(parities_i),
      .raddr_i(read_index_q[1]),
      .rdata_o(parities)
  );

  always_ff @(posedge clk_i) begin
    write_index_q <= write_index_i;
    read_index_q  <= {read_index_q[0], read_index_i};
    for (int unsigned p = 0; p < Lanes; p++) read_parities_q[p] <= ^stored_o[p];
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {write_q, read_q, parity_o} <= '0;
    end else begin
      write_q  <= write_i;
      read_q   <= {read_q[0], read_i};
      parity_o <= read_q[1] && read_parities_q != parities;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) assert (!(read_i && write_i && read_index_i == write_index_i));
  end
endmodule
