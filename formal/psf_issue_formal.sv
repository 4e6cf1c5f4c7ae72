// SPDX-License-Identifier: Apache-2.0
// Proof of psf_issue before any window: a grant always meets a spike that still waits, so that none
// is issued twice; a group gets at most one bank and a bank at most one group. The spikes of one chosen group and bank are
// counted; they come at any time, one or more, and leave with a grant. No group ever has more rows
// on their way, from grant to done_i, than a limit that stays, and one that has fewer may be granted.
// Assumed: requests of all other groups and banks stay until they are granted; done_i only for a row
// that is on its way.
module psf_issue_formal #(
    parameter int unsigned Groups = 4,
    parameter int unsigned Banks  = 8
) (
    input logic                                 clk_i,
    input logic                                 rst_ni,
    input logic [               7:0]            cost_i,
    input logic [               3:0]            ahead_i,       // held from the first cycle on
    input logic [        Groups-1:0]            done_i,
    input logic [        Groups-1:0][Banks-1:0] req_i,
    input logic [        Groups-1:0][Banks-1:0] many_i,
    input logic [         Banks-1:0]            bank_ready_i,
    input logic [               2:0]            come_i,        // new spikes of the chosen one
    input logic [$clog2(Groups)-1:0]            group_i,       // any group
    input logic [ $clog2(Banks)-1:0]            bank_i         // any bank
);
  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic [$clog2(Groups)-1:0] group_q;
  logic [$clog2(Banks)-1:0] bank_q;
  logic [5:0] count_q;
  logic [3:0] limit_q, rows_q;
  logic [Groups-1:0][Banks-1:0] req, many, grant, before_q, granted_q;
  always_comb begin
    req = req_i;
    many = many_i & req_i;
    req[group_q][bank_q] = count_q != '0;
    many[group_q][bank_q] = count_q > 6'd1;
  end

  psf_issue #(
      .Cfg('{Groups: Groups, Banks: Banks, default: 2})
  ) u_dut (
      .clk_i,
      .rst_ni (rst_n),
      .cost_i,
      .ahead_i(limit_q),
      .done_i,
      .req_i  (req),
      .many_i (many),
      .bank_ready_i,
      .grant_o(grant)
  );

  // Rows of the chosen group between the arbiter's grant, a cycle before grant_o, and done_i.
  logic [4:0] most;
  assign most = limit_q == '0 ? 5'd15 : 5'(limit_q);
  always_ff @(posedge clk_i) begin
    if (!started_q) limit_q <= ahead_i;
    if (!rst_n) rows_q <= '0;
    else rows_q <= rows_q + 4'(u_dut.grant[group_q] != '0) - 4'(done_i[group_q]);
  end

  logic chosen;
  assign chosen = grant[group_q][bank_q];
  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) begin
      group_q <= group_i;
      bank_q  <= bank_i;
    end
    before_q  <= rst_n ? many | (req & ~grant) : '0;  // still there in the next cycle
    granted_q <= rst_n ? grant : '0;
    if (!rst_n) count_q <= '0;
    else count_q <= count_q - 6'(chosen) + 6'(come_i);
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      assume (cost_i != '0);
      assume (count_q < 6'd32 || come_i == '0);
      for (int unsigned g = 0; g < Groups; g++) assume ((before_q[g] & ~req[g]) == '0);
      for (int unsigned g = 0; g < Groups; g++) assume (!done_i[g] || u_dut.ahead_q[g] != '0);
      assert (!chosen || count_q != '0);
      assert (5'(rows_q) <= most && u_dut.ahead_q[group_q] == rows_q);
      assert (u_dut.room_q[group_q] == (5'(rows_q) < most));
      if (!u_dut.room_q[group_q]) assert (u_dut.grant[group_q] == '0);
      for (int unsigned g = 0; g < Groups; g++) begin
        assert (5'(u_dut.ahead_q[g]) <= most && u_dut.room_q[g] == (5'(u_dut.ahead_q[g]) < most));
      end
      for (int unsigned g = 0; g < Groups; g++) begin
        assert ($onehot0(grant[g]));
        assert ((grant[g] & ~req[g]) == '0);
        for (int unsigned h = 0; h < g; h++) assert ((grant[g] & grant[h]) == '0);
      end
      // For the induction: what psf_issue_arbiter keeps fits together.
      for (int unsigned g = 0; g < Groups; g++) begin
        assert (u_dut.u_arbiter.group_q[g] == u_dut.u_arbiter.group_q[0] + $clog2(Groups)'(g));
        assert (u_dut.u_arbiter.place_q[g] == $clog2(Groups)'(g) - u_dut.u_arbiter.group_q[0]);
      end
      assert (u_dut.u_arbiter.before_q == u_dut.u_arbiter.search_order(u_dut.u_arbiter.start_q));
      cover (chosen && granted_q[group_q][bank_q] && count_q == 6'd1);
      cover (chosen && count_q > 6'd1 && come_i != '0);
      cover (5'(rows_q) == most && limit_q == 4'd2 && count_q != '0 && !done_i[group_q]);
    end
  end
endmodule
