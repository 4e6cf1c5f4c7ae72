// SPDX-License-Identifier: Apache-2.0
// One processing element: an adder and two accumulator buffers of Depth entries. While rows are
// added to one buffer the other is drained.
//   add:   acc[add_buffer][add_index] += weight <<< shift
//   drain: drain_acc_o = acc[drain_buffer][drain_index], set to zero when drain_clear_i
// Latency 1 for an add (consecutive adds to one entry are fine), 0 for a drain read; one of each
// per cycle, no stalls. The caller never adds to the buffer that it drains and clears every entry
// of both buffers once after reset. Golden: golden.integer.model.matmul.
module psf_pe #(
    parameter int unsigned Depth = 16,
    parameter int unsigned AccWidth = 20,
    localparam int unsigned IndexWidth = $clog2(Depth)
) (
    input  logic                  clk_i,
    input  logic                  add_valid_i,
    input  logic                  add_buffer_i,
    input  logic [IndexWidth-1:0] add_index_i,
    input  logic [7:0]            add_weight_i,   // signed
    input  logic [2:0]            add_shift_i,    // bit-plane of a multi-bit input
    input  logic                  drain_buffer_i,
    input  logic [IndexWidth-1:0] drain_index_i,
    input  logic                  drain_clear_i,
    output logic [AccWidth-1:0]   drain_acc_o
);
  logic [1:0][AccWidth-1:0] read;
  logic [AccWidth-1:0] term, sum;

  // 8 bits shifted by up to 7 are 15 bits; the sum cannot overflow: the compiler bounds it.
  assign term = {{(AccWidth - 8) {add_weight_i[7]}}, add_weight_i} << add_shift_i;
  assign sum = read[add_buffer_i] + term;
  assign drain_acc_o = read[drain_buffer_i];

  for (genvar b = 0; b < 2; b++) begin : gen_buffer
    logic adds, clears;
    assign adds = add_valid_i && add_buffer_i == 1'(b);
    assign clears = drain_clear_i && drain_buffer_i == 1'(b);
    psf_ram_async #(
        .Width(AccWidth),
        .Depth(Depth)
    ) u_acc (
        .clk_i,
        .we_i   (adds || clears),
        .waddr_i(adds ? add_index_i : drain_index_i),
        .wdata_i(adds ? sum : '0),
        .raddr_i(adds ? add_index_i : drain_index_i),
        .rdata_o(read[b])
    );
  end

  if (AccWidth < 16) begin : gen_bad_width
    $error("psf_pe: AccWidth must be at least 16");
  end
endmodule
