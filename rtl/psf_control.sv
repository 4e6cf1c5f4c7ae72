// SPDX-License-Identifier: Apache-2.0
//
// Everything between the host and the datapath: registers, jobs, results, counters (psf_host_interface), the
// program and the order of layers (psf_program), loads (psf_load), which stream while layers run.
// The datapath has datapath_rst_no, which pulses low as a run begins and after one that failed.
// layer_start_o pulses with layer_o, which then holds; layer_done_i pulses 2 or more cycles later
// and a new layer_start_o may follow in the next cycle. Row, parameter and logit writes are always
// taken; weight and spike writes hold until taken. A layer that waits for a load starts at least 2
// cycles after the load's last write was taken.

module psf_control #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus, 32 to 64
    parameter int unsigned Outstanding = 4,  // read bursts in flight, a power of two
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8,
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes)
) (
    input logic clk_i,
    input logic rst_ni,
    output logic irq_o,
    input psf_control_pkg::axil_request_t axil_i,
    output psf_control_pkg::axil_response_t axil_o,
    output psf_control_pkg::axi_read_request_t axi_read_o,
    input psf_control_pkg::axi_read_response_t axi_read_i,
    input logic [8*Cfg.BusBytes-1:0] axi_rdata_i,
    output psf_control_pkg::axi_write_request_t axi_write_o,
    input psf_control_pkg::axi_write_response_t axi_write_i,
    // Datapath.
    output logic datapath_rst_no,
    input logic [1:0] fault_i,  // {overrun, parity}, registered
    output logic layer_start_o,
    output psf_pkg::layer_t layer_o,
    input logic layer_done_i,
    // writes of loads: when, where and what
    input logic weight_ready_i,
    input logic spike_ready_i,
    output psf_control_pkg::load_write_t write_o,
    output logic [Cfg.Lanes*SlotWidth-1:0] weight_data_o,
    output logic [32*Entries-1:0] entry_data_o,  // rows, logits
    output logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_o,
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_o,
    output logic [Cfg.LineWords-1:0] spike_words_o,  // word enables
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_o,
    input logic [15:0] label_i,
    output logic [15:0] logit_raddr_o,
    input logic [31:0] logit_rdata_i,
    input logic [5:0][7:0] event_i  // [0] is counter 1
);

  logic stop, retire, retire_irq, read_idle, store_done, load_done, layer_retire;
  logic job_valid, job_ready, load_valid, load_ready, store_valid, store_ready;
  logic read_fault_valid, load_fault_valid, program_fault_valid, program_parity, load_parity;
  logic [15:0] active_index;
  psf_control_pkg::setup_t setup;
  psf_control_pkg::window_t read_window;
  psf_pkg::job_t job;
  psf_control_pkg::load_command_t load;
  psf_control_pkg::store_command_t store;
  psf_control_pkg::fault_t read_fault, load_fault, program_fault;
  logic [1:0] cmd_valid, cmd_ready, beat_valid, beat_ready;  // clients 0: program, 1: ring
  psf_control_pkg::read_command_t [1:0] cmd;
  logic [63:0] beat_data;

  psf_host_interface #(
      .Cfg(Cfg),
      .AddrWidth(AddrWidth),
      .Outstanding(Outstanding)
  ) u_host (
      .clk_i,
      .rst_ni,
      .irq_o,
      .axil_i,
      .axil_o,
      .run_rst_no(datapath_rst_no),
      .stop_o(stop),
      .setup_o(setup),
      .read_window_o(read_window),
      .read_idle_i(read_idle),
      .active_index_i(active_index),
      .retire_i(retire),
      .retire_irq_i(retire_irq),
      .read_fault_valid_i(read_fault_valid),
      .read_fault_i(read_fault),
      .load_fault_valid_i(load_fault_valid),
      .load_fault_i(load_fault),
      .program_fault_valid_i(program_fault_valid),
      .program_fault_i(program_fault),
      .parity_i(Cfg.Parity != 0 && (program_parity || load_parity || fault_i[0])),
      .overrun_i(fault_i[1]),
      .job_valid_o(job_valid),
      .job_ready_i(job_ready),
      .job_o(job),
      .cmd_valid_o(cmd_valid[1]),
      .cmd_ready_i(cmd_ready[1]),
      .cmd_o(cmd[1]),
      .beat_valid_i(beat_valid[1]),
      .beat_ready_o(beat_ready[1]),
      .beat_data_i(beat_data),
      .layer_start_i(layer_start_o),
      .layer_id_i(layer_o.id),
      .layer_continues_i(layer_o.continues),
      .layer_done_i,
      .layer_retire_o(layer_retire),
      .load_done_i(load_done),
      .event_i,
      .store_valid_i(store_valid),
      .store_ready_o(store_ready),
      .store_i(store),
      .store_done_o(store_done),
      .label_i,
      .logit_raddr_o,
      .logit_rdata_i,
      .axi_write_o,
      .axi_write_i
  );

  psf_program #(
      .Cfg(Cfg),
      .AddrWidth(AddrWidth)
  ) u_program (
      .clk_i,
      .rst_ni        (datapath_rst_no),
      .stop_i        (stop),
      .setup_i       (setup),
      .job_valid_i   (job_valid),
      .job_ready_o   (job_ready),
      .job_i         (job),
      .cmd_valid_o   (cmd_valid[0]),
      .cmd_ready_i   (cmd_ready[0]),
      .cmd_o         (cmd[0]),
      .beat_valid_i  (beat_valid[0]),
      .beat_ready_o  (beat_ready[0]),
      .beat_data_i   (beat_data),
      .fault_valid_o (program_fault_valid),
      .fault_o       (program_fault),
      .parity_o      (program_parity),
      .load_valid_o  (load_valid),
      .load_ready_i  (load_ready),
      .load_o        (load),
      .load_done_i   (load_done),
      .layer_start_o,
      .layer_o,
      .layer_done_i  (layer_retire),
      .store_valid_o (store_valid),
      .store_ready_i (store_ready),
      .store_o       (store),
      .store_done_i  (store_done),
      .active_index_o(active_index),
      .retire_o      (retire),
      .irq_o         (retire_irq)
  );

  psf_load #(
      .Cfg(Cfg),
      .AddrWidth(AddrWidth),
      .Outstanding(Outstanding)
  ) u_load (
      .clk_i,
      .rst_ni,
      .run_rst_ni        (datapath_rst_no),
      .stop_i            (stop),
      .idle_o            (read_idle),
      .window_i          (read_window),
      .cmd_valid_i       (cmd_valid),
      .cmd_ready_o       (cmd_ready),
      .cmd_i             (cmd),
      .beat_valid_o      (beat_valid),
      .beat_ready_i      (beat_ready),
      .beat_data_o       (beat_data),
      .read_fault_valid_o(read_fault_valid),
      .read_fault_o      (read_fault),
      .load_valid_i      (load_valid),
      .load_ready_o      (load_ready),
      .load_i            (load),
      .load_done_o       (load_done),
      .load_fault_valid_o(load_fault_valid),
      .load_fault_o      (load_fault),
      .parity_o          (load_parity),
      .weight_ready_i,
      .spike_ready_i,
      .write_o,
      .weight_data_o,
      .entry_data_o,
      .param_data_o,
      .mask_data_o,
      .spike_words_o,
      .spike_data_o,
      .axi_read_o,
      .axi_read_i,
      .axi_rdata_i
  );

endmodule
