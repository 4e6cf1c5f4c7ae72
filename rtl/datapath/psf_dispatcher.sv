// SPDX-License-Identifier: Apache-2.0
// Hands the tokens of a layer, in raster order, to whichever group asks: dynamic balance over
// tokens with different firing rates. All addresses are running sums, so no multiplier is needed. A
// sum that leaves its 16 bits (block: 8) keeps the bit above set from then on, so that nobody takes
// it for an address on the chip. A token is a pixel (n), or for key-value layers a unit (block u =
// row, step t = column). The pixels of several images follow each other, and so do pooled rows. First
// grant in the cycle after start_i, one token per cycle, stalls while no group asks.
// Golden: golden.hardware.compile (layout rules in docs/reference/formats.md).
module psf_dispatcher #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,  // first cycle of a layer
    input psf_pkg::layer_t layer_i,  // stable while the layer runs
    output logic done_o,  // every token has been granted
    input logic [Cfg.Groups-1:0] request_i,  // the group can take a token
    output logic [Cfg.Groups-1:0] grant_o,  // one-hot, the token_o goes there
    output psf_pkg::token_t token_o
);
  localparam int unsigned GroupWidth = $clog2(Cfg.Groups);
  localparam int unsigned WordWidth = $clog2(Cfg.LineWords);

  if (Cfg.Groups < 2 || (1 << GroupWidth) != Cfg.Groups) begin : gen_bad_groups
    $fatal(1, "psf_dispatcher: Groups must be a power of two of at least 2");
  end

  // Running sum; bit 16 stays.
  function automatic logic [16:0] add(logic [16:0] sum, logic [15:0] term);
    return sum[16] ? sum : sum + {1'b0, term};
  endfunction

  logic busy_q, busy_d;
  logic [15:0] x_q, x_d, y_q, y_d, index_q, index_d;
  logic [7:0] left_q, left_d;  // images behind this one
  logic [16:0] line_q, line_d, out_q, out_d, out_row_q, out_row_d;
  logic [16:0] stream_q, stream_d, word_q, word_d, word_row_q, word_row_d;
  logic [16:0] dump_q, dump_d, dump_row_q, dump_row_d;
  logic [8:0] block_q, block_d;
  logic [GroupWidth-1:0] turn_q, turn_d;
  logic [15:0] end_x_q, end_y_q;  // of the layer: last column, last row
  logic [15:0] jump_q;  // words to the next block of timesteps

  logic key_value, last_x, last_y, low_end, take, block_last;
  logic [ 2:0] block;  // timesteps side by side
  logic [15:0] out_step;  // lines of what a token writes
  assign out_step = {7'd0, layer_i.pair ? {layer_i.out_lines, 1'b0} : {1'b0, layer_i.out_lines}};
  assign block = 3'd1 << layer_i.in_block;
  assign block_last = (x_q[2:0] & (block - 3'd1)) == block - 3'd1;
  assign key_value = layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign last_x = x_q == end_x_q;
  assign last_y = y_q == end_y_q;
  assign low_end = last_y && !layer_i.below;
  assign take = busy_q && (|request_i);
  assign done_o = !busy_q && !start_i;

  // Rotating priority: the first asking group at or after turn_q.
  logic [2*Cfg.Groups-1:0] doubled, first;
  assign doubled = {request_i, request_i} & ~((2 * Cfg.Groups)'((1 << turn_q) - 1));
  assign first   = doubled & (~doubled + (2 * Cfg.Groups)'(1));
  assign grant_o = busy_q ? (first[Cfg.Groups-1:0] | first[2*Cfg.Groups-1:Cfg.Groups]) : '0;

  always_comb begin
    turn_d = turn_q;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      if (grant_o[g]) turn_d = GroupWidth'(g + 1);
    end
  end

  // Taps inside the image: row 0 misses the upper three, and so on, but where a stripe of a larger
  // image ends. Key-value: a word beyond 2^16 is in no pixel.
  logic [ 2:0] column;
  logic [16:0] unit_line;
  assign column = {!last_x, 1'b1, x_q != 16'd0};
  assign unit_line = {1'b0, layer_i.in_base} + {1'b0, word_q[15:0] >> WordWidth};
  assign token_o = '{
          index: index_q,
          line: key_value ? {word_q[16] || unit_line[16], unit_line[15:0]} : line_q,
          taps:
          layer_i.kernel3
          ?
          {low_end ? 3'd0 : column, column, y_q == 16'd0 && !layer_i.above ? 3'd0 : column}
          : 9'd1,
          word: 8'(word_q[WordWidth-1:0]),
          out: out_q,
          right: layer_i.pool && x_q[0] && !last_x,
          down: layer_i.pool && y_q[0] && !low_end,
          place: {y_q[0], x_q[0]},
          bank: 8'(index_q[GroupWidth-1:0]),
          stream: stream_q,
          dump: dump_q,
          block: block_q
      };

  always_comb begin
    busy_d = busy_q;
    x_d = x_q;
    y_d = y_q;
    left_d = left_q;
    index_d = index_q;
    line_d = line_q;
    out_d = out_q;
    out_row_d = out_row_q;
    stream_d = stream_q;
    word_d = word_q;
    word_row_d = word_row_q;
    dump_d = dump_q;
    dump_row_d = dump_row_q;
    block_d = block_q;
    if (start_i) begin
      busy_d = 1'b1;
      x_d = '0;
      y_d = '0;
      left_d = layer_i.images;
      index_d = '0;
      line_d = {1'b0, layer_i.in_base};
      out_d = {1'b0, layer_i.out_base};
      out_row_d = {1'b0, layer_i.out_base};
      stream_d = '0;
      word_d = {9'd0, layer_i.in_first} << layer_i.in_block;
      word_row_d = word_d;
      dump_d = {1'b0, layer_i.dump_base};
      dump_row_d = {1'b0, layer_i.dump_base};
      block_d = '0;
    end else if (take) begin
      index_d = index_q + 16'd1;
      line_d  = add(line_q, {8'd0, layer_i.in_lines});
      if (&index_q[GroupWidth-1:0]) stream_d = add(stream_q, layer_i.stream_stride);
      if (!last_x) begin
        x_d = x_q + 16'd1;
        word_d = add(word_q, block_last ? jump_q : 16'd1);
        dump_d = add(dump_q, layer_i.dump_step);
        if (!layer_i.pool || x_q[0]) out_d = add(out_q, out_step);
      end else begin
        x_d = '0;
        y_d = last_y ? '0 : y_q + 16'd1;
        if (last_y) {busy_d, left_d} = {left_q != '0, left_q - 8'd1};
        word_row_d = add(word_row_q, {7'd0, layer_i.head_words, 1'b0} << layer_i.in_block);
        word_d = word_row_d;
        dump_row_d = add(dump_row_q, layer_i.dump_block);
        dump_d = dump_row_d;
        block_d = block_q[8] ? block_q : block_q + {1'b0, layer_i.head_words};
        if (!layer_i.pool) begin
          out_d = add(out_q, out_step);
        end else begin
          if (y_q[0] || last_y) out_row_d = add(out_row_q, layer_i.out_row_lines);
          out_d = out_row_d;
        end
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {busy_q, turn_q} <= '0;
    end else begin
      busy_q <= busy_d;
      turn_q <= turn_d;
    end
  end

  always_ff @(posedge clk_i) begin
    x_q <= x_d;
    y_q <= y_d;
    left_q <= left_d;
    index_q <= index_d;
    line_q <= line_d;
    out_q <= out_d;
    out_row_q <= out_row_d;
    stream_q <= stream_d;
    word_q <= word_d;
    word_row_q <= word_row_d;
    dump_q <= dump_d;
    dump_row_q <= dump_row_d;
    block_q <= block_d;
    end_x_q <= layer_i.width - 16'd1;
    end_y_q <= layer_i.height - 16'd1;
    jump_q <= 16'd1 - 16'(block) + ({8'd0, layer_i.in_step} << layer_i.in_block);
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert ($onehot0(grant_o));
      assert ((grant_o & ~request_i) == '0);
    end
  end
endmodule
