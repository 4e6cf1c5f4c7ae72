// SPDX-License-Identifier: Apache-2.0
// The reset that psf_top asks for: asserted at any time, released with the clock. rst_no rises two
// clock edges after rst_async_ni. A path into these two flops is no timing path; give them a
// false path or max delay to their asynchronous inputs, and to nothing behind them.

module reset_synchroniser (
    input  logic clk_i,
    input  logic rst_async_ni,
    output logic rst_no
);

  logic [1:0] stage_q;

  always_ff @(posedge clk_i or negedge rst_async_ni) begin
    if (!rst_async_ni) stage_q <= '0;
    else stage_q <= {stage_q[0], 1'b1};
  end

  assign rst_no = stage_q[1];

endmodule
