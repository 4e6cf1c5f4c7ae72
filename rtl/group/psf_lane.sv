// SPDX-License-Identifier: Apache-2.0
// One processing element: an adder and two accumulator buffers of Depth entries. While rows are
// added to one buffer the other is drained.
//   add:   acc[add_buffer][add_index] += weight <<< shift
//   drain: drain_acc_o = acc[drain_buffer][drain_index], set to zero when drain_clear_i
// Latency 1 for an add (consecutive adds to one entry are fine), 0 for a drain read; one of each
// per cycle, no stalls. The caller never adds to the buffer that it drains and clears every entry
// of both buffers once after reset. Parities lie in memories of their own that work one cycle
// behind, so that no parity tree follows the adder: parity_o pulses two cycles after an add to, or a
// drain_valid_i of, a wrong entry. An add beyond Depth is not done; overrun_o pulses one cycle after.
// Golden: golden.contract.model.matmul.
module psf_lane #(
    parameter int unsigned Depth = 16,
    parameter int unsigned AccWidth = 20,
    localparam int unsigned IndexWidth = $clog2(Depth)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  add_valid_i,
    input  logic                  add_buffer_i,
    input  logic [IndexWidth-1:0] add_index_i,
    input  logic [           7:0] add_weight_i,    // signed
    input  logic [           2:0] add_shift_i,     // bit-plane of a multi-bit input
    input  logic                  drain_valid_i,   // drain_acc_o is used
    input  logic                  drain_buffer_i,
    input  logic [IndexWidth-1:0] drain_index_i,
    input  logic                  drain_clear_i,
    output logic [  AccWidth-1:0] drain_acc_o,
    output logic                  parity_o,
    output logic                  overrun_o
);
  logic [1:0][AccWidth-1:0] read;
  logic [AccWidth-1:0] term, sum, sum_q;
  logic add, sum_parity;
  logic [1:0] wrong;

  // 8 bits shifted by up to 7 are 15 bits; the sum cannot overflow: the compiler bounds it.
  assign term = {{(AccWidth - 8) {add_weight_i[7]}}, add_weight_i} << add_shift_i;
  assign sum = read[add_buffer_i] + term;
  assign drain_acc_o = read[drain_buffer_i];
  assign sum_parity = ^sum_q;

  // Only a Depth that is no power of two leaves room for a wrong index.
  if (Depth == 2 ** IndexWidth) begin : gen_whole
    assign add = add_valid_i;
    assign overrun_o = 1'b0;
  end else begin : gen_part
    assign add = add_valid_i && add_index_i <= IndexWidth'(Depth - 1);
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) overrun_o <= 1'b0;
      else overrun_o <= add_valid_i && !add;
    end
  end

  always_ff @(posedge clk_i) begin
    sum_q <= sum;
  end

  for (genvar b = 0; b < 2; b++) begin : gen_buffer
    logic adds, drains, clears;
    logic [IndexWidth-1:0] index;
    assign adds   = add && add_buffer_i == 1'(b);
    assign drains = drain_valid_i && drain_buffer_i == 1'(b);
    assign clears = drain_clear_i && drain_buffer_i == 1'(b);
    assign index  = adds ? add_index_i : drain_index_i;
    psf_ram_async #(
        .Width(AccWidth),
        .Depth(Depth)
    ) u_acc (
        .clk_i,
        .we_i   (adds || clears),
        .waddr_i(index),
        .wdata_i(adds ? sum : '0),
        .raddr_i(index),
        .rdata_o(read[b])
    );

    // One cycle later.
    logic adds_q, clears_q, used_q, read_parity_q, parity;
    logic [IndexWidth-1:0] index_q;
    psf_ram_async #(
        .Width(1),
        .Depth(Depth)
    ) u_parity (
        .clk_i,
        .we_i   (adds_q || clears_q),
        .waddr_i(index_q),
        .wdata_i(adds_q && sum_parity),
        .raddr_i(index_q),
        .rdata_o(parity)
    );
    assign wrong[b] = used_q && read_parity_q != parity;

    always_ff @(posedge clk_i) begin
      index_q <= index;
      read_parity_q <= ^read[b];
    end

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) begin
        {adds_q, clears_q, used_q} <= '0;
      end else begin
        adds_q   <= adds;
        clears_q <= clears;
        used_q   <= adds || drains;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) parity_o <= 1'b0;
    else parity_o <= |wrong;
  end

  if (AccWidth < 16) begin : gen_bad_width
    $fatal(1, "psf_lane: AccWidth must be at least 16");
  end
endmodule
