// SPDX-License-Identifier: Apache-2.0
//
// First-in first-out queue of Depth words, kept in distributed RAM.
// Latency 1 (a word pushed in this cycle can leave in the next), one word in and one out per cycle.
// in_ready_o depends on the fill level alone, never on out_ready_i; out_valid_o and out_data_o hold
// until taken. clear_i empties the queue, whatever is pushed in the same cycle included.
// A parity bit lies beside each word: error_o says that the word at the output has changed since.

module psf_fifo #(
    parameter int unsigned Width = 8,  // bits of a word, where there is no type for it
    parameter type data_t = logic [Width-1:0],  // a word
    parameter int unsigned Depth = 4,  // words, a power of two, >= 2
    parameter bit Parity = 1'b1  // 0: error_o stays low
) (
    input  logic  clk_i,
    input  logic  rst_ni,
    input  logic  clear_i,      // forget everything
    input  logic  in_valid_i,
    output logic  in_ready_o,
    input  data_t in_data_i,
    output logic  out_valid_o,
    input  logic  out_ready_i,
    output data_t out_data_o,
    output logic  error_o       // out_data_o is wrong (with out_valid_o)
);

  localparam int unsigned AddrWidth = $clog2(Depth);

  if (Depth < 2 || Depth != 2 ** AddrWidth) begin : gen_bad_depth
    $fatal(1, "psf_fifo: Depth must be a power of two and at least 2");
  end

  logic [AddrWidth:0] write_q, read_q;  // one bit more than an address: full differs from empty
  logic [AddrWidth:0] count;
  logic full_q, valid_q;  // known ahead: who asks for a word has no time to compare
  logic push, pop, parity;

  assign count       = write_q - read_q;
  assign in_ready_o  = !full_q;
  assign out_valid_o = valid_q;
  assign push        = in_valid_i && in_ready_o;
  assign pop         = out_valid_o && out_ready_i;
  assign error_o     = Parity && out_valid_o && (^{parity, out_data_o});

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {write_q, read_q, full_q, valid_q} <= '0;
    end else if (clear_i) begin
      {write_q, read_q, full_q, valid_q} <= '0;
    end else begin
      full_q  <= !pop && (full_q || (push && count == (AddrWidth + 1)'(Depth - 1)));
      valid_q <= push || (valid_q && !(pop && count == (AddrWidth + 1)'(1)));
      if (push) write_q <= write_q + 1'b1;
      if (pop) read_q <= read_q + 1'b1;
    end
  end

  psf_ram_async #(
      .Width($bits(data_t) + 1),
      .Depth(Depth)
  ) u_words (
      .clk_i,
      .we_i   (push),
      .waddr_i(write_q[AddrWidth-1:0]),
      .wdata_i({Parity && (^in_data_i), in_data_i}),
      .raddr_i(read_q[AddrWidth-1:0]),
      .rdata_o({parity, out_data_o})
  );

  // Never more words than Depth.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (count <= (AddrWidth + 1)'(Depth));
      assert (full_q == (count == (AddrWidth + 1)'(Depth)) && valid_q == (count != '0));
    end
  end

endmodule
