// SPDX-License-Identifier: Apache-2.0
//
// The program: fetches the descriptors of one job after the other (psf_descriptor_fetch) and hands on
// what they say, loads, layers and stores, each when its time has come (psf_sequencer).
// An empty program is a fault (NO_END) and takes no job. Latencies and stalls: as those two say.
// Golden: golden.hardware.check for what is refused, golden.hardware.isa for the fields.

module psf_program #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
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

  logic empty, job_ready, desc_valid, desc_ready, bad, fetch_parity, queue_parity;
  psf_control_pkg::descriptor_t desc;
  psf_control_pkg::fault_t desc_fault;

  assign empty         = setup_i.program_count == '0;
  assign job_ready_o   = job_ready && !empty;
  assign fault_valid_o = empty || bad;
  assign fault_o       = empty ? '{cause: psf_pkg::ERROR_NO_END, index: '0, addr: '0} : desc_fault;
  assign parity_o      = fetch_parity || queue_parity;

  psf_descriptor_fetch #(
      .AddrWidth(AddrWidth)
  ) u_fetch (
      .clk_i,
      .rst_ni,
      .base_i      (setup_i.program_base),
      .count_i     (setup_i.program_count),
      .job_valid_i (job_valid_i && !empty),
      .job_ready_o (job_ready),
      .job_i,
      .stop_i,
      .cmd_valid_o,
      .cmd_ready_i,
      .cmd_o,
      .beat_valid_i,
      .beat_ready_o,
      .beat_data_i,
      .desc_valid_o(desc_valid),
      .desc_ready_i(desc_ready),
      .desc_o      (desc),
      .parity_o    (fetch_parity)
  );

  psf_sequencer #(
      .Cfg(Cfg),
      .AddrWidth(AddrWidth)
  ) u_sequencer (
      .clk_i,
      .rst_ni,
      .stop_i,
      .weight_base_i(setup_i.weight_base),
      .desc_valid_i (desc_valid),
      .desc_ready_o (desc_ready),
      .desc_i       (desc),
      .fault_valid_o(bad),
      .fault_o      (desc_fault),
      .parity_o     (queue_parity),
      .load_valid_o,
      .load_ready_i,
      .load_o,
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

endmodule
