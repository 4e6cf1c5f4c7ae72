// SPDX-License-Identifier: Apache-2.0
//
// Round-robin choice among N requests: grant_o is one-hot (0 without a request), combinational
// from req_i. take_i says that the grant was used; the search then starts behind the granted
// one, or, with keep_i, at it (a burst stays together). Take only while a request is there.

module psf_round_robin #(
    parameter int unsigned N = 4  // requesters, >= 1
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic [N-1:0] req_i,
    input  logic         take_i,  // the grant of this cycle is used
    input  logic         keep_i,  // with take_i: the granted one stays the first choice
    output logic [N-1:0] grant_o
);

  if (N < 1) begin : gen_bad_n
    $fatal(1, "psf_round_robin: N must be at least 1");
  end

  // from_q has ones from the first choice upwards.
  logic [N-1:0] from_d, from_q, high, chosen;

  assign high = req_i & from_q;
  assign chosen = (high != '0) ? high : req_i;
  assign grant_o = chosen & (~chosen + N'(1));
  assign from_d = ~(grant_o - N'(1)) & (keep_i ? '1 : ~grant_o);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      from_q <= '1;
    end else if (take_i) begin
      from_q <= from_d;
      assert (req_i != '0);
    end
  end

endmodule
