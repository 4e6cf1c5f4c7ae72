// SPDX-License-Identifier: Apache-2.0
// Requests and grants of weight banks in different cycles: psf_issue_arbiter works on registered
// requests, and its grants are registered before the groups see them. A grant in cycle t answers
// the requests of cycle t - 1. The request that a group shows in the cycle in which it is granted has
// not heard of that yet: it is passed on only where there is a second spike (many_i).
//   grant_o implies req_i in its cycle, if a request stays until it is granted
// Rows may be longer than cost_i: at most ahead_i (0: 15) of a group are between their grant and
// done_i, their last word, so that they wait in the window and not in the way of others in a bank.
// cost_i, bank_ready_i: as in psf_issue_arbiter. Golden: tb.unit.memory.test_issue.
module psf_issue #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [7:0] cost_i,
    input logic [3:0] ahead_i,
    input logic [Cfg.Groups-1:0] done_i,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] req_i,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] many_i,
    input logic [Cfg.Banks-1:0] bank_ready_i,
    output logic [Cfg.Groups-1:0][Cfg.Banks-1:0] grant_o
);
  logic [Cfg.Groups-1:0][Cfg.Banks-1:0] open, grant;
  logic [Cfg.Groups-1:0] room_q;
  logic [Cfg.Groups-1:0][3:0] ahead_q, less, more;  // less, more: without and with a grant
  logic [3:0] limit;

  assign limit = ahead_i == '0 ? '1 : ahead_i;

  always_comb begin
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      open[g] = req_i[g] & (many_i[g] | ~grant_o[g]) & {Cfg.Banks{room_q[g]}};
      less[g] = ahead_q[g] - 4'(done_i[g]);
      more[g] = done_i[g] ? ahead_q[g] : ahead_q[g] + 4'd1;
    end
  end

  psf_issue_arbiter #(
      .Cfg(Cfg)
  ) u_arbiter (
      .clk_i,
      .rst_ni,
      .cost_i,
      .req_i  (open),
      .bank_ready_i,
      .grant_o(grant)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {grant_o, ahead_q} <= '0;
      room_q             <= '1;
    end else begin
      grant_o <= grant;
      for (int unsigned g = 0; g < Cfg.Groups; g++) begin
        ahead_q[g] <= grant[g] != '0 ? more[g] : less[g];
        room_q[g]  <= grant[g] != '0 ? more[g] < limit : less[g] < limit;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert ((grant_o & ~req_i) == '0);
      for (int unsigned g = 0; g < Cfg.Groups; g++) assert (!done_i[g] || ahead_q[g] != '0);
    end
  end
endmodule
