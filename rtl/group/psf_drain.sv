// SPDX-License-Identifier: Apache-2.0
// Reads the finished accumulations of a group and adds up the currents of the single timesteps. An
// accumulation holds J words for each firing pattern that occurred in its window of w' steps:
//   current[t] of word j = sum over the patterns p that contain t of acc[p][j]
// For one j after the other it reads the patterns in numeric order, one a cycle, clears what it
// read, and hands out current[0] .. current[w'-1] of the word through a queue. A word takes the
// largest of 1, w' and, for every pattern, its highest step plus the patterns from it on:
// current[t] leaves before the next word's first pattern with t arrives. No read begins unless the
// queue has room for the word. Latency 5 from the last read_o of a word to its first current. The
// buffer is given back with the last read. touched_i: patterns of each buffer, stable from
// the cycle before it is complete until it is drained. parity_o: a current has changed in the queue.
// Golden: golden.hardware.execute.emulator.
module psf_drain
  import psf_group_pkg::Steps, psf_group_pkg::Sets;
#(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned EntryWidth = $clog2(Cfg.AccDepth * Cfg.Patterns),
    localparam int unsigned ValueWidth = Cfg.Lanes * Cfg.AccWidth
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,  // first cycle of a layer
    input psf_pkg::layer_t layer_i,
    // accumulations
    input logic [1:0] complete_i,
    input logic [1:0][Sets-1:0] touched_i,  // bit p-1: pattern p
    output logic [1:0] reopen_o,
    // lanes; the values come two cycles later
    output logic read_o,
    output logic buffer_o,
    output logic [EntryWidth-1:0] entry_o,
    input logic [Cfg.Lanes-1:0][1:0][Cfg.AccWidth-1:0] acc_i,  // of both buffers, one zero
    // currents, in the order of windows, words and steps
    output logic current_valid_o,
    input logic current_ready_i,
    output logic [ValueWidth-1:0] current_o,
    output logic parity_o
);
  localparam int unsigned QueueDepth = 16;  // more than leave while a word is on its way

  // Which read. Sums restart with every word.
  logic buffer_q, begin_q, word_last, read_last, finish, per_token, go;
  logic [7:0] index_q;
  logic [3:0] index_bits_q;
  logic [2:0] window, before_q;  // its steps, those of the word before
  logic [Sets-1:0] left_q, after, picked;  // patterns of this word, from the next one on
  logic [EntryWidth+3:0] set;
  logic [Steps-1:0] which, pattern;  // pattern 0: nothing fired
  logic [Steps-1:0] seen_q, fires;
  logic [Steps-1:0] open_q;  // bit t: a read of a pattern with t may begin

  assign per_token = layer_i.merge || layer_i.mode == psf_pkg::MODE_KEY_VALUE
      || layer_i.repeat_drain;
  always_ff @(posedge clk_i) index_bits_q <= psf_group_pkg::bits_of(layer_i.out_words);

  psf_windows u_windows (
      .clk_i,
      .rst_ni,
      .start_i,
      .one_i   (per_token),
      .steps_i (layer_i.steps),
      .window_i(layer_i.window),
      .next_i  (finish),
      .steps_o (window),
      .last_o  ()
  );

  assign after  = left_q & (left_q - Sets'(1));
  assign picked = left_q & ~after;
  always_comb begin
    pattern = '0;
    fires   = '0;
    for (int unsigned p = 1; p <= Sets; p++) begin
      if (picked[p-1]) pattern |= Steps'(p);
      if (touched_i[buffer_q][p-1]) fires |= Steps'(p);
    end
  end
  assign read_last = after == '0;
  assign word_last = index_q + 8'd1 == layer_i.out_words;
  assign finish = go && read_last && word_last;

  // Room: what is promised to the queue and has not left it.
  logic [4:0] promised_q;
  logic room, may, taken;
  assign room = promised_q <= 5'(QueueDepth - Steps);
  assign may = (pattern & ~open_q) == '0 && (!read_last || open_q[2'(before_q-3'd1)]);
  assign go = complete_i[buffer_q] && may && room;
  assign taken = current_valid_o && current_ready_i;

  assign which = pattern == '0 ? '0 : pattern - Steps'(1);
  assign set = (EntryWidth + 4)'(which);
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {read_o, reopen_o} <= '0;
    end else begin
      read_o   <= go;
      reopen_o <= 2'(finish) << buffer_q;
    end
  end
  always_ff @(posedge clk_i) begin
    buffer_o <= buffer_q;
    entry_o  <= EntryWidth'(set << index_bits_q) | EntryWidth'(index_q);
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {buffer_q, promised_q} <= '0;
      begin_q <= 1'b1;
      open_q <= '1;
    end else begin
      if (start_i) buffer_q <= 1'b0;
      else if (finish) buffer_q <= !buffer_q;
      if (go) begin_q <= read_last;
      if (go && read_last) open_q <= Steps'(1);
      else open_q <= open_q << 1 | Steps'(1);
      promised_q <= promised_q + (go && read_last ? 5'(window) : 5'd0) - 5'(taken);
    end
  end

  always_ff @(posedge clk_i) begin
    // A word that has not begun has all patterns; they are known before its buffer is complete.
    if (go ? read_last : begin_q) left_q <= touched_i[buffer_q^finish];
    else if (go) left_q <= after;
    if (go && read_last) before_q <= window;
    if (start_i) index_q <= '0;
    else if (go && read_last) index_q <= word_last ? 8'd0 : index_q + 8'd1;
    if (go) seen_q <= read_last ? '0 : (begin_q ? '0 : seen_q) | pattern;
  end

  // With the value: three cycles later what it is added to, one more and it is in the sums.
  typedef struct packed {
    logic [Steps-1:0] adds;
    logic [Steps-1:0] fresh;  // the first pattern with this step
    logic [Steps-1:0] fires;  // with last: a pattern has this step
    logic [2:0] window;
    logic last;
  } item_t;
  item_t item, value_item;
  item_t [2:0] item_q;
  logic [2:0] item_valid_q;
  logic value_item_valid;
  assign value_item = item_q[2];
  assign value_item_valid = item_valid_q[2];
  assign item = '{
          adds: pattern,
          fresh: pattern & ~(begin_q ? '0 : seen_q),
          fires: fires,
          window: window,
          last: read_last
      };
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) item_valid_q <= '0;
    else item_valid_q <= {item_valid_q[1:0], go};
  end
  always_ff @(posedge clk_i) begin
    item_q <= {item_q[1:0], item};
  end

  logic [Cfg.Lanes-1:0][Steps-1:0][Cfg.AccWidth-1:0] sum, sum_q;
  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    for (genvar t = 0; t < Steps; t++) begin : gen_step
      psf_gated_add #(
          .Width(Cfg.AccWidth)
      ) u_add (
          .a_i   (acc_i[p][0]),
          .b_i   (acc_i[p][1]),
          .c_i   (sum_q[p][t]),
          .keep_i(!value_item.fresh[t]),
          .sum_o (sum[p][t])
      );
      always_ff @(posedge clk_i) begin
        if (value_item_valid && value_item.adds[t]) sum_q[p][t] <= sum[p][t];
      end
    end
  end

  // The currents of a word, one a cycle: the register of one step takes its sum, the others are zero.
  logic emit_q, value_valid_q;
  logic [Steps-1:0] emit_step_q;  // one bit is set
  logic [2:0] emit_left_q;
  logic [Steps-1:0] emit_fires_q;
  logic [Steps-1:0][Cfg.Lanes-1:0][Cfg.AccWidth-1:0] value_q;
  logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] value;
  logic emit_begin, emit_end;
  assign emit_begin = value_item_valid && value_item.last;
  assign emit_end   = emit_left_q == 3'd1;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) {emit_q, value_valid_q} <= '0;
    else begin
      if (emit_begin) emit_q <= 1'b1;
      else if (emit_end) emit_q <= 1'b0;
      value_valid_q <= emit_q;
    end
  end
  always_ff @(posedge clk_i) begin
    if (emit_begin) begin
      emit_step_q  <= Steps'(1);
      emit_left_q  <= value_item.window;
      emit_fires_q <= value_item.fires;
    end else begin
      emit_step_q <= emit_step_q << 1;
      emit_left_q <= emit_left_q - 3'd1;
    end
    for (int unsigned t = 0; t < Steps; t++) begin
      for (int unsigned p = 0; p < Cfg.Lanes; p++) begin
        value_q[t][p] <= emit_step_q[t] && emit_fires_q[t] ? sum_q[p][t] : '0;
      end
    end
  end
  always_comb begin
    value = '0;
    for (int unsigned t = 0; t < Steps; t++) value |= value_q[t];
  end

  logic queue_ready, queue_error;
  psf_fifo #(
      .Width (ValueWidth),
      .Depth (QueueDepth),
      .Parity(Cfg.Parity != 0)
  ) u_currents (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (value_valid_q),
      .in_ready_o (queue_ready),
      .in_data_i  (value),
      .out_valid_o(current_valid_o),
      .out_ready_i(current_ready_i),
      .out_data_o (current_o),
      .error_o    (queue_error)
  );
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) parity_o <= 1'b0;
    else parity_o <= queue_error;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!(value_valid_q && !queue_ready));
      assert (!(emit_begin && emit_q && !emit_end));
      assert (!(go && layer_i.out_words == 8'd0));
    end
  end
endmodule
