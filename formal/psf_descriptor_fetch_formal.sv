// SPDX-License-Identifier: Apache-2.0
// Proof of psf_descriptor_fetch: it orders each descriptor of each job that it takes once, in order,
// at its address; a beat is never written to a place of the ring that a reader has not left, nor so
// far ahead of the loads; last_o and over_o are what they say; a job is offered unchanged until it is
// freed; while there is room a descriptor is ordered at once, and none under stop_i.
// Assumed: program and its length stand still, at least one descriptor; readers pass only what is
// written; beats come only for commands that were taken.
module psf_descriptor_fetch_formal #(
    parameter int unsigned Depth = 2,
    parameter int unsigned Ahead = 2
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [63:3] base_i,
    input logic [15:0] count_i,
    input logic job_valid_i,
    input psf_pkg::job_t job_i,
    input logic stop_i,
    input logic cmd_ready_i,
    input logic beat_valid_i,
    input logic [7:0] beat_opcode_i,
    input logic loads_go_i,  // on to the next descriptor
    input logic items_go_i,
    input logic job_free_i
);

  localparam int unsigned Slot = $clog2(Depth) + 1;

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic [63:3] base_q;
  logic [15:0] count_q;
  logic [Slot-1:0] loads_q, items_q, taken_q, written;
  logic [Slot+2:0] beats;
  logic job_ready, cmd_valid, beat_ready, last, over, job_valid;
  psf_control_pkg::read_command_t cmd;
  psf_pkg::job_t job, job_q;

  psf_descriptor_fetch #(
      .Depth(Depth),
      .Ahead(Ahead),
      .AddrWidth(64)
  ) u_dut (
      .clk_i,
      .rst_ni      (rst_n),
      .base_i      (base_q),
      .count_i     (count_q),
      .job_valid_i,
      .job_ready_o (job_ready),
      .job_i,
      .stop_i,
      .cmd_valid_o (cmd_valid),
      .cmd_ready_i,
      .cmd_o       (cmd),
      .beat_valid_i,
      .beat_ready_o(beat_ready),
      .beat_opcode_i,
      .loads_at_i  (loads_q),
      .items_at_i  (items_q),
      .written_o   (beats),
      .last_o      (last),
      .over_o      (over),
      .job_valid_o (job_valid),
      .job_o       (job),
      .job_free_i
  );

  // What was taken of the commands, and which descriptor is expected next; descriptors of the job at
  // hand that are still to be ordered; which one is being written, and whether an OP_END came.
  logic [15:0] expected_q, left_q, index_q;
  logic end_q, is_end, order;
  assign written = beats[3+:Slot];
  assign is_end  = end_q || (beats[2:0] == '0 && beat_opcode_i == psf_pkg::OP_END);
  assign order   = u_dut.order;

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) begin
      base_q  <= base_i;
      count_q <= count_i;
    end
    if (!rst_n) begin
      {loads_q, items_q, taken_q, expected_q, left_q, index_q, end_q} <= '0;
    end else begin
      if (loads_go_i) loads_q <= loads_q + 1'b1;
      if (items_go_i) items_q <= items_q + 1'b1;
      if (cmd_valid && cmd_ready_i) begin
        taken_q    <= taken_q + 1'b1;
        expected_q <= (expected_q + 16'd1 == count_q) ? '0 : expected_q + 16'd1;
      end
      if (job_valid_i && job_ready) begin
        left_q <= count_q;
        job_q  <= job_i;
      end else if (order) left_q <= left_q - 16'd1;
      if (beat_valid_i) begin
        end_q <= is_end;
        if (beats[2:0] == 3'd7) begin
          index_q <= (index_q + 16'd1 == count_q) ? '0 : index_q + 16'd1;
          if (index_q + 16'd1 == count_q) end_q <= 1'b0;
        end
      end
    end
  end

  // Distances from a reader on: to what is written, taken and ordered.
  logic [Slot-1:0] wrote_loads, took_loads, order_loads, wrote_items, took_items, order_items;
  assign wrote_loads = written - loads_q;
  assign took_loads  = taken_q - loads_q;
  assign order_loads = u_dut.ordered_q - loads_q;
  assign wrote_items = written - items_q;
  assign took_items  = taken_q - items_q;
  assign order_items = u_dut.ordered_q - items_q;

  always_ff @(posedge clk_i) begin
    if (!started_q)
      assume (count_i != '0);
      else assert (count_q != '0);
    if (rst_n) begin
      assume (!loads_go_i || written != loads_q);
      assume (!items_go_i || written != items_q);
      assume (!beat_valid_i || beats != {taken_q, 3'd0});

      if (cmd_valid) begin
        assert (cmd.tag == expected_q && cmd.beats == 29'd8);
        assert (cmd.addr == base_q + 61'(expected_q) * 61'd8);
      end
      if (beat_valid_i) begin
        assert (wrote_loads < Slot'(Ahead) && wrote_items < Slot'(Depth));
        assert (last == (index_q + 16'd1 == count_q) && over == is_end);
      end
      assert (beat_ready);
      if (job_valid) assert (job == job_q);
      if ($past(rst_n && job_valid && !job_free_i)) assert (job_valid && job == $past(job));
      if (left_q != '0 && !stop_i && (!cmd_valid || cmd_ready_i) &&
          order_loads < Slot'(Ahead) && order_items < Slot'(Depth)) begin
        assert (order);
      end
      if (stop_i) assert (!order && !job_ready);
      if (left_q == '0) assert (!order);

      // For the induction.
      assert (wrote_loads <= took_loads && took_loads <= order_loads);
      assert (wrote_items <= took_items && took_items <= order_items);
      assert (order_loads <= Slot'(Ahead) && order_items <= Slot'(Depth));
      if (beats[2:0] != '0) assert (wrote_loads < took_loads && wrote_items < took_items);
      assert (u_dut.ordered_q == taken_q + Slot'(cmd_valid));
      assert (expected_q < count_q && index_q < count_q && u_dut.tag_q < count_q);
      if (cmd_valid) begin
        assert (u_dut.tag_q == ((expected_q + 16'd1 == count_q) ? '0 : expected_q + 16'd1));
      end else assert (u_dut.tag_q == expected_q);
      assert (u_dut.busy_q == (left_q != '0));
      assert (u_dut.tag_q == ((left_q == '0) ? '0 : count_q - left_q));
      assert (left_q <= count_q);
      assert (index_q == u_dut.index_q && end_q == u_dut.behind_q);

      cover (beat_valid_i && last && over && wrote_items == Slot'(Depth - 1));
      cover (order && order_loads == Slot'(Ahead - 1) && left_q == 16'd1 && count_q == 16'd2);
      cover (stop_i && left_q != '0 && job_valid_i);
    end
  end

  logic unused_bits;  // base and count only in the first cycle
  assign unused_bits = ^{base_i, count_i, order_items, order_loads};

endmodule
