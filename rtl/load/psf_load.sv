// SPDX-License-Identifier: Apache-2.0
//
// Everything that is read from DRAM: the read master (psf_read_dma) with its three clients. Client 0
// fetches descriptors and client 1 the jobs of the ring, both outside and beat by beat; client 2 are
// loads, which are turned into commands (psf_load_issue), whose words are queued and written to
// the memories (psf_loader).
// Latencies and stalls: as these modules say.

module psf_load #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus
    parameter int unsigned Outstanding = 4,  // read bursts in flight, a power of two
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8,
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes),
    localparam int unsigned BusWidth = 8 * Cfg.BusBytes
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
    output logic [32*Entries-1:0] entry_data_o,  // rows, logits
    output logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_o,
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_o,
    output logic [Cfg.LineWords-1:0] spike_words_o,  // word enables
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_o,
    output psf_control_pkg::axi_read_request_t axi_read_o,
    input psf_control_pkg::axi_read_response_t axi_read_i,
    input logic [8*Cfg.BusBytes-1:0] axi_rdata_i
);

  localparam int unsigned PlaceWidth = Cfg.BusBytes > 8 ? $clog2(Cfg.BusBytes / 8) : 1;

  typedef struct packed {
    logic [PlaceWidth-1:0] first, last;  // beats that count
    logic [BusWidth-1:0]   data;
  } word_t;

  logic read_valid, read_ready, unpack_valid, unpack_ready, queue_ready;
  logic beat_valid, beat_ready, queue_parity, loader_parity;
  logic direct_ready;  // a word for one of the clients outside
  logic [2:0] read_word_valid, read_word_ready;
  psf_control_pkg::read_command_t read;
  psf_control_pkg::load_command_t unpack;
  word_t read_word, queued;
  logic [BusWidth-1:0] direct;

  psf_read_dma #(
      .Outstanding(Outstanding),
      .AddrWidth  (AddrWidth),
      .BusBytes   (Cfg.BusBytes),
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
      .beat_valid_o (read_word_valid),
      .beat_ready_i (read_word_ready),
      .beat_data_o  (read_word.data),
      .beat_first_o (read_word.first),
      .beat_last_o  (read_word.last),
      .fault_valid_o(read_fault_valid_o),
      .fault_o      (read_fault_o),
      .axi_read_o,
      .axi_read_i,
      .axi_rdata_i
  );

  assign read_word_ready = {queue_ready, {2{direct_ready}}};
  assign beat_valid_o    = read_word_valid[1:0];
  assign beat_data_o     = direct[63:0];

  logic unused_whole, unused_direct;
  assign unused_direct = ^direct;

  psf_bus_words #(
      .BusBytes(Cfg.BusBytes)
  ) u_direct (
      .clk_i,
      .rst_ni,
      .clear_i(stop_i),
      .valid_i(|read_word_valid[1:0]),
      .ready_o(direct_ready),
      .data_i (read_word.data),
      .first_i(read_word.first),
      .last_i (read_word.last),
      .whole_i(1'b0),
      .ready_i(|(read_word_valid[1:0] & beat_ready_i)),
      .data_o (direct),
      .whole_o(unused_whole)
  );

  psf_fifo #(
      .data_t(word_t),
      .Depth (8),
      .Parity(Cfg.Parity != 0)
  ) u_words (
      .clk_i,
      .rst_ni     (run_rst_ni),
      .clear_i    (1'b0),
      .in_valid_i (read_word_valid[2]),
      .in_ready_o (queue_ready),
      .in_data_i  (read_word),
      .out_valid_o(beat_valid),
      .out_ready_i(beat_ready),
      .out_data_o (queued),
      .error_o    (queue_parity)
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
      .beat_data_i  (queued.data),
      .beat_first_i (queued.first),
      .beat_last_i  (queued.last),
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
    else parity_o <= queue_parity || loader_parity;
  end

endmodule
