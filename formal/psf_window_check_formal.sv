// SPDX-License-Identifier: Apache-2.0
// Proof of psf_window_check: what it lets through touches nothing outside, whichever beat of the
// burst one looks at; what it refuses has its first or its last beat outside, or wraps round 2^64;
// a window whose base lies above its limit allows nothing. No assumption.
module psf_window_check_formal (
    input logic        clk_i,
    input logic [63:3] addr_i,
    input logic [ 9:0] beats_i,
    input logic [63:3] base_i,
    input logic [63:3] limit_i,
    input logic [ 9:0] beat_i    // any beat
);

  logic is_inside;
  psf_window_check u_dut (
      .addr_i,
      .beats_i,
      .base_i,
      .limit_i,
      .inside_o(is_inside)
  );

  logic [63:3] beat, last;  // as the bus counts: modulo 2^64
  assign beat = addr_i + 61'(beat_i);
  assign last = addr_i + 61'(beats_i);

  always_ff @(posedge clk_i) begin
    if (is_inside && beat_i <= beats_i) begin
      assert (beat >= base_i && beat <= limit_i);
      assert (beat >= addr_i);
    end
    if (!is_inside) assert (addr_i < base_i || last > limit_i || last < addr_i);
    if (base_i > limit_i) assert (!is_inside);
    cover (is_inside && beats_i == 10'h3FF && last == '1 && limit_i == '1);
    cover (is_inside && beats_i == 10'h000 && base_i == limit_i);
    cover (!is_inside && last < addr_i && base_i == '0 && limit_i == '1);
  end

endmodule
