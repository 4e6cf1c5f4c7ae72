// SPDX-License-Identifier: Apache-2.0
//
// Where jobs come from. A start gives one run of one job, from the registers. A ring is run when
// RING_HEAD has been written and differed from the tail in the cycle before; its entries (16 bytes,
// or 32 with the CRC of the image, see docs/reference/registers.md) are read one after the other,
// ahead of their use, until the head is reached. run_o pulses where a run begins (only while idle_i); the registers of the run are valid from the next cycle on.
// retire_i: the job in front is done; more_o: there is another one behind it. A head written at any
// time is seen: by more_o of the run, or by the run that begins after it. fail_i: the run is over
// and its job in front counts as retired; the ring then waits for the next write of the head.

module psf_job_queue #(
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,
    input logic soft_reset_i,  // forget the ring
    input logic ring_write_i,
    input logic [15:0] ring_head_i,
    input psf_control_pkg::setup_t setup_i,  // of the run
    output logic [15:0] ring_tail_o,
    input logic idle_i,  // a run may begin
    output logic run_o,
    input logic stop_i,  // high unless a run is on; high in the cycle after run_o
    input logic retire_i,
    input logic fail_i,
    output logic more_o,
    output logic [15:0] front_o,  // index of the job in front
    output logic job_valid_o,
    input logic job_ready_i,
    output psf_pkg::job_t job_o,
    // Reads of two beats, or four.
    output logic cmd_valid_o,
    input logic cmd_ready_i,
    output psf_control_pkg::read_command_t cmd_o,
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [63:0] beat_data_i
);

  typedef enum logic [2:0] {
    IDLE,
    COMMAND,
    ADDRESSES,  // beat 0: image, result
    FLAGS,  // beat 1
    CHECKSUM,  // beat 2
    SPARE,  // beat 3
    OFFER
  } state_e;

  state_e state_q;
  logic armed_q, begin_q, ring_q, ring_waits;
  logic filled_q, moved_q;  // the ring holds a job, unless the tail has just moved
  logic [15:0] tail_q, fetched_q, slot;
  logic [63:4] place;  // of the entry, from RING_BASE on
  psf_pkg::job_t job_q;

  assign ring_waits = armed_q && filled_q && !moved_q;
  assign run_o      = idle_i && !soft_reset_i && (start_i || ring_waits);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {armed_q, begin_q, filled_q, moved_q, tail_q} <= '0;
    end else begin
      begin_q  <= run_o;
      filled_q <= ring_head_i != tail_q;
      moved_q  <= retire_i;  // where the tail moves otherwise, armed_q goes
      if (ring_write_i) armed_q <= 1'b1;
      if (fail_i) armed_q <= 1'b0;  // a write that comes with it has not seen it
      if (ring_q && (retire_i || fail_i)) tail_q <= tail_q + 16'd1;
      if (soft_reset_i) begin
        armed_q <= 1'b0;
        tail_q  <= '0;
      end
    end
  end

  // Beat 1 has the addresses' bits 62:32, of which the bus may have some.
  logic [63:3] image, result;
  assign image  = 61'((AddrWidth - 3)'({1'b0, beat_data_i[31:1], job_q.image[31:3]}));
  assign result = 61'((AddrWidth - 3)'({1'b0, beat_data_i[63:33], job_q.result[31:3]}));

  // The job that is offered to the descriptor fetch.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= IDLE;
    end else if (stop_i) begin
      state_q <= (begin_q && !ring_q) ? OFFER : IDLE;
    end else begin
      unique case (state_q)
        IDLE: if (ring_q && fetched_q != ring_head_i) state_q <= COMMAND;
        COMMAND: if (cmd_ready_i) state_q <= ADDRESSES;
        ADDRESSES: if (beat_valid_i) state_q <= FLAGS;
        FLAGS: if (beat_valid_i) state_q <= setup_i.ring_crc ? CHECKSUM : OFFER;
        CHECKSUM: if (beat_valid_i) state_q <= SPARE;
        SPARE: if (beat_valid_i) state_q <= OFFER;
        default: if (job_ready_i) state_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) ring_q <= 1'b0;
    else if (run_o) ring_q <= !start_i;
  end

  always_ff @(posedge clk_i) begin
    if (begin_q) begin
      fetched_q    <= tail_q;
      job_q.image  <= 61'((AddrWidth - 3)'(setup_i.image_base));
      job_q.result <= 61'((AddrWidth - 3)'(setup_i.result_base));
      job_q.irq    <= 1'b1;
      job_q.index  <= '0;
      job_q.check  <= 1'b0;
    end else begin
      if (state_q == COMMAND && cmd_ready_i) begin
        fetched_q   <= fetched_q + 16'd1;
        job_q.index <= fetched_q;
      end
      if (state_q == ADDRESSES) begin
        job_q.image  <= 61'(beat_data_i[31:3]);
        job_q.result <= 61'(beat_data_i[63:35]);
      end
      if (state_q == FLAGS) begin
        job_q.irq    <= beat_data_i[0];
        job_q.image  <= image;
        job_q.result <= result;
        job_q.check  <= setup_i.ring_crc;
      end
      if (state_q == CHECKSUM) job_q.crc <= beat_data_i[31:0];
    end
  end

  assign slot = fetched_q & ~(16'hFFFF << setup_i.ring_size);
  assign place = setup_i.ring_crc ? 60'({slot, 1'b0}) : 60'(slot);
  assign cmd_valid_o = state_q == COMMAND;
  assign cmd_o = '{
          addr: 61'((AddrWidth - 3)'({setup_i.ring_base + place, 1'b0})),
          beats: setup_i.ring_crc ? 29'd4 : 29'd2,
          tag: '0
      };
  assign beat_ready_o = 1'b1;
  assign job_valid_o = state_q == OFFER && !stop_i;
  assign job_o = job_q;
  assign more_o = ring_q && ring_head_i != tail_q + 16'd1;
  assign front_o = ring_q ? tail_q : 16'd0;
  assign ring_tail_o = tail_q;

  logic unused_bits;  // of the addresses
  assign unused_bits = ^beat_data_i[34:32];

  // A job is offered until it is taken; beats come only where they were asked for.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && job_valid_o && !job_ready_i) && !stop_i) begin
        assert (job_valid_o && job_o == $past(job_o));
      end
      if (beat_valid_i && !stop_i) begin
        assert (state_q inside {ADDRESSES, FLAGS, CHECKSUM, SPARE});
      end
      if (begin_q) assert (stop_i);
      if (retire_i) assert (!fail_i);
    end
  end

endmodule
