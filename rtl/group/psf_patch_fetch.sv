// SPDX-License-Identifier: Apache-2.0
// Fetches the spike lines of a token (its receptive field, all timesteps) into a patch buffer of
// two halves: one is filled while the scanner works on the other. Order of the lines in a half:
// valid taps ascending, then the lines of the pixel; key-value layers: one line per token of the
// unit. Lines outside the image are neither fetched nor scanned; with layer_i.invert, where every
// line is inverted, lines of ones take their place, and all taps are valid. One line request per
// cycle; stalls while the shared spike memory serves somebody else. Line i of tap k passes through the row mask
// (psf_row_mask), line mask_base + k*mask_lines + i mod mask_lines. The scanner may read line i of
// its half as soon as i < filled_o, so that it never meets a write (asserted). Words carry their
// parity, which is not checked here; parity_o is that of the mask. A line beyond the memory reads
// line 0 instead, one beyond the half is dropped; overrun_o pulses.
// Golden: docs/reference/formats.md.
module psf_patch_fetch #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned LineAddrWidth = $clog2(Cfg.SpikeLines),
    localparam int unsigned LineWidth = Cfg.LineWords * (Cfg.Lanes + 1),  // the parity is bit Lanes
    localparam int unsigned PatchWidth = $clog2(Cfg.PatchLines),
    localparam int unsigned MaskAddrWidth = $clog2(psf_pkg::MaskLines)
) (
    input logic clk_i,
    input logic rst_ni,
    input psf_pkg::layer_t layer_i,
    // row mask from the loader
    input logic mask_valid_i,
    input logic [MaskAddrWidth-1:0] mask_addr_i,
    input logic [Cfg.LineWords*Cfg.Lanes:0] mask_data_i,
    // token from the dispatcher
    output logic room_o,  // a half is free
    input logic token_valid_i,  // only while room_o
    input psf_pkg::token_t token_i,  // line, taps, word; bit 16 of a line: far beyond any memory
    // shared spike memory; the line comes in the cycle after the accepted request
    output logic read_valid_o,
    input logic read_ready_i,
    output logic [LineAddrWidth-1:0] read_addr_o,
    input logic line_valid_i,
    input logic [LineWidth-1:0] line_i,
    // scanner side
    output logic patch_valid_o,  // a half is (being) filled for the scanner
    output logic [PatchWidth:0] filled_o,  // lines of it that can be read
    output logic [8:0] patch_taps_o,
    output logic [$clog2(Cfg.LineWords)-1:0] patch_word_o,
    input logic patch_read_i,
    input logic [PatchWidth-1:0] patch_index_i,
    input logic patch_advance_i,  // the line read goes from the RAM to patch_line_o
    output logic [LineWidth-1:0] patch_line_o,
    input logic patch_release_i,  // the scanner has read its last line
    output logic idle_o,  // no fetch runs, no line is on its way
    output logic parity_o,
    output logic overrun_o
);
  localparam int unsigned WordWidth = $clog2(Cfg.LineWords);

  logic fetching_q, half_q;  // a fetch runs, into this half
  logic line_half_q, line_valid, line_write;  // the line that leaves the mask, and its half
  logic [LineWidth-1:0] line, read_line;
  logic [1:0] valid_q, valid_d;
  logic [1:0][8:0] taps_q;
  logic [1:0][WordWidth-1:0] word_q;
  logic [1:0][PatchWidth:0] filled_q;
  logic fill_q, scan_q;  // half being filled next, half being scanned

  assign room_o = !valid_q[fill_q] && !fetching_q;
  assign patch_valid_o = valid_q[scan_q];
  assign filled_o = filled_q[scan_q];
  assign patch_taps_o = taps_q[scan_q];
  assign patch_word_o = word_q[scan_q];

  // Request side: walk taps, then the lines of a pixel. `base` is the first line of the tap. In 18
  // bits no address wraps: it lies below 2^16 + 2^16 + 2^16, or is negative and above 2^18 - 2^17.
  logic [8:0] todo_q;  // taps from the current one on, current one at bit 0
  logic [1:0] column_q;
  logic [17:0] base_q, base_d, addr_q, lines, row_lines;
  logic [15:0] count_q;
  logic [ 7:0] line_q;
  logic beyond, full, key_value, tap_here, line_last, accept, step_tap, fetch_last;
  logic invert, outside, outside_q;  // outside: a line of ones, one cycle later at the mask

  assign key_value = layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign lines = {10'd0, layer_i.in_lines};
  assign row_lines = {2'd0, layer_i.in_row_lines};
  assign invert = layer_i.invert && !key_value;
  assign tap_here = key_value || todo_q[0];
  assign outside = fetching_q && invert && !tap_here;
  assign read_valid_o = fetching_q && tap_here;
  assign beyond = addr_q >= 18'(Cfg.SpikeLines);
  assign read_addr_o = beyond ? '0 : addr_q[LineAddrWidth-1:0];
  assign accept = (read_valid_o && read_ready_i) || outside;
  assign line_last = key_value || line_q + 8'd1 == layer_i.in_lines;
  assign step_tap = fetching_q && ((!tap_here && !invert) || (accept && line_last));
  assign fetch_last = key_value ? count_q + 16'd1 == layer_i.tokens
      : invert && layer_i.kernel3 ? count_q == 16'd8 : todo_q[8:1] == 8'd0;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fetching_q <= 1'b0;
    end else if (token_valid_i) begin
      fetching_q <= 1'b1;
    end else if (step_tap && fetch_last) begin
      fetching_q <= 1'b0;
    end
  end

  // From the right column of a row to the left one of the next: one row on, two pixels back.
  always_comb begin
    if (token_valid_i) begin
      base_d = {1'b0, token_i.line};
      if (layer_i.kernel3 && !key_value) base_d = {1'b0, token_i.line} - row_lines - lines;
    end else if (column_q == 2'd2 && !key_value) begin
      base_d = base_q + row_lines - (lines << 1);
    end else begin
      base_d = base_q + lines;
    end
  end

  always_ff @(posedge clk_i) begin
    if (token_valid_i || step_tap) begin
      base_q <= base_d;
      addr_q <= base_d;
    end else if (accept) begin
      addr_q <= addr_q + 18'd1;
    end
    if (token_valid_i) begin
      half_q   <= fill_q;
      todo_q   <= token_i.taps;
      column_q <= '0;
      count_q  <= '0;
      line_q   <= '0;
    end else if (step_tap) begin
      todo_q   <= todo_q >> 1;
      count_q  <= count_q + 16'd1;
      line_q   <= '0;
      column_q <= column_q == 2'd2 ? 2'd0 : column_q + 2'd1;
    end else if (accept) begin
      line_q <= line_q + 8'd1;
    end
  end

  // Halves.
  always_comb begin
    valid_d = valid_q;
    if (patch_release_i) valid_d[scan_q] = 1'b0;
    if (token_valid_i) valid_d[fill_q] = 1'b1;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {valid_q, fill_q, scan_q, filled_q} <= '0;
    end else begin
      valid_q <= valid_d;
      if (token_valid_i) begin
        fill_q <= !fill_q;
        filled_q[fill_q] <= '0;
      end
      if (line_write) filled_q[line_half_q] <= filled_q[line_half_q] + (PatchWidth + 1)'(1);
      if (patch_release_i) scan_q <= !scan_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (token_valid_i) begin
      taps_q[fill_q] <= token_i.taps | {9{invert && layer_i.kernel3}};
      word_q[fill_q] <= token_i.word[WordWidth-1:0];
    end
  end

  // Lines through the row mask. Its address follows the request.
  logic [MaskAddrWidth-1:0] mask_tap_q, mask_line_q, mask_lines;
  logic pending_q;  // a line comes in this cycle
  assign mask_lines = MaskAddrWidth'(layer_i.mask_lines);

  always_ff @(posedge clk_i) begin
    line_half_q <= half_q;
    if (token_valid_i) begin
      mask_tap_q  <= MaskAddrWidth'(layer_i.mask_base);
      mask_line_q <= '0;
    end else if (step_tap) begin
      mask_tap_q  <= mask_tap_q + mask_lines;
      mask_line_q <= '0;
    end else if (accept) begin
      mask_line_q <= (mask_line_q + MaskAddrWidth'(1) == mask_lines) ? '0
          : mask_line_q + MaskAddrWidth'(1);
    end
  end

  psf_row_mask #(
      .Cfg(Cfg)
  ) u_mask (
      .clk_i,
      .rst_ni,
      .mask_valid_i,
      .mask_addr_i,
      .mask_data_i,
      .enable_i    (layer_i.mask_lines != '0 && !key_value),
      .addr_i      (mask_tap_q + mask_line_q),
      .line_valid_i,
      .line_i,
      .invert_i    (invert),
      .outside_i   (outside_q),
      .line_valid_o(line_valid),
      .line_o      (line),
      .parity_o
  );

  assign full = filled_q[line_half_q] == (PatchWidth + 1)'(Cfg.PatchLines);
  assign line_write = line_valid && !full;
  assign idle_o = !fetching_q && !pending_q && !line_valid;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {pending_q, outside_q, overrun_o} <= '0;
    end else begin
      pending_q <= accept;
      outside_q <= outside;
      overrun_o <= (accept && !outside && beyond) || (line_valid && full);
    end
  end

  psf_ram_1r1w #(
      .Width(LineWidth),
      .Depth(2 * Cfg.PatchLines)
  ) u_patch (
      .clk_i,
      .we_i   (line_write),
      .waddr_i({line_half_q, filled_q[line_half_q][PatchWidth-1:0]}),
      .wdata_i(line),
      .re_i   (patch_read_i),
      .raddr_i({scan_q, patch_index_i}),
      .rdata_o(read_line)
  );

  // The register behind the RAM, whose output comes late in a cycle.
  always_ff @(posedge clk_i) if (patch_advance_i) patch_line_o <= read_line;

  if ((1 << PatchWidth) != Cfg.PatchLines) begin : gen_bad_patch
    $fatal(1, "psf_patch_fetch: PatchLines must be a power of two");
  end

  // A line leaves the mask two cycles after its request. The earliest new token is taken one cycle
  // after the last request, hence the half of the cycle before.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!(token_valid_i && !room_o));
      assert (!line_valid_i || (pending_q && !outside_q));
      assert (!(line_write && patch_read_i &&
          {line_half_q, filled_q[line_half_q][PatchWidth-1:0]} == {scan_q, patch_index_i}));
      assert (!(patch_release_i && !patch_valid_o));
    end
  end
endmodule
