// SPDX-License-Identifier: Apache-2.0
//
// Does one INCR burst of beats_i + 1 beats of 8 bytes stay inside a window? Combinational.
//   inside_o = base <= addr  and  addr + beats <= limit, without wrap-around at 2^64
// base and limit are the first and the last beat that may be touched; base > limit allows nothing.

module psf_window_check (
    input  logic [63:3] addr_i,   // first beat
    input  logic [ 9:0] beats_i,  // less one
    input  logic [63:3] base_i,
    input  logic [63:3] limit_i,
    output logic        inside_o
);

  logic [64:3] last;  // a bit more than an address: beyond 2^64 is beyond any limit

  assign last     = {1'b0, addr_i} + 62'(beats_i);
  assign inside_o = addr_i >= base_i && last <= {1'b0, limit_i};

endmodule
