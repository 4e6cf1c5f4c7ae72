// SPDX-License-Identifier: Apache-2.0
//
// Reads a program of count_i 64-byte descriptors at base_i once for every job that it takes, ahead
// of its use: up to Depth descriptors are ordered or stored, one command of 8 beats each, and one
// more stands at the output. The next job is taken as soon as the last descriptor of this one is
// ordered (two jobs at most have descriptors inside), so fetching goes on across jobs.
// Throughput: one descriptor in 10 cycles. beat_ready_o is always high: space is reserved before a
// descriptor is ordered, so the shared read channel never waits for descriptors to be used.
// desc_o.bad: word 15 is not the CRC-32 of the program up to here (golden: zlib.crc32, chained).
// parity_o: a stored beat or job has changed. stop_i: nothing more is ordered, no job is taken.

module psf_descriptor_fetch #(
    parameter int unsigned Depth = 4,  // descriptors, a power of two
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
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
    input logic [63:0] beat_data_i,
    output logic desc_valid_o,
    input logic desc_ready_i,
    output psf_control_pkg::descriptor_t desc_o,
    output logic parity_o
);

  localparam int unsigned Beats = psf_pkg::DescriptorBytes / 8;
  localparam int unsigned CountWidth = $clog2(Depth * Beats) + 1;

  // ---- Ordering.
  logic cmd_q;
  logic [63:3] addr_q;
  logic [15:0] tag_q, left_q;  // left: descriptors of this job to order
  logic [CountWidth-1:0] space_q;  // beats that may still be ordered
  logic take, order, pop, jobs_room, jobs_valid, jobs_error;

  assign job_ready_o = left_q == '0 && jobs_room && !stop_i;
  assign take = job_valid_i && job_ready_o;
  assign order       = left_q != '0 && !stop_i && (!cmd_q || cmd_ready_i) &&
      space_q >= CountWidth'(Beats);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {cmd_q, left_q} <= '0;
      space_q <= CountWidth'(Depth * Beats);
    end else begin
      if (order) cmd_q <= 1'b1;
      else if (cmd_ready_i) cmd_q <= 1'b0;
      if (take) left_q <= count_i;
      else if (order) left_q <= left_q - 16'd1;
      space_q <= space_q - (order ? CountWidth'(Beats) : '0) + CountWidth'(pop);
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      addr_q <= base_i;
      tag_q  <= '0;
    end
    if (order) begin
      cmd_o  <= '{addr: addr_q, beats: 29'(Beats), tag: tag_q};
      addr_q <= 61'((AddrWidth - 3)'(addr_q + 61'(Beats)));
      tag_q  <= tag_q + 16'd1;
    end
  end

  assign cmd_valid_o  = cmd_q;
  assign beat_ready_o = 1'b1;

  // ---- Storage. The job at the front is that of the descriptor at the output.
  logic room, beat_valid, beat_error, finish;
  logic [63:0] beat;
  psf_pkg::job_t job;

  psf_fifo #(
      .data_t(psf_pkg::job_t),
      .Depth (2)
  ) u_jobs (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (take),
      .in_ready_o (jobs_room),
      .in_data_i  (job_i),
      .out_valid_o(jobs_valid),
      .out_ready_i(finish),
      .out_data_o (job),
      .error_o    (jobs_error)
  );

  psf_fifo #(
      .Width(64),
      .Depth(Depth * Beats)
  ) u_beats (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (beat_valid_i),
      .in_ready_o (room),
      .in_data_i  (beat_data_i),
      .out_valid_o(beat_valid),
      .out_ready_i(pop),
      .out_data_o (beat),
      .error_o    (beat_error)
  );

  // ---- The output: eight beats shifted in from above, and the CRC over them. Then a cycle to
  // compare it.
  localparam logic [3:0] COMPARE = 4'(Beats);
  localparam logic [3:0] VALID = 4'(Beats) + 4'd1;

  logic [511:0] desc_q;
  logic [  3:0] fill_q;
  logic [31:0] crc_q, crc;
  logic [15:0] index_q;
  logic last_q, bad_q, parity_q, last_beat, deliver;

  assign pop       = beat_valid && fill_q < COMPARE;
  assign last_beat = fill_q == COMPARE - 4'd1;
  assign deliver   = desc_valid_o && desc_ready_i;
  assign finish    = deliver && last_q;

  psf_crc32 u_crc (
      .crc_i (crc_q),
      .data_i({last_beat ? 32'd0 : beat[63:32], beat[31:0]}),  // word 15 itself counts as 0
      .crc_o (crc)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {fill_q, index_q, parity_q} <= '0;
      crc_q    <= '1;
    end else begin
      if (pop || fill_q == COMPARE) fill_q <= fill_q + 4'd1;
      if (pop) crc_q <= crc;
      if (deliver) begin
        fill_q  <= '0;
        index_q <= last_q ? '0 : index_q + 16'd1;
        if (last_q) crc_q <= '1;
      end
      parity_q <= (pop && beat_error) || jobs_error;
    end
  end

  always_ff @(posedge clk_i) begin
    if (pop) desc_q <= {beat, desc_q[511:64]};
    if (fill_q == COMPARE) begin
      bad_q  <= desc_q[511:480] != ~crc_q;
      last_q <= index_q == count_i - 16'd1;
    end
  end

  assign desc_valid_o = fill_q == VALID;
  assign desc_o       = '{data: desc_q, index: index_q, last: last_q, bad: bad_q, job: job};
  assign parity_o     = parity_q;

  // A command and a descriptor hold until taken; nothing comes that was not ordered.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && cmd_valid_o && !cmd_ready_i)) begin
        assert (cmd_valid_o && cmd_o == $past(cmd_o));
      end
      if ($past(rst_ni && desc_valid_o && !desc_ready_i)) begin
        assert (desc_valid_o && desc_o.data == $past(desc_o.data));
      end
      if (take) assert (count_i != '0);
      if (beat_valid_i) assert (room && space_q != CountWidth'(Depth * Beats));
      if (desc_valid_o) assert (jobs_valid);
    end
  end

endmodule
