// SPDX-License-Identifier: Apache-2.0
// Proof of psf_issue_arbiter: a group gets at most one bank and a bank at most one group, only what
// was requested of ready banks; no request is left that a free group has on a free, ready bank; a
// group or a bank is free again exactly cost_i cycles after its grant; and a group whose requests
// meet free, ready banks waits at most Groups cycles for one. Assumed: cost_i >= 1.
module psf_issue_arbiter_formal #(
    parameter int unsigned Groups = 4,
    parameter int unsigned Banks  = 8
) (
    input logic                                 clk_i,
    input logic                                 rst_ni,
    input logic [               7:0]            cost_i,
    input logic [        Groups-1:0][Banks-1:0] req_i,
    input logic [         Banks-1:0]            bank_ready_i,
    input logic [$clog2(Groups)-1:0]            who_i          // any group
);

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic [Groups-1:0][Banks-1:0] grant;
  psf_issue_arbiter #(
      .Cfg('{Groups: Groups, Banks: Banks, default: 2})
  ) u_dut (
      .clk_i,
      .rst_ni (rst_n),
      .cost_i,
      .req_i,
      .bank_ready_i,
      .grant_o(grant)
  );

  // Cycles until a group or a bank may be granted again, and how long one group has waited.
  logic [Groups-1:0][7:0] group_busy_q;
  logic [ Banks-1:0][7:0] bank_busy_q;
  logic [Groups-1:0] group_free, group_hit;
  logic [Banks-1:0] bank_free, bank_hit;
  logic [$clog2(Groups)-1:0] who_q, distance;
  logic [7:0] waited_q;
  logic waits;

  always_comb begin
    bank_hit = '0;
    for (int unsigned g = 0; g < Groups; g++) begin
      group_free[g] = group_busy_q[g] == '0;
      group_hit[g]  = grant[g] != '0;
      bank_hit |= grant[g];
    end
    for (int unsigned b = 0; b < Banks; b++) bank_free[b] = bank_busy_q[b] == '0;
  end

  assign waits = group_free[who_q] && (req_i[who_q] & bank_ready_i & bank_free) != '0 &&
      !group_hit[who_q];
  assign distance = who_q - u_dut.group_q[0];

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) who_q <= who_i;
    if (!rst_n) begin
      group_busy_q <= '0;
      bank_busy_q  <= '0;
      waited_q     <= '0;
    end else begin
      for (int unsigned g = 0; g < Groups; g++) begin
        if (group_hit[g]) group_busy_q[g] <= cost_i - 8'd1;
        else if (!group_free[g]) group_busy_q[g] <= group_busy_q[g] - 8'd1;
      end
      for (int unsigned b = 0; b < Banks; b++) begin
        if (bank_hit[b]) bank_busy_q[b] <= cost_i - 8'd1;
        else if (!bank_free[b]) bank_busy_q[b] <= bank_busy_q[b] - 8'd1;
      end
      waited_q <= waits ? waited_q + 8'd1 : '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      assume (cost_i != '0);
      for (int unsigned g = 0; g < Groups; g++) begin
        assert ($onehot0(grant[g]));
        assert ((grant[g] & ~req_i[g]) == '0);
        assert ((grant[g] & ~bank_ready_i) == '0);
        assert (!group_hit[g] || group_free[g]);
        for (int unsigned h = 0; h < g; h++) assert ((grant[g] & grant[h]) == '0);
        if (group_free[g] && !group_hit[g]) begin  // nothing is left
          assert ((req_i[g] & bank_ready_i & bank_free & ~bank_hit) == '0);
        end
      end
      assert ((bank_hit & ~bank_free) == '0);
      assert (waited_q <= 8'(Groups));
      // For the induction: the counters inside say the same, and what is held for the searches fits.
      for (int unsigned g = 0; g < Groups; g++) begin
        assert (u_dut.group_pace_q[g] - 8'(u_dut.group_pace_q[g] != '0) == group_busy_q[g]);
        assert (u_dut.group_q[g] == u_dut.group_q[0] + $clog2(Groups)'(g));
        assert (u_dut.place_q[g] == $clog2(Groups)'(g) - u_dut.group_q[0]);
      end
      for (int unsigned b = 0; b < Banks; b++) begin
        assert (u_dut.bank_pace_q[b] - 8'(u_dut.bank_pace_q[b] != '0) == bank_busy_q[b]);
      end
      assert (u_dut.before_q == u_dut.search_order(u_dut.start_q));
      assert (u_dut.group_free_q == group_free);
      assert (u_dut.bank_free_q == bank_free);
      if (waited_q != '0) assert (u_dut.granted_q && waited_q + 8'(distance) <= 8'(Groups));
      cover (group_hit == '1 && $past(group_hit == '1));
      cover (waited_q >= 8'(Groups - 2) && group_hit[who_q]);
      cover (group_hit == '0 && cost_i == 8'd3 && req_i == '1 && bank_ready_i == '1);
    end
  end

endmodule
