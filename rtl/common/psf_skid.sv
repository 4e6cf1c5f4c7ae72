// SPDX-License-Identifier: Apache-2.0
//
// Register slice for a valid/ready stream: no combinational path from one side to the other.
// Latency 1, one word per cycle. While the output stalls, one more word is taken into a second
// register, and in_ready_o falls in the cycle after. out_valid_o and out_data_o hold until taken.

module psf_skid #(
    parameter int unsigned Width = 8,  // bits of a word, where there is no type for it
    parameter type data_t = logic [Width-1:0]  // a word
) (
    input  logic  clk_i,
    input  logic  rst_ni,
    input  logic  in_valid_i,
    output logic  in_ready_o,
    input  data_t in_data_i,
    output logic  out_valid_o,
    input  logic  out_ready_i,
    output data_t out_data_o
);

  if (Width < 1) begin : gen_bad_width
    $fatal(1, "psf_skid: Width must be at least 1");
  end

  logic valid_q, spare_q;  // a word at the output; another one behind it
  data_t data_q, spare_data_q;
  logic move;  // the output register takes its next word

  assign move = out_ready_i || !valid_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {valid_q, spare_q} <= '0;
    end else if (move) begin
      valid_q <= spare_q || in_valid_i;
      spare_q <= 1'b0;
    end else if (in_valid_i) begin
      spare_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (move) data_q <= spare_q ? spare_data_q : in_data_i;
    if (!spare_q) spare_data_q <= in_data_i;
  end

  assign in_ready_o  = !spare_q;
  assign out_valid_o = valid_q;
  assign out_data_o  = data_q;

  // The output holds until taken; the second register is used behind the first one only.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && out_valid_o && !out_ready_i)) begin
        assert (out_valid_o && out_data_o == $past(out_data_o));
      end
      assert (valid_q || !spare_q);
    end
  end

endmodule
