// SPDX-License-Identifier: Apache-2.0
//
// What the host sees, and what keeps a run together: registers (AXI4-Lite), jobs (psf_job_queue), the
// beginning and end of runs (psf_supervisor), results (psf_result_writer, AXI write) and performance
// counters. All of it keeps rst_ni; everything else has run_rst_no, which pulses low as a run begins
// and after one that failed. Latencies and stalls: as these modules say.

module psf_host_interface #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus
    parameter int unsigned Outstanding = 4  // read bursts in flight
) (
    input logic clk_i,
    input logic rst_ni,
    output logic irq_o,
    input psf_control_pkg::axil_request_t axil_i,
    output psf_control_pkg::axil_response_t axil_o,
    // The run.
    output logic run_rst_no,
    output logic stop_o,  // high unless a run is on
    output psf_control_pkg::setup_t setup_o,
    output psf_control_pkg::window_t read_window_o,
    input logic read_idle_i,
    input logic [15:0] active_index_i,  // of the layer or store that runs
    input logic retire_i,  // the job in front is done
    input logic retire_irq_i,  // ... and the host wants to know
    // Its faults.
    input logic read_fault_valid_i,
    input psf_control_pkg::fault_t read_fault_i,
    input logic load_fault_valid_i,
    input psf_control_pkg::fault_t load_fault_i,
    input logic program_fault_valid_i,
    input psf_control_pkg::fault_t program_fault_i,
    input logic parity_i,
    input logic overrun_i,
    // Jobs, and reads of the ring.
    output logic job_valid_o,
    input logic job_ready_i,
    output psf_pkg::job_t job_o,
    output logic cmd_valid_o,
    input logic cmd_ready_i,
    output psf_control_pkg::read_command_t cmd_o,
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [63:0] beat_data_i,
    // Layers and loads, for the counters; layer_retire_o answers layer_done_i.
    input logic layer_start_i,
    input logic [7:0] layer_id_i,
    input logic layer_continues_i,
    input logic layer_done_i,
    output logic layer_retire_o,
    input logic load_done_i,
    input logic [5:0][7:0] event_i,
    // Stores.
    input logic store_valid_i,
    output logic store_ready_o,
    input psf_control_pkg::store_command_t store_i,
    output logic store_done_o,
    input logic [15:0] label_i,
    output logic [15:0] logit_raddr_o,
    input logic [31:0] logit_rdata_i,
    output psf_control_pkg::axi_write_request_t axi_write_o,
    input psf_control_pkg::axi_write_response_t axi_write_i
);

  logic start, abort, soft_reset, ring_write, run, idle, forget, retire, more;
  logic write_idle, write_fault_valid, counter_re;
  logic [15:0] ring_head, front;
  logic [8:0] counter_raddr;
  logic [31:0] counter_rdata;
  psf_control_pkg::window_t write_window;
  psf_control_pkg::status_t status;
  psf_control_pkg::ending_t ending;
  psf_control_pkg::fault_t write_fault;

  assign status.label = label_i;

  psf_registers #(
      .Cfg(Cfg),
      .AddrWidth(AddrWidth),
      .Outstanding(Outstanding)
  ) u_regs (
      .clk_i,
      .rst_ni,
      .irq_o,
      .axil_i,
      .axil_o,
      .start_o        (start),
      .abort_o        (abort),
      .soft_reset_o   (soft_reset),
      .ring_write_o   (ring_write),
      .run_i          (run),
      .setup_o,
      .ring_head_o    (ring_head),
      .read_window_o,
      .write_window_o (write_window),
      .status_i       (status),
      .ending_i       (ending),
      .counter_re_o   (counter_re),
      .counter_raddr_o(counter_raddr),
      .counter_rdata_i(counter_rdata)
  );

  psf_supervisor u_supervisor (
      .clk_i,
      .rst_ni,
      .run_rst_no,
      .idle_o             (idle),
      .run_i              (run),
      .abort_i            (abort),
      .soft_reset_i       (soft_reset),
      .forget_o           (forget),
      .busy_o             (status.busy),
      .stuck_o            (status.stuck),
      .stop_o,
      .bus_idle_i         (read_idle_i && write_idle),
      .watchdog_i         (setup_o.watchdog),
      .cycles_o           (status.cycles),
      .job_i              (front),
      .retire_i,
      .more_i             (more),
      .irq_i              (retire_irq_i),
      .retire_o           (retire),
      .ending_o           (ending),
      .read_fault_valid_i,
      .read_fault_i,
      .write_fault_valid_i(write_fault_valid),
      .write_fault_i      (write_fault),
      .load_fault_valid_i,
      .load_fault_i,
      .parity_i,
      .overrun_i,
      .program_fault_valid_i,
      .program_fault_i,
      .active_index_i
  );

  psf_job_queue #(
      .AddrWidth(AddrWidth)
  ) u_job_queue (
      .clk_i,
      .rst_ni,
      .start_i     (start),
      .soft_reset_i(soft_reset),
      .ring_write_i(ring_write),
      .ring_head_i (ring_head),
      .setup_i     (setup_o),
      .ring_tail_o (status.ring_tail),
      .idle_i      (idle),
      .run_o       (run),
      .stop_i      (stop_o),
      .retire_i    (retire),
      .fail_i      (ending.error),
      .more_o      (more),
      .front_o     (front),
      .job_valid_o,
      .job_ready_i,
      .job_o,
      .cmd_valid_o,
      .cmd_ready_i,
      .cmd_o,
      .beat_valid_i,
      .beat_ready_o,
      .beat_data_i
  );

  logic store_done, store_done_q;

  psf_result_writer #(
      .AddrWidth(AddrWidth)
  ) u_result_writer (
      .clk_i,
      .rst_ni,
      .stop_i       (stop_o),
      .idle_o       (write_idle),
      .window_i     (write_window),
      .store_valid_i,
      .store_ready_o,
      .store_i,
      .cycles_i     (status.cycles),
      .label_i,
      .logit_raddr_o,
      .logit_rdata_i,
      .done_o       (store_done),
      .fault_valid_o(write_fault_valid),
      .fault_o      (write_fault),
      .axi_write_o,
      .axi_write_i
  );

  // The end of a store moves the program on, which is a long way: a cycle later.
  assign store_done_o = store_done_q && !stop_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) store_done_q <= 1'b0;
    else store_done_q <= store_done;
  end

  psf_counters u_perf (
      .clk_i,
      .rst_ni,
      .start_i (run),
      .stop_i  (stop_o),
      .clear_i (forget),
      .layer_start_i,
      .layer_id_i,
      .layer_continues_i,
      .layer_done_i,
      .load_done_i,
      .event_i,
      .retire_o(layer_retire_o),
      .layers_o(status.layers),
      .loads_o (status.loads),
      .re_i    (counter_re),
      .raddr_i (counter_raddr),
      .rdata_o (counter_rdata)
  );

endmodule
