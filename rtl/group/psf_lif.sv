// SPDX-License-Identifier: Apache-2.0
// Leaky integrate-and-fire of one lane, one neuron step per accepted beat, hard reset to zero.
//   u = current + (v >>> 1);  spike = (u >= theta2);  v' = spike ? 0 : u;  v = 0 at the first step
// The caller gives margin = current - theta2, so that u >= theta2 is the sign of a sum beside u.
// v is kept per accumulator index. Latency 0 (the caller registers), one beat per cycle, no stalls;
// consecutive beats may address one neuron. The parity of v lies in a memory of its own that works
// one cycle behind, so that no parity tree follows the adder; parity_o pulses two cycles after a
// beat that used a wrong v. Golden: golden.contract.neuron.lif_step
module psf_lif #(
    parameter int unsigned Depth = 16,
    parameter int unsigned Width = 20,
    localparam int unsigned IndexWidth = $clog2(Depth)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  valid_i,
    input  logic                  first_i,    // first timestep: the neuron is at rest
    input  logic [IndexWidth-1:0] index_i,
    input  logic [     Width-1:0] current_i,  // signed
    input  logic [       Width:0] margin_i,   // signed
    output logic                  spike_o,
    output logic                  parity_o
);
  logic [Width-1:0] stored, membrane, half, sum, left;
  logic [Width:0] over;

  psf_ram_async #(
      .Width(Width),
      .Depth(Depth)
  ) u_membrane (
      .clk_i,
      .we_i   (valid_i),
      .waddr_i(index_i),
      .wdata_i(left),
      .raddr_i(index_i),
      .rdata_o(stored)
  );

  assign membrane = first_i ? '0 : stored;
  // |u| < 2^(Width-1): the compiler bounds |current| by 2^(Width-2), and |v >>> 1| <= max|u| / 2.
  assign half = {membrane[Width-1], membrane[Width-1:1]};
  assign sum = current_i + half;
  assign over = margin_i + {half[Width-1], half};
  assign spike_o = !over[Width];
  assign left = spike_o ? '0 : sum;

  // One cycle later.
  logic valid_q, used_q, stored_parity_q, parity;
  logic [IndexWidth-1:0] index_q;
  logic [Width-1:0] left_q;

  psf_ram_async #(
      .Width(1),
      .Depth(Depth)
  ) u_parity (
      .clk_i,
      .we_i   (valid_q),
      .waddr_i(index_q),
      .wdata_i(^left_q),
      .raddr_i(index_q),
      .rdata_o(parity)
  );

  always_ff @(posedge clk_i) begin
    index_q <= index_i;
    left_q <= left;
    stored_parity_q <= ^stored;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {valid_q, used_q, parity_o} <= '0;
    end else begin
      valid_q  <= valid_i;
      used_q   <= valid_i && !first_i;
      parity_o <= used_q && stored_parity_q != parity;
    end
  end
endmodule
