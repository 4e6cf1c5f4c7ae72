// SPDX-License-Identifier: Apache-2.0
// The way of a group's spikes: from the token through the patch buffer to the rows that are asked of
// the weight banks (scanner, window), or for K^T V to the words that are added directly. One row a
// cycle at most; stalls with read_ready_i and grant_i. complete_o: all rows of an accumulation
// buffer have been added; reopen_i gives the buffer back. parity_o: a bit that was used has flipped;
// overrun_o: an address was beyond its memory. Golden: golden.contract.model.
module psf_spike_path #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned RowAddrWidth = $clog2(Cfg.RowDepth),
    localparam int unsigned BankWidth = $clog2(Cfg.Banks),
    localparam int unsigned PatchWidth = Cfg.LineWords * (Cfg.Lanes + 1),  // a parity per word
    localparam int unsigned Steps = psf_group_pkg::Steps,
    localparam int unsigned Sets = psf_group_pkg::Sets
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,
    input psf_pkg::layer_t layer_i,
    output logic idle_o,  // no fetch runs; it may outlast the drain if last lines are not scanned
    output logic room_o,
    input logic token_valid_i,
    input psf_pkg::token_t token_i,
    // row mask from the loader
    input logic mask_valid_i,
    input logic [$clog2(psf_pkg::MaskLines)-1:0] mask_addr_i,
    input logic [Cfg.LineWords*Cfg.Lanes:0] mask_data_i,
    // spike memory
    output logic read_valid_o,
    input logic read_ready_i,
    output logic [$clog2(Cfg.SpikeLines)-1:0] read_addr_o,
    input logic line_valid_i,
    input logic [PatchWidth-1:0] line_i,
    // issue arbiter and weight banks
    output logic [Cfg.Banks-1:0] req_o,
    output logic [Cfg.Banks-1:0] many_o,
    input logic [Cfg.Banks-1:0] grant_i,
    output logic row_valid_o,
    output logic [Cfg.Banks-1:0] row_bank_o,
    output logic [RowAddrWidth-1:0] row_addr_o,
    output psf_group_pkg::tag_t row_tag_o,
    input logic row_done_i,  // the last word of a row is at the lanes, to be added ...
    input logic row_done_buffer_i,  // ... to this buffer
    // K^T V: words for the lanes
    output logic kv_valid_o,
    output logic kv_buffer_o,
    output logic [IndexWidth-1:0] kv_index_o,
    output logic [Cfg.Lanes-1:0] kv_bits_o,
    // accumulation buffers
    output logic [1:0] complete_o,
    output logic [1:0][Sets-1:0] touched_o,  // patterns of each buffer
    input logic [1:0] reopen_i,
    output logic empty_o,  // the window has no spike
    output logic blocked_o,  // the next word of the window needs a buffer that is being drained
    output logic parity_o,
    output logic overrun_o
);
  logic key_value, fetch_parity, fetch_parity_q, fetch_overrun, scan_parity, scan_overrun;
  logic kv_parity, kv_overrun;
  assign key_value = layer_i.mode == psf_pkg::MODE_KEY_VALUE;

  // Patch fetch.
  logic patch_valid, patch_read, patch_advance, patch_release;
  logic scan_read, scan_advance, scan_release, kv_read, kv_advance, kv_release;
  logic [$clog2(Cfg.PatchLines):0] filled;
  logic [8:0] patch_taps;
  logic [$clog2(Cfg.LineWords)-1:0] patch_word;
  logic [$clog2(Cfg.PatchLines)-1:0] patch_index, scan_index, kv_patch_index;
  logic [PatchWidth-1:0] patch_line;
  assign patch_read = scan_read || kv_read;
  assign patch_advance = scan_advance || kv_advance;
  assign patch_release = scan_release || kv_release;
  assign patch_index = key_value ? kv_patch_index : scan_index;

  psf_patch_fetch #(
      .Cfg(Cfg)
  ) u_fetch (
      .clk_i,
      .rst_ni,
      .layer_i,
      .mask_valid_i,
      .mask_addr_i,
      .mask_data_i,
      .room_o,
      .token_valid_i,
      .token_i,
      .read_valid_o,
      .read_ready_i,
      .read_addr_o,
      .line_valid_i,
      .line_i,
      .patch_valid_o  (patch_valid),
      .filled_o       (filled),
      .patch_taps_o   (patch_taps),
      .patch_word_o   (patch_word),
      .patch_read_i   (patch_read),
      .patch_index_i  (patch_index),
      .patch_advance_i(patch_advance),
      .patch_line_o   (patch_line),
      .patch_release_i(patch_release),
      .idle_o,
      .parity_o       (fetch_parity),
      .overrun_o      (fetch_overrun)
  );

  // Words to the window, through registers that keep the arbiter's path out of the scanner.
  typedef struct packed {
    logic                            last;
    logic [BankWidth-1:0]            skew;
    logic [RowAddrWidth-1:0]         row;
    logic [Steps-1:0][Cfg.Lanes-1:0] bits;
  } item_t;
  logic scan_valid, scan_ready, item_valid, item_ready;
  item_t scanned, item;

  psf_scanner #(
      .Cfg(Cfg)
  ) u_scanner (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .patch_valid_i  (patch_valid),
      .filled_i       (filled),
      .patch_taps_i   (patch_taps),
      .patch_read_o   (scan_read),
      .patch_index_o  (scan_index),
      .patch_advance_o(scan_advance),
      .patch_line_i   (patch_line),
      .patch_release_o(scan_release),
      .word_valid_o   (scan_valid),
      .word_ready_i   (scan_ready),
      .word_bits_o    (scanned.bits),
      .word_row_o     (scanned.row),
      .word_skew_o    (scanned.skew),
      .word_last_o    (scanned.last),
      .parity_o       (scan_parity),
      .overrun_o      (scan_overrun)
  );

  psf_skid #(
      .Width($bits(item_t))
  ) u_items (
      .clk_i,
      .rst_ni,
      .in_valid_i (scan_valid),
      .in_ready_o (scan_ready),
      .in_data_i  (scanned),
      .out_valid_o(item_valid),
      .out_ready_i(item_ready),
      .out_data_o (item)
  );

  // A row is done when its last word has landed in the accumulators.
  localparam int unsigned Landing = psf_group_pkg::Landing;
  logic [Landing-1:0] done_q, done_buffer_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) done_q <= '0;
    else done_q <= {done_q[Landing-2:0], row_done_i};
  end
  always_ff @(posedge clk_i) done_buffer_q <= {done_buffer_q[Landing-2:0], row_done_buffer_i};

  logic [1:0] window_complete, kv_complete;
  logic [1:0][Sets-1:0] touched;
  psf_window #(
      .Cfg(Cfg)
  ) u_window (
      .clk_i,
      .rst_ni,
      .start_i,
      .word_valid_i     (item_valid),
      .word_ready_o     (item_ready),
      .word_bits_i      (item.bits),
      .word_row_i       (item.row),
      .word_skew_i      (item.skew),
      .word_last_i      (item.last),
      .req_o,
      .many_o,
      .grant_i,
      .row_valid_o,
      .row_bank_o,
      .row_addr_o,
      .row_tag_o,
      .row_done_i       (done_q[Landing-1]),
      .row_done_buffer_i(done_buffer_q[Landing-1]),
      .complete_o       (window_complete),
      .touched_o        (touched),
      .reopen_i         (key_value ? 2'd0 : reopen_i),
      .empty_o,
      .blocked_o
  );

  psf_key_value #(
      .Cfg(Cfg)
  ) u_key_value (
      .clk_i,
      .rst_ni,
      .start_i,
      .layer_i,
      .patch_valid_i  (patch_valid),
      .filled_i       (filled),
      .patch_word_i   (patch_word),
      .patch_read_o   (kv_read),
      .patch_index_o  (kv_patch_index),
      .patch_advance_o(kv_advance),
      .patch_line_i   (patch_line),
      .patch_release_o(kv_release),
      .add_valid_o    (kv_valid_o),
      .add_buffer_o   (kv_buffer_o),
      .add_index_o    (kv_index_o),
      .add_bits_o     (kv_bits_o),
      .complete_o     (kv_complete),
      .reopen_i       (key_value ? reopen_i : 2'd0),
      .parity_o       (kv_parity),
      .overrun_o      (kv_overrun)
  );
  assign complete_o = key_value ? kv_complete : window_complete;
  assign touched_o  = key_value ? {2{Sets'(1)}} : touched;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fetch_parity_q <= 1'b0;
    else fetch_parity_q <= fetch_parity;
  end
  assign parity_o  = fetch_parity_q || scan_parity || kv_parity;
  assign overrun_o = fetch_overrun || scan_overrun || kv_overrun;
endmodule
