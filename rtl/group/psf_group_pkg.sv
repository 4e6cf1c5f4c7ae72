// SPDX-License-Identifier: Apache-2.0
// Temporal patterns, as the modules of a group name them. A window is a run of w timesteps that share
// their row adds; a row that fires in the steps of a set goes to the accumulators of that set.
package psf_group_pkg;

  localparam int unsigned Steps = 4;  // timesteps of the widest window
  localparam int unsigned Sets = 2 ** Steps - 1;  // firing patterns

  // Cycles from a word at the lanes until psf_drain may begin.
  localparam int unsigned Landing = 3;

  // Where a row is added.
  typedef struct packed {
    logic buffer;  // accumulation buffer
    logic [Steps-1:0] pattern;  // bit t: it fires in step t of the window; less one
  } tag_t;

  // Bits that number n things.
  function automatic logic [3:0] bits_of(logic [7:0] n);
    bits_of = '0;
    for (int unsigned i = 0; i < 8; i++) begin
      if (n > 8'(1 << i)) bits_of = 4'(i + 1);
    end
  endfunction

endpackage
