// SPDX-License-Identifier: Apache-2.0
// Proof of psf_skid: any one word that is taken comes out unchanged, in its place in the order and
// once; the output holds until taken; at most two words are inside, and a count of words in and out
// says when the input is ready and the output valid. Full throughput: behind a cycle in which the
// output was taken or empty the input is ready, and a word taken is at the output in the next
// cycle. No assumption.
module psf_skid_formal #(
    parameter int unsigned Width = 4
) (
    input logic             clk_i,
    input logic             rst_ni,
    input logic             in_valid_i,
    input logic [Width-1:0] in_data_i,
    input logic             out_ready_i,
    input logic             mark_i        // follow the word that is taken in this cycle
);

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic in_ready, out_valid;
  logic [Width-1:0] out_data;
  psf_skid #(
      .Width(Width)
  ) u_dut (
      .clk_i,
      .rst_ni     (rst_n),
      .in_valid_i,
      .in_ready_o (in_ready),
      .in_data_i,
      .out_valid_o(out_valid),
      .out_ready_i,
      .out_data_o (out_data)
  );

  logic push, pop, marked_q;
  logic [1:0] count_q, ahead_q;
  logic [Width-1:0] word_q;
  assign push = in_valid_i && in_ready;
  assign pop  = out_valid && out_ready_i;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!rst_n) begin
      count_q  <= '0;
      marked_q <= 1'b0;
    end else begin
      count_q <= count_q + 2'(push) - 2'(pop);
      if (marked_q && pop) begin
        marked_q <= ahead_q != '0;
        ahead_q  <= ahead_q - 2'd1;
      end
      if (!marked_q && push && mark_i) begin
        marked_q <= 1'b1;
        ahead_q  <= count_q - 2'(pop);
        word_q   <= in_data_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      assert (count_q <= 2'd2);
      assert (out_valid == (count_q != '0));
      assert (in_ready == (count_q < 2'd2));
      if (marked_q) assert (ahead_q < count_q);
      if (marked_q && ahead_q == '0) assert (out_data == word_q);
      if ($past(rst_n && out_valid && !out_ready_i)) begin
        assert (out_valid && out_data == $past(out_data));
      end
      if ($past(rst_n && (out_ready_i || !out_valid))) assert (in_ready);
      if ($past(rst_n && push)) assert (out_valid);
      // For the induction: where the followed word lies.
      if (marked_q && ahead_q == 2'd1) assert (u_dut.spare_data_q == word_q);
      cover (marked_q && ahead_q == 2'd1);
      cover (push && pop && $past(rst_n && push && pop) && marked_q);
      cover (!in_ready && pop);
    end
  end

endmodule
