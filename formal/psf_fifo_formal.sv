// SPDX-License-Identifier: Apache-2.0
// Proof of psf_fifo: any one word that is pushed comes out unchanged, after exactly those that were
// in front of it and not twice; valid, ready and the fill level agree with a count of pushes and
// pops (no overflow, no underflow, nothing lost); the output holds until taken; clear_i empties;
// the parity of an undisturbed word is right. No assumption.
module psf_fifo_formal #(
    parameter int unsigned Width = 4,
    parameter int unsigned Depth = 4
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             clear_i,
    input logic             in_valid_i,
    input logic [Width-1:0] in_data_i,
    input logic             out_ready_i,
    input logic             mark_i        // follow the word that is pushed in this cycle
);

  localparam int unsigned AddrWidth = $clog2(Depth);

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic in_ready, out_valid, error;
  logic [Width-1:0] out_data;
  psf_fifo #(
      .Width(Width),
      .Depth(Depth)
  ) u_dut (
      .clk_i,
      .rst_ni     (rst_n),
      .clear_i,
      .in_valid_i,
      .in_ready_o (in_ready),
      .in_data_i,
      .out_valid_o(out_valid),
      .out_ready_i,
      .out_data_o (out_data),
      .error_o    (error)
  );

  // How many words are inside; the word that is followed, and how many are in front of it.
  logic push, pop, marked_q;
  logic [AddrWidth:0] count_q, ahead_q;
  logic [Width-1:0] word_q;
  assign push = in_valid_i && in_ready;
  assign pop  = out_valid && out_ready_i;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!rst_n || clear_i) begin
      count_q  <= '0;
      marked_q <= 1'b0;
    end else begin
      count_q <= count_q + (AddrWidth + 1)'(push) - (AddrWidth + 1)'(pop);
      if (marked_q && pop) begin
        marked_q <= ahead_q != '0;
        ahead_q  <= ahead_q - (AddrWidth + 1)'(1);
      end
      if (!marked_q && push && mark_i) begin
        marked_q <= 1'b1;
        ahead_q  <= count_q - (AddrWidth + 1)'(pop);
        word_q   <= in_data_i;
      end
    end
  end

  logic [AddrWidth-1:0] place;
  assign place = u_dut.read_q[AddrWidth-1:0] + ahead_q[AddrWidth-1:0];

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      assert (out_valid == (count_q != '0));
      assert (in_ready == (count_q < (AddrWidth + 1)'(Depth)));
      assert (count_q <= (AddrWidth + 1)'(Depth));
      if (marked_q) assert (ahead_q < count_q);
      if (marked_q && ahead_q == '0) assert (out_valid && out_data == word_q && !error);
      if ($past(rst_n && !clear_i && out_valid && !out_ready_i)) begin
        assert (out_valid);
        if (marked_q && ahead_q == '0) assert (out_data == $past(out_data));
      end
      // For the induction: where the followed word lies.
      assert (u_dut.write_q - u_dut.read_q == count_q);
      if (marked_q) assert (u_dut.u_words.mem[place] == {^word_q, word_q});
      cover (marked_q && ahead_q == (AddrWidth + 1)'(Depth - 1));
      cover (marked_q && ahead_q == '0 && pop && count_q == (AddrWidth + 1)'(Depth));
      cover (clear_i && push && count_q == (AddrWidth + 1)'(Depth - 1));
    end
  end

endmodule
