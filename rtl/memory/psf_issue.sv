// SPDX-License-Identifier: Apache-2.0
// Requests and grants of weight banks in different cycles: psf_issue_arbiter works on registered
// requests, and its grants are registered before the groups see them. A grant in cycle t answers
// the requests of cycle t - 1. The request that a group shows in the cycle in which it is granted has
// not heard of that yet: it is passed on only where there is a second spike (many_i).
//   grant_o implies req_i in its cycle, if a request stays until it is granted
// cost_i, bank_ready_i: as in psf_issue_arbiter. Golden: tb.unit.memory.test_issue.
module psf_issue #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [7:0] cost_i,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] req_i,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] many_i,
    input logic [Cfg.Banks-1:0] bank_ready_i,
    output logic [Cfg.Groups-1:0][Cfg.Banks-1:0] grant_o
);
  logic [Cfg.Groups-1:0][Cfg.Banks-1:0] open, grant;
  assign open = req_i & (many_i | ~grant_o);

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
    if (!rst_ni) grant_o <= '0;
    else grant_o <= grant;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) assert ((grant_o & ~req_i) == '0);
  end
endmodule
