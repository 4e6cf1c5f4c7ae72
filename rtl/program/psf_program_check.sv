// SPDX-License-Identifier: Apache-2.0
//
// Goes through the ring behind the fetch and has every descriptor checked before anyone else may read
// it. fault_valid_o rises with the first that is not legal, holds, and nothing behind it is checked.
// Two cycles per beat and five more per descriptor, if no one else reads.

module psf_program_check #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned Slot = 7  // bits of a position
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [Slot+2:0] written_i,  // beats, as all positions
    output logic [Slot-1:0] checked_o,  // the first descriptor that has not been checked
    output logic read_valid_o,
    input logic read_ready_i,
    output logic [2:0] read_beat_o,
    input psf_control_pkg::beat_t word_i,  // two cycles later
    output logic fault_valid_o,
    output psf_control_pkg::fault_t fault_o
);

  logic [Slot+2:0] at_q;
  logic [1:0] coming_q;  // a beat: in the next cycle, in this one
  logic high_q, wait_q;  // its second word is on; the last beat has been asked for
  logic ask, judged, last_beat, last_q, over_q;
  logic [31:0] high_word_q;
  logic [ 7:0] cause;
  logic [15:0] index_q;

  assign checked_o    = at_q[3+:Slot];
  assign read_beat_o  = at_q[2:0];
  assign read_valid_o = at_q != written_i && !coming_q[0] && !wait_q;
  assign ask          = read_valid_o && read_ready_i;
  assign last_beat    = &at_q[2:0];

  psf_descriptor_check #(
      .Cfg(Cfg)
  ) u_check (
      .clk_i,
      .rst_ni,
      .valid_i (coming_q[1] || high_q),
      .word_i  (high_q ? high_word_q : word_i.data[31:0]),
      .last_i  (high_q ? last_q : word_i.last),
      .over_i  (high_q ? over_q : word_i.over),
      .judged_o(judged),
      .cause_o (cause)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {at_q, coming_q, high_q, wait_q, index_q, fault_valid_o} <= '0;
    end else begin
      coming_q <= {coming_q[0], ask};
      high_q   <= coming_q[1];
      if (ask && last_beat) wait_q <= 1'b1;
      else if (judged && cause == psf_pkg::ERROR_NONE) wait_q <= 1'b0;
      if ((ask && !last_beat) || (judged && cause == psf_pkg::ERROR_NONE)) at_q <= at_q + 1'b1;
      if (judged && cause == psf_pkg::ERROR_NONE) index_q <= last_q ? '0 : index_q + 16'd1;
      if (judged && cause != psf_pkg::ERROR_NONE) fault_valid_o <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (coming_q[1]) begin
      high_word_q <= word_i.data[63:32];
      last_q <= word_i.last;
      over_q <= word_i.over;
    end
    if (judged) fault_o <= '{cause: cause, index: index_q, addr: '0};
  end

endmodule
