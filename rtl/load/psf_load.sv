// SPDX-License-Identifier: Apache-2.0
//
// Everything that is read from DRAM: the read master (psf_read_dma) with its three clients. Client 0
// fetches descriptors and client 1 the jobs of the ring, both outside; client 2 are loads, which are
// turned into commands (psf_load_issue), queued and written to the memories (psf_loader).
// Latencies and stalls: as these modules say.

module psf_load #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus
    parameter int unsigned Outstanding = 4,  // read bursts in flight, a power of two
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic run_rst_ni,  // of the run; the read master has rst_ni
    input logic stop_i,
    output logic idle_o,  // the read master has nothing in flight
    input psf_control_pkg::window_t window_i,
    input logic [1:0] cmd_valid_i,
    output logic [1:0] cmd_ready_o,
    input psf_control_pkg::read_command_t [1:0] cmd_i,
    output logic [1:0] beat_valid_o,
    input logic [1:0] beat_ready_i,
    output logic [63:0] beat_data_o,
    output logic read_fault_valid_o,
    output psf_control_pkg::fault_t read_fault_o,
    input logic load_valid_i,
    output logic load_ready_o,
    input psf_control_pkg::load_command_t load_i,
    output logic load_done_o,
    output logic load_fault_valid_o,
    output psf_control_pkg::fault_t load_fault_o,
    output logic parity_o,
    // writes of loads: when, where and what
    input logic weight_ready_i,
    input logic spike_ready_i,
    output psf_control_pkg::load_write_t write_o,
    output logic [Cfg.Lanes*SlotWidth-1:0] weight_data_o,
    output logic [31:0] entry_data_o,  // rows, logits
    output logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_o,
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_o,
    output logic [Cfg.LineWords-1:0] spike_words_o,  // word enables
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_o,
    output psf_control_pkg::axi_read_request_t axi_read_o,
    input psf_control_pkg::axi_read_response_t axi_read_i
);

  logic read_valid, read_ready, unpack_valid, unpack_ready, read_beat_valid, read_beat_ready;
  logic beat_valid, beat_ready, beat_parity, loader_parity;
  psf_control_pkg::read_command_t read;
  psf_control_pkg::load_command_t unpack;
  logic [63:0] beat_data;

  psf_read_dma #(
      .Outstanding(Outstanding),
      .AddrWidth  (AddrWidth),
      .Parity     (Cfg.Parity != 0)
  ) u_read_dma (
      .clk_i,
      .rst_ni,
      .stop_i,
      .idle_o,
      .window_i,
      .cmd_valid_i  ({read_valid, cmd_valid_i}),
      .cmd_ready_o  ({read_ready, cmd_ready_o}),
      .cmd_i        ({read, cmd_i}),
      .beat_valid_o ({read_beat_valid, beat_valid_o}),
      .beat_ready_i ({read_beat_ready, beat_ready_i}),
      .beat_data_o,
      .fault_valid_o(read_fault_valid_o),
      .fault_o      (read_fault_o),
      .axi_read_o,
      .axi_read_i
  );

  psf_fifo #(
      .Width (64),
      .Depth (8),
      .Parity(Cfg.Parity != 0)
  ) u_beats (
      .clk_i,
      .rst_ni     (run_rst_ni),
      .clear_i    (1'b0),
      .in_valid_i (read_beat_valid),
      .in_ready_o (read_beat_ready),
      .in_data_i  (beat_data_o),
      .out_valid_o(beat_valid),
      .out_ready_i(beat_ready),
      .out_data_o (beat_data),
      .error_o    (beat_parity)
  );

  psf_load_issue #(
      .Cfg(Cfg),
      .AddrWidth(AddrWidth)
  ) u_load_issue (
      .clk_i,
      .rst_ni        (run_rst_ni),
      .load_valid_i,
      .load_ready_o,
      .load_i,
      .read_valid_o  (read_valid),
      .read_ready_i  (read_ready),
      .read_o        (read),
      .unpack_valid_o(unpack_valid),
      .unpack_ready_i(unpack_ready),
      .unpack_o      (unpack)
  );

  psf_loader #(
      .Cfg(Cfg)
  ) u_loader (
      .clk_i,
      .rst_ni       (run_rst_ni),
      .cmd_valid_i  (unpack_valid),
      .cmd_ready_o  (unpack_ready),
      .cmd_i        (unpack),
      .beat_valid_i (beat_valid),
      .beat_ready_o (beat_ready),
      .beat_data_i  (beat_data),
      .weight_ready_i,
      .spike_ready_i,
      .write_o,
      .weight_data_o,
      .entry_data_o,
      .param_data_o,
      .mask_data_o,
      .spike_words_o,
      .spike_data_o,
      .done_o       (load_done_o),
      .parity_o     (loader_parity),
      .fault_valid_o(load_fault_valid_o),
      .fault_o      (load_fault_o)
  );

  always_ff @(posedge clk_i or negedge run_rst_ni) begin
    if (!run_rst_ni) parity_o <= 1'b0;
    else parity_o <= beat_parity || loader_parity;
  end

endmodule
