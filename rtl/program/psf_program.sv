// SPDX-License-Identifier: Apache-2.0
//
// The program: fetches the descriptors of one job after the other into a ring (psf_descriptor_fetch),
// from which three read. The first checks them (psf_program_check); behind it one hands on the loads
// (psf_program_loads) and one executes layers and stores (psf_program_items), each in order and each
// when its time has come. They share one read port: the checks first,
// which use every other cycle, then the loads, then the items.
// An empty program is a fault (NO_END) and takes no job. Latencies and stalls: as those four say.
// parity_o: a beat that was read has changed in the ring.
// Golden: golden.hardware.check for what is refused, golden.hardware.isa for the fields.

module psf_program #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned Depth = 64,  // descriptors in the ring, a power of two
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
) (
    input logic clk_i,
    input logic rst_ni,  // of the run
    input logic stop_i,
    input psf_control_pkg::setup_t setup_i,
    input logic job_valid_i,
    output logic job_ready_o,
    input psf_pkg::job_t job_i,
    output logic cmd_valid_o,
    input logic cmd_ready_i,
    output psf_control_pkg::read_command_t cmd_o,
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [63:0] beat_data_i,
    output logic fault_valid_o,
    output psf_control_pkg::fault_t fault_o,
    output logic parity_o,
    output logic load_valid_o,
    input logic load_ready_i,
    output psf_control_pkg::load_command_t load_o,
    input logic load_done_i,
    output logic layer_start_o,
    output psf_pkg::layer_t layer_o,
    input logic layer_done_i,
    output logic store_valid_o,
    input logic store_ready_i,
    output psf_control_pkg::store_command_t store_o,
    input logic store_done_i,
    output logic [15:0] active_index_o,  // of the layer or store that runs, else 0
    output logic retire_o,  // a job is done
    output logic irq_o  // with retire_o: its flag
);

  localparam int unsigned Slot = $clog2(Depth) + 1;
  localparam int unsigned Address = $clog2(Depth) + 3;  // of a beat
  localparam int unsigned BeatWidth = $bits(psf_control_pkg::beat_t);

  typedef enum logic [1:0] {
    LOADS,
    ITEMS,
    CHECK
  } reader_e;

  logic empty, job_ready, bad;
  psf_control_pkg::fault_t bad_fault;

  assign empty         = setup_i.program_count == '0;
  assign job_ready_o   = job_ready && !empty;
  assign fault_valid_o = empty || bad;
  assign fault_o       = empty ? '{cause: psf_pkg::ERROR_NO_END, index: '0, addr: '0} : bad_fault;

  // ---- The ring.
  logic [Slot+2:0] written;
  logic [Slot-1:0] checked, loads_at, items_at;
  logic last, over, fetch_job_valid, loads_job_ready;
  psf_pkg::job_t fetch_job;
  psf_control_pkg::beat_t beat, beat_q;
  logic [2:0] read_valid, read_ready;  // by reader_e
  logic [2:0][2:0] read_beat;
  logic [Address-1:0] read_addr;
  logic [1:0] read_q;  // one is being read; it is in beat_q
  logic parity_q;

  psf_descriptor_fetch #(
      .Depth(Depth),
      .Ahead(Depth < 8 ? Depth : 8),
      .AddrWidth(AddrWidth)
  ) u_fetch (
      .clk_i,
      .rst_ni,
      .base_i       (setup_i.program_base),
      .count_i      (setup_i.program_count),
      .job_valid_i  (job_valid_i && !empty),
      .job_ready_o  (job_ready),
      .job_i,
      .stop_i,
      .cmd_valid_o,
      .cmd_ready_i,
      .cmd_o,
      .beat_valid_i,
      .beat_ready_o,
      .beat_opcode_i(beat_data_i[7:0]),
      .loads_at_i   (loads_at),
      .items_at_i   (items_at),
      .written_o    (written),
      .last_o       (last),
      .over_o       (over),
      .job_valid_o  (fetch_job_valid),
      .job_o        (fetch_job),
      .job_free_i   (loads_job_ready)
  );

  assign beat = '{data: beat_data_i, last: last, over: over};

  always_comb begin
    read_ready = '0;
    if (read_valid[CHECK]) begin
      read_ready[CHECK] = 1'b1;
      read_addr = {checked[Slot-2:0], read_beat[CHECK]};
    end else if (read_valid[LOADS]) begin
      read_ready[LOADS] = 1'b1;
      read_addr = {loads_at[Slot-2:0], read_beat[LOADS]};
    end else begin
      read_ready[ITEMS] = 1'b1;
      read_addr = {items_at[Slot-2:0], read_beat[ITEMS]};
    end
  end

  psf_control_pkg::beat_t stored;
  logic stored_parity;

  psf_ram_1r1w #(
      .Width(BeatWidth + 1),
      .Depth(8 * Depth)
  ) u_ring (
      .clk_i,
      .we_i   (beat_valid_i),
      .waddr_i(written[Address-1:0]),
      .wdata_i({Cfg.Parity != 0 && (^beat), beat}),
      .re_i   (read_valid != '0),
      .raddr_i(read_addr),
      .rdata_o({stored_parity, stored})
  );

  always_ff @(posedge clk_i) begin
    {parity_q, beat_q} <= {stored_parity, stored};
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {read_q, parity_o} <= '0;
    else begin
      read_q   <= {read_q[0], read_valid != '0};
      parity_o <= read_q[1] && (^{parity_q, beat_q});
    end
  end

  // ---- Its readers.
  logic ahead, job_valid, mark_valid, mark_ready, job_end;
  logic [15:0] mark, items;
  psf_pkg::job_t job;

  psf_program_check #(
      .Cfg (Cfg),
      .Slot(Slot)
  ) u_check (
      .clk_i,
      .rst_ni,
      .written_i    (written),
      .checked_o    (checked),
      .read_valid_o (read_valid[CHECK]),
      .read_ready_i (read_ready[CHECK]),
      .read_beat_o  (read_beat[CHECK]),
      .word_i       (beat_q),
      .fault_valid_o(bad),
      .fault_o      (bad_fault)
  );

  psf_program_loads #(
      .Slot(Slot),
      .AddrWidth(AddrWidth)
  ) u_loads (
      .clk_i,
      .rst_ni,
      .stop_i,
      .weight_base_i(setup_i.weight_base),
      .job_valid_i  (fetch_job_valid),
      .job_ready_o  (loads_job_ready),
      .job_i        (fetch_job),
      .checked_i    (checked),
      .at_o         (loads_at),
      .read_valid_o (read_valid[LOADS]),
      .read_ready_i (read_ready[LOADS]),
      .read_beat_o  (read_beat[LOADS]),
      .word_i       (beat_q),
      .items_i      (items),
      .mark_ready_i (mark_ready),
      .end_i        (job_end),
      .mark_valid_o (mark_valid),
      .mark_o       (mark),
      .ahead_o      (ahead),
      .job_valid_o  (job_valid),
      .job_o        (job),
      .load_valid_o,
      .load_ready_i,
      .load_o
  );

  psf_program_items #(
      .Slot(Slot),
      .AddrWidth(AddrWidth)
  ) u_items (
      .clk_i,
      .rst_ni,
      .stop_i,
      .checked_i   (checked),
      .at_o        (items_at),
      .read_valid_o(read_valid[ITEMS]),
      .read_ready_i(read_ready[ITEMS]),
      .read_beat_o (read_beat[ITEMS]),
      .word_i      (beat_q),
      .ahead_i     (ahead),
      .job_valid_i (job_valid),
      .job_i       (job),
      .mark_valid_i(mark_valid),
      .mark_i      (mark),
      .mark_ready_o(mark_ready),
      .end_o       (job_end),
      .items_o     (items),
      .load_done_i,
      .layer_start_o,
      .layer_o,
      .layer_done_i,
      .store_valid_o,
      .store_ready_i,
      .store_o,
      .store_done_i,
      .active_index_o,
      .retire_o,
      .irq_o
  );

  logic unused_setup;  // of others
  assign unused_setup = ^{setup_i};

endmodule
