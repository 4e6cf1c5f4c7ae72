// SPDX-License-Identifier: Apache-2.0
//
// Goes through the descriptors of one job after the other and hands on their loads, in order. A load
// leaves when wait_items items (layers, stores) of its job have completed or, if that is 0,
// wait_previous items of the job before, at most all of them. So the loads of a job, but not its items,
// may overtake the job before; none overtakes two.
// A store or the end of a job needs all loads before it: how many of its job those are stands in
// mark_o once this module has come past it. It goes past no store or end while an earlier one that
// needs fewer has not gone.
// A descriptor that is no load takes 4 cycles; a load is offered after 10. load_valid_o falls with
// stop_i.

module psf_program_loads #(
    parameter int unsigned Slot = 7,  // bits of a position in the ring
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
) (
    input logic clk_i,
    input logic rst_ni,
    input logic stop_i,
    input logic [63:3] weight_base_i,
    input logic job_valid_i,
    output logic job_ready_o,
    input psf_pkg::job_t job_i,
    // The ring.
    input logic [Slot-1:0] checked_i,
    output logic [Slot-1:0] at_o,
    output logic read_valid_o,
    input logic read_ready_i,
    output logic [2:0] read_beat_o,
    input psf_control_pkg::beat_t word_i,
    // Where the items are, and what they may know.
    input logic [15:0] items_i,  // layers and stores of their job that have completed
    input logic mark_ready_i,  // a store or an end has gone
    input logic end_i,  // it was an end
    output logic mark_valid_o,
    output logic [15:0] mark_o,
    output logic ahead_o,  // the loads have come past the end of the items' job
    output logic job_valid_o,  // of the loads
    output psf_pkg::job_t job_o,
    output logic load_valid_o,
    input logic load_ready_i,
    output psf_control_pkg::load_command_t load_o
);

  logic open, whole, last, over, next, is_load, is_store, is_end, reached, reached_q, go, mark;
  logic [511:0] data;
  logic [15:0] index, needed;
  psf_pkg::load_t load;

  psf_descriptor_walk #(
      .Beats(6),
      .Slot (Slot)
  ) u_walk (
      .clk_i,
      .rst_ni,
      .checked_i,
      .at_o,
      .index_o(index),
      .read_valid_o,
      .read_ready_i,
      .read_beat_o,
      .word_i,
      .open_o (open),
      .whole_o(whole),
      .desc_o (data),
      .last_o (last),
      .over_o (over),
      .next_i (next)
  );

  assign load = psf_pkg::to_load(data);
  assign is_load = !over && data[7:0] == psf_pkg::OP_LOAD;
  assign is_store = !over && data[7:0] == psf_pkg::OP_STORE;
  assign is_end = over && last;  // of a job

  // ---- Has its time come? What has completed only grows; as the items come to its job, waiting for
  // the job before is over.
  assign needed = ahead_o ? load.wait_previous : load.wait_items;
  assign reached = items_i >= needed && !(ahead_o && load.wait_items != '0);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) reached_q <= 1'b0;
    else reached_q <= whole && is_load && job_valid_o && reached && !next;
  end

  assign load_valid_o = reached_q && !stop_i;
  assign go           = load_valid_o && load_ready_i;

  always_comb begin
    load_o.load = load;
    load_o.load.wait_items = '0;  // they are over
    load_o.load.wait_previous = '0;
    if (load.from_image) begin
      load_o.load.crc   = job_o.crc;
      load_o.load.check = load.check && job_o.check;
    end
    load_o.base  = 61'((AddrWidth - 3)'(load.from_image ? job_o.image : weight_base_i));
    load_o.index = index;
  end

  // ---- Marks: all that have not been used are the same.
  logic [2:0] marks_q;
  logic [15:0] count_q;  // loads of this job that have left
  logic more_q;  // some of them since the last mark

  assign mark = open && job_valid_o && (is_store || (is_end && !ahead_o)) &&
      (marks_q == '0 || (!more_q && !ahead_o && marks_q != '1));
  assign next = open && job_valid_o && (go || mark || !(is_load || is_store || is_end));
  assign mark_valid_o = marks_q != '0;
  assign job_ready_o = !job_valid_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {job_valid_o, ahead_o, marks_q, count_q, more_q} <= '0;
    end else begin
      marks_q <= marks_q + 3'(mark) - 3'(mark_ready_i);
      if (mark && is_end) begin
        {job_valid_o, count_q} <= '0;
        ahead_o <= 1'b1;
      end else begin
        if (job_valid_i) job_valid_o <= 1'b1;
        if (end_i) ahead_o <= 1'b0;
        count_q <= count_q + 16'(go);
      end
      more_q <= go || (more_q && !mark);
    end
  end

  always_ff @(posedge clk_i) begin
    if (job_ready_o) job_o <= job_i;
    if (mark) mark_o <= count_q;
  end

  // A load holds until taken, but for stop_i. A mark stays as long as someone needs it.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && load_valid_o && !load_ready_i) && !stop_i) begin
        assert (load_valid_o && load_o == $past(load_o));
      end
      if ($past(rst_ni && mark_valid_o && !mark_ready_i)) assert (mark_o == $past(mark_o));
      if (mark_ready_i) assert (mark_valid_o);
      if (end_i) assert (ahead_o && mark_ready_i);
    end
  end

endmodule
