// SPDX-License-Identifier: Apache-2.0
//
// Reads a program of count_i 64-byte descriptors at base_i once for every job that it takes, ahead
// of its use, into a ring of Depth descriptors: one command of 8 beats each. It keeps no more than
// Ahead of them in front of the loads, whose data the same bus has to bring. The next job is taken
// when the last descriptor of this one is ordered and job_free_i says that the job before is not
// needed here any more (job_o holds until then), so fetching goes on across jobs.
// beat_ready_o is always high: a place in the ring is reserved before a descriptor is ordered, so the
// shared read channel never waits for descriptors to be used. A beat is written as it comes, with
// what it says of its descriptor: last_o, it is the last one of the program; over_o, it is an OP_END
// or lies behind one. Throughput: one beat per cycle. stop_i: nothing more is ordered, no job taken.

module psf_descriptor_fetch #(
    parameter int unsigned Depth = 64,  // descriptors, a power of two
    parameter int unsigned Ahead = 8,  // descriptors, at most Depth
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus
    localparam int unsigned Slot = $clog2(Depth) + 1  // bits of a position, a bit more than needed
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [63:3] base_i,  // of the program; constant, as count_i
    input logic [15:0] count_i,  // descriptors, >= 1
    input logic job_valid_i,
    output logic job_ready_o,
    input psf_pkg::job_t job_i,
    input logic stop_i,
    output logic cmd_valid_o,
    input logic cmd_ready_i,
    output psf_control_pkg::read_command_t cmd_o,
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [7:0] beat_opcode_i,  // byte 0 of the beat
    // The ring: its free places, and what is written.
    input logic [Slot-1:0] loads_at_i,  // descriptor that the loads have come to
    input logic [Slot-1:0] items_at_i,  // likewise the items
    output logic [Slot+2:0] written_o,  // beats so far, the place of the next one
    output logic last_o,
    output logic over_o,
    // The job whose descriptors are being fetched.
    output logic job_valid_o,
    output psf_pkg::job_t job_o,
    input logic job_free_i
);

  localparam int unsigned Beats = psf_pkg::DescriptorBytes / 8;

  if (Depth < 2 || Depth != 2 ** $clog2(Depth)) begin : gen_bad_depth
    $fatal(1, "psf_descriptor_fetch: Depth must be a power of two and at least 2");
  end

  if (Ahead < 1 || Ahead > Depth) begin : gen_bad_ahead
    $fatal(1, "psf_descriptor_fetch: Ahead must be between 1 and Depth");
  end

  // ---- Ordering.
  logic [Slot-1:0] ordered_q;
  logic [15:0] tag_q, tag_next;
  logic busy_q;  // descriptors of this job are to be ordered
  logic take, order, full;
  logic [63:3] addr;  // of the descriptor to order, modulo the address space

  assign full = ordered_q - loads_at_i == Slot'(Ahead) || ordered_q - items_at_i == Slot'(Depth);
  assign job_ready_o = !busy_q && !job_valid_o && !stop_i;
  assign take = job_valid_i && job_ready_o;
  assign order = busy_q && !stop_i && (!cmd_valid_o || cmd_ready_i) && !full;
  assign tag_next = tag_q + 16'd1;
  assign addr = 61'((AddrWidth - 3)'(base_i + 61'(tag_q) * 61'(Beats)));

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {cmd_valid_o, busy_q, job_valid_o, ordered_q, tag_q} <= '0;
    end else begin
      if (order) cmd_valid_o <= 1'b1;
      else if (cmd_ready_i) cmd_valid_o <= 1'b0;
      if (take) busy_q <= 1'b1;
      else if (order && tag_next == count_i) busy_q <= 1'b0;
      if (take) job_valid_o <= 1'b1;
      else if (job_free_i) job_valid_o <= 1'b0;
      if (order) begin
        ordered_q <= ordered_q + 1'b1;
        tag_q <= (tag_next == count_i) ? '0 : tag_next;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) job_o <= job_i;
    if (order) cmd_o <= '{addr: addr, beats: 29'(Beats), tag: tag_q};
  end

  // ---- Writing.
  logic [15:0] index_q, index_next;
  logic behind_q, behind;  // there was an OP_END; there is one, or was

  assign beat_ready_o = 1'b1;
  assign index_next   = index_q + 16'd1;
  assign last_o       = index_next == count_i;
  assign over_o       = behind;
  assign behind       = behind_q || (written_o[2:0] == '0 && beat_opcode_i == psf_pkg::OP_END);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {written_o, index_q, behind_q} <= '0;
    end else if (beat_valid_i) begin
      written_o <= written_o + 1'b1;
      behind_q  <= behind;
      if (&written_o[2:0]) begin
        index_q  <= last_o ? '0 : index_next;
        behind_q <= behind && !last_o;
      end
    end
  end

  // A command holds until taken; nothing comes that was not ordered.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && cmd_valid_o && !cmd_ready_i)) begin
        assert (cmd_valid_o && cmd_o == $past(cmd_o));
      end
      if (take) assert (count_i != '0);
      if (beat_valid_i) assert (written_o[3+:Slot] != ordered_q);
      assert (ordered_q - loads_at_i <= Slot'(Ahead) && ordered_q - items_at_i <= Slot'(Depth));
    end
  end

endmodule
