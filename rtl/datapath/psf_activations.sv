// SPDX-License-Identifier: Apache-2.0
// What lies between two layers: the spike memory with its OR-pool, and the residual stream. The sums
// of the residual stream (psf_stream_planes, for a head without merge) read and write through the
// ports of group 0, which has no work then. Latencies and stalls: psf_spike_memory,
// psf_stream_memory. parity_o, overrun_o: those of the spike memory and the sums; a wrong residual
// word stands in stream_error_o beside it. Golden: golden.contract.model.
module psf_activations #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned LineAddrWidth = $clog2(Cfg.SpikeLines),
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned StreamAddrWidth = $clog2(Cfg.StreamDepth),
    localparam int unsigned StreamWidth = Cfg.Lanes * Cfg.StreamWidth,
    localparam int unsigned GroupWidth = $clog2(Cfg.Groups)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic layer_start_i,
    input psf_pkg::layer_t layer_i,
    input logic sum_start_i,
    output logic sum_done_o,
    output logic idle_o,  // nothing is written, cleared, pooled or summed
    // spikes of the image, from the loader
    input logic load_valid_i,
    output logic load_ready_o,
    input logic load_spread_i,
    input logic [LineAddrWidth-1:0] load_addr_i,
    input logic [Cfg.LineWords-1:0] load_words_i,
    input logic [LineWidth-1:0] load_data_i,
    // spike lines of the groups
    input logic [Cfg.Groups-1:0] read_valid_i,
    output logic [Cfg.Groups-1:0] read_ready_o,
    input logic [Cfg.Groups-1:0][LineAddrWidth-1:0] read_addr_i,
    output logic [Cfg.Groups-1:0] read_line_valid_o,
    output logic [Cfg.Groups-1:0][Cfg.LineWords*(Cfg.Lanes+1)-1:0] read_line_o,
    input logic [Cfg.Groups-1:0] line_valid_i,
    output logic [Cfg.Groups-1:0] line_ready_o,
    input logic [Cfg.Groups-1:0][LineAddrWidth-1:0] line_addr_i,
    input logic [Cfg.Groups-1:0][Cfg.LineWords-1:0] line_words_i,
    input logic [Cfg.Groups-1:0][LineWidth-1:0] line_data_i,
    input logic [Cfg.Groups-1:0] line_right_i,
    input logic [Cfg.Groups-1:0] line_down_i,
    // residual words of the groups
    input logic [Cfg.Groups-1:0] stream_read_i,
    output logic [Cfg.Groups-1:0] stream_ready_o,
    input logic [Cfg.Groups-1:0][GroupWidth-1:0] stream_read_bank_i,
    input logic [Cfg.Groups-1:0][StreamAddrWidth-1:0] stream_read_addr_i,
    output logic [Cfg.Groups-1:0][StreamWidth-1:0] stream_data_o,
    output logic [Cfg.Groups-1:0] stream_error_o,
    input logic [Cfg.Groups-1:0] stream_write_i,
    input logic [Cfg.Groups-1:0][GroupWidth-1:0] stream_write_bank_i,
    input logic [Cfg.Groups-1:0][StreamAddrWidth-1:0] stream_write_addr_i,
    input logic [Cfg.Groups-1:0][StreamWidth-1:0] stream_write_data_i,
    output logic parity_o,
    output logic overrun_o
);
  logic sum_busy, sum_read, sum_word, sum_parity, sum_overrun;
  logic spike_busy, spike_parity, spike_overrun;
  logic [GroupWidth-1:0] sum_bank;
  logic [StreamAddrWidth-1:0] sum_addr;
  logic [LineAddrWidth-1:0] sum_line;
  logic [Cfg.LineWords-1:0] sum_place;
  logic [Cfg.Lanes-1:0] sum_bits;
  logic [Cfg.Groups-1:0] want_stream, write_valid;
  logic [Cfg.Groups-1:0][GroupWidth-1:0] want_bank;
  logic [Cfg.Groups-1:0][StreamAddrWidth-1:0] want_addr;
  logic [Cfg.Groups-1:0][LineAddrWidth-1:0] write_addr;
  logic [Cfg.Groups-1:0][Cfg.LineWords-1:0] write_words;
  logic [Cfg.Groups-1:0][LineWidth-1:0] write_data;

  assign idle_o = !spike_busy && !sum_busy;
  assign parity_o = sum_parity || spike_parity;
  assign overrun_o = sum_overrun || spike_overrun;

  psf_stream_planes #(
      .Cfg(Cfg)
  ) u_planes (
      .clk_i,
      .rst_ni,
      .start_i     (sum_start_i),
      .layer_i,
      .busy_o      (sum_busy),
      .done_o      (sum_done_o),
      .read_valid_o(sum_read),
      .read_ready_i(stream_ready_o[0]),
      .read_bank_o (sum_bank),
      .read_addr_o (sum_addr),
      .read_data_i (stream_data_o[0]),
      .read_error_i(stream_error_o[0]),
      .word_valid_o(sum_word),
      .word_line_o (sum_line),
      .word_place_o(sum_place),
      .word_bits_o (sum_bits),
      .spike_busy_i(spike_busy),
      .parity_o    (sum_parity),
      .overrun_o   (sum_overrun)
  );

  always_comb begin
    want_stream = stream_read_i;
    want_bank   = stream_read_bank_i;
    want_addr   = stream_read_addr_i;
    write_valid = line_valid_i;
    write_addr  = line_addr_i;
    write_words = line_words_i;
    write_data  = line_data_i;
    if (sum_busy) begin
      want_stream[0] = sum_read;
      want_bank[0]   = sum_bank;
      want_addr[0]   = sum_addr;
      write_valid[0] = sum_word;
      write_addr[0]  = sum_line;
      write_words[0] = sum_place;
      write_data[0]  = {Cfg.LineWords{sum_bits}};
    end
  end

  psf_spike_memory #(
      .Cfg(Cfg)
  ) u_spikes (
      .clk_i,
      .rst_ni,
      .rd_valid_i      (read_valid_i),
      .rd_ready_o      (read_ready_o),
      .rd_addr_i       (read_addr_i),
      .rsp_valid_o     (read_line_valid_o),
      .rsp_data_o      (read_line_o),
      .wr_valid_i      (write_valid),
      .wr_ready_o      (line_ready_o),
      .wr_addr_i       (write_addr),
      .wr_words_i      (write_words),
      .wr_data_i       (write_data),
      .wr_right_i      (line_right_i),
      .wr_down_i       (line_down_i),
      .ld_valid_i      (load_valid_i),
      .ld_ready_o      (load_ready_o),
      .ld_spread_i     (load_spread_i),
      .ld_addr_i       (load_addr_i),
      .ld_words_i      (load_words_i),
      .ld_data_i       (load_data_i),
      .pool_i          (layer_i.pool || layer_i.pair),
      .pair_i          (layer_i.pair),
      .pool_lines_i    (layer_i.out_lines),
      .pool_row_lines_i(layer_i.out_row_lines),
      .clear_start_i   (layer_start_i && layer_i.pool),
      .clear_base_i    (layer_i.out_base),
      .clear_count_i   (layer_i.out_clear),
      .busy_o          (spike_busy),
      .parity_o        (spike_parity),
      .overrun_o       (spike_overrun)
  );

  psf_stream_memory #(
      .Cfg(Cfg)
  ) u_stream (
      .clk_i,
      .rst_ni,
      .rd_valid_i(want_stream),
      .rd_ready_o(stream_ready_o),
      .rd_bank_i (want_bank),
      .rd_addr_i (want_addr),
      .rd_data_o (stream_data_o),
      .rd_error_o(stream_error_o),
      .wr_valid_i(stream_write_i),
      .wr_bank_i (stream_write_bank_i),
      .wr_addr_i (stream_write_addr_i),
      .wr_data_i (stream_write_data_i)
  );

  // The layer before has been written, and the sums are not pooled.
  always_ff @(posedge clk_i) begin
    if (rst_ni && sum_word) assert (line_ready_o[0]);
  end
endmodule
