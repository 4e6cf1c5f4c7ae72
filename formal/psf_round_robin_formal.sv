// SPDX-License-Identifier: Apache-2.0
// Proof of psf_round_robin: the grant is the first request at or behind the pointer (one-hot, zero
// without requests), the pointer moves as take_i and keep_i say, and waiting is bounded: a request
// that stays sees at most N - 1 grants that do not keep go to others. Assumed: take_i only with a
// request (the RTL asserts it, as the duty of the one who uses it).
module psf_round_robin_formal #(
    parameter int unsigned N = 4
) (
    input logic         clk_i,
    input logic         rst_ni,
    input logic [N-1:0] req_i,
    input logic         take_i,
    input logic         keep_i,
    input logic [  7:0] who_i    // any requester
);

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic [N-1:0] grant;
  psf_round_robin #(
      .N(N)
  ) u_dut (
      .clk_i,
      .rst_ni (rst_n),
      .req_i,
      .take_i,
      .keep_i,
      .grant_o(grant)
  );

  // The pointer as the header tells it, and the distance of one requester from it.
  logic [7:0] pointer_q, granted, who_q, waited_q, distance;
  always_comb begin
    granted = '0;
    for (int unsigned i = 0; i < N; i++) if (grant[i]) granted = 8'(i);
    distance = (who_q >= pointer_q) ? who_q - pointer_q : who_q + 8'(N) - pointer_q;
  end

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) who_q <= who_i;
    if (!rst_n) begin
      pointer_q <= '0;
      waited_q  <= '0;
    end else begin
      if (take_i) pointer_q <= keep_i ? granted : (granted == 8'(N - 1)) ? '0 : granted + 8'd1;
      if (!req_i[who_q] || (take_i && grant[who_q])) waited_q <= '0;
      else if (take_i && !keep_i) waited_q <= waited_q + 8'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    assume (who_q < 8'(N));
    if (rst_n) begin
      assume (!take_i || req_i != '0);
      assert ($onehot0(grant));
      assert ((grant & ~req_i) == '0);
      assert ((grant == '0) == (req_i == '0));
      for (int unsigned i = 0; i < N; i++) begin  // nobody between the pointer and the grant
        if (grant != '0 && granted >= pointer_q) begin
          assert (!(req_i[i] && 8'(i) >= pointer_q && 8'(i) < granted));
        end
        if (grant != '0 && granted < pointer_q) begin
          assert (!(req_i[i] && (8'(i) >= pointer_q || 8'(i) < granted)));
        end
      end
      assert (waited_q <= 8'(N - 1));
      // For the induction: the register inside says the same as the pointer.
      assert (pointer_q < 8'(N));
      assert (u_dut.from_q == N'({N{1'b1}} << pointer_q) || (u_dut.from_q | N'(pointer_q)) == '0);
      assert (waited_q + distance <= 8'(N - 1));
      cover (waited_q == 8'(N - 1) && take_i && grant[who_q]);
      cover (take_i && keep_i && grant[N-1] && req_i[0]);
    end
  end

endmodule
