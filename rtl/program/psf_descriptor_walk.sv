// SPDX-License-Identifier: Apache-2.0
//
// Stands at one descriptor of the ring after the other, in order, and reads it: the first Beats of its
// eight, beat 0 first. open_o: word 0 of desc_o is there; whole_o: all that is read. next_i, with
// open_o, goes on to the next one. A beat comes two cycles after it was asked for, which read_ready_i
// delays. Latency 4 from next_i to open_o, 3 + Beats to whole_o, if no one else reads.

module psf_descriptor_walk #(
    parameter int unsigned Beats = 8,  // 1 to 8
    parameter int unsigned Slot  = 7   // bits of a position
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [Slot-1:0] checked_i,  // the first descriptor that must not be read yet
    output logic [Slot-1:0] at_o,  // the descriptor that it stands at
    output logic [15:0] index_o,  // in its program
    output logic read_valid_o,
    input logic read_ready_i,
    output logic [2:0] read_beat_o,
    input psf_control_pkg::beat_t word_i,
    output logic open_o,
    output logic whole_o,
    output logic [511:0] desc_o,
    output logic last_o,  // of the program
    output logic over_o,  // an OP_END, or behind one
    input logic next_i
);

  logic [3:0] asked_q, got_q;  // beats
  logic [1:0] coming_q;  // in the next cycle, in this one
  logic ask;

  assign read_valid_o = at_o != checked_i && asked_q != 4'(Beats);
  assign read_beat_o  = asked_q[2:0];
  assign ask          = read_valid_o && read_ready_i;
  assign open_o       = got_q != '0;
  assign whole_o      = got_q == 4'(Beats);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {asked_q, got_q, coming_q, at_o, index_o} <= '0;
    end else if (next_i) begin
      {asked_q, got_q, coming_q} <= '0;
      at_o <= at_o + 1'b1;
      index_o <= last_o ? '0 : index_o + 16'd1;
    end else begin
      asked_q  <= asked_q + 4'(ask);
      got_q    <= got_q + 4'(coming_q[1]);
      coming_q <= {coming_q[0], ask};
    end
  end

  for (genvar i = 0; i < Beats; i++) begin : gen_beat
    always_ff @(posedge clk_i) begin
      if (coming_q[1] && got_q == 4'(i)) desc_o[64*i+:64] <= word_i.data;
    end
  end
  if (Beats < 8) begin : gen_rest
    assign desc_o[511:64*Beats] = '0;
  end

  always_ff @(posedge clk_i) begin
    if (coming_q[1]) {last_o, over_o} <= {word_i.last, word_i.over};
  end

  // Nothing is left before it was seen, or was there to be seen.
  always_ff @(posedge clk_i) begin
    if (rst_ni && next_i) assert (open_o && at_o != checked_i);
  end

endmodule
