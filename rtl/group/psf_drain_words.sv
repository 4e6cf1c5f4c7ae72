// SPDX-License-Identifier: Apache-2.0
// Says which word each current is that leaves a group's drain, in the order in which psf_drain hands
// them out: window after window, word j after word j, timestep t after timestep t of the window.
//   place in the spikes of the token = ((t div wl)*out_step + out_first + j)*wl + t mod wl
//   word of the residual stream      = t*out_step + out_first + j        (also of logits)
// with wl = 2^out_block. With repeat_drain there is one current for all timesteps: it is used
// `steps` times. Keeps the tokens in flight, in order. One word a cycle; waits for hold_i and for the
// residual bank. The next word is always ready in registers. Golden: golden.hardware.execute.emulator.
module psf_drain_words #(
    parameter int unsigned IndexWidth = 4  // bits of j
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,  // first cycle of a layer
    input psf_pkg::layer_t layer_i,
    // tokens in the order of their accumulations
    output logic token_room_o,
    input logic token_valid_i,
    input psf_pkg::token_t token_i,
    // currents
    input logic current_valid_i,  // of the word below
    output logic current_ready_o,
    // stage 0
    input logic hold_i,  // keep it back
    output logic stream_o,  // it wants a residual word ...
    input logic stream_ready_i,  // ... and gets it
    output logic go_o,
    output psf_pkg::token_t token_o,
    output logic [IndexWidth-1:0] index_o,  // j
    output logic [7:0] step_o,
    output logic [15:0] place_o,
    output logic [15:0] word_o,
    output logic first_step_o,
    output logic first_o,  // first step of the window
    output logic token_last_o,  // last word of the token
    output logic idle_o,  // no word
    output logic parity_o  // a bit of a waiting token has flipped
);
  // Step of the window, offset in it; for each the place and the word: where the window began, of the
  // current j at its first step, and now.
  typedef struct packed {
    logic [15:0] place;
    logic [15:0] word;
  } at_t;
  at_t now_q, row_q, next_q, row_d, now_d, start, stepped;
  logic [7:0] index_q, step_q, offset_q, length_q, step_d, first_step;
  logic token_there, token_error, ready, per_token, index_last, offset_last, window_last, finish;
  logic token_last;
  psf_pkg::token_t token;
  logic [7:0] window_end;
  logic [2:0] block;  // wl
  logic block_last;

  // The next word, and whether it is the last one with its current.
  typedef struct packed {
    psf_pkg::token_t token;
    logic [IndexWidth-1:0] index;
    logic [7:0] step;
    at_t at;
    logic first;
    logic last;
    logic pop;
  } word_t;
  word_t word_q;
  logic valid_q, step;

  assign per_token = layer_i.merge || layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign step = token_there && (!valid_q || go_o);
  assign ready = current_valid_i && valid_q && !hold_i;
  assign stream_o = ready && layer_i.mode == psf_pkg::MODE_RESIDUAL;
  assign go_o = ready && (!stream_o || stream_ready_i);
  assign index_last = index_q + 8'd1 == layer_i.out_words;
  assign offset_last = offset_q + 8'd1 == length_q;
  assign window_end = first_step + length_q;
  assign window_last = per_token || layer_i.repeat_drain || window_end >= layer_i.steps;
  assign current_ready_o = go_o && word_q.pop;
  assign finish = index_last && offset_last;

  assign token_last = finish && window_last;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) valid_q <= 1'b0;
    else if (step) valid_q <= 1'b1;
    else if (go_o) valid_q <= 1'b0;
  end
  always_ff @(posedge clk_i) begin
    if (step) begin
      word_q <= '{
          token: token,
          index: IndexWidth'(index_q),
          step: step_q,
          at: now_q,
          first: offset_q == 8'd0,
          last: token_last,
          pop: offset_last || !layer_i.repeat_drain
      };
    end
  end
  assign token_o = word_q.token;
  assign index_o = word_q.index;
  assign step_o = word_q.step;
  assign place_o = word_q.at.place;
  assign word_o = word_q.at.word;
  assign first_step_o = word_q.step == 8'd0;
  assign first_o = word_q.first;
  assign token_last_o = word_q.last;

  // One timestep on, in memory and in the stream.
  assign block = 3'd1 << layer_i.out_block;
  assign block_last = (step_q[2:0] & (block - 3'd1)) == block - 3'd1;
  assign first_step = step_q - offset_q;
  assign start = '{
          place: {8'd0, layer_i.out_first} << layer_i.out_block,
          word: {8'd0, layer_i.out_first}
      };
  always_comb begin
    stepped.place = now_q.place + 16'd1;
    if (block_last) begin
      stepped.place = now_q.place + 16'd1 - 16'(block)
          + ({8'd0, layer_i.out_step} << layer_i.out_block);
    end
    stepped.word = now_q.word + {8'd0, layer_i.out_step};
    row_d = '{place: row_q.place + 16'(block), word: row_q.word + 16'd1};
    step_d = step_q;
    now_d = now_q;
    if (start_i || (step && token_last)) begin
      step_d = '0;
      now_d  = start;
    end else if (step && finish) begin
      step_d = window_end;
      now_d  = index_q == 8'd0 ? stepped : next_q;
    end else if (step && offset_last) begin
      step_d = first_step;
      now_d  = row_d;
    end else if (step) begin
      step_d = step_q + 8'd1;
      now_d  = stepped;
    end
  end

  always_ff @(posedge clk_i) begin
    step_q <= step_d;
    now_q  <= now_d;
    if (start_i || (step && finish)) row_q <= now_d;
    else if (step && offset_last) row_q <= row_d;
    if (step && offset_last && index_q == 8'd0) next_q <= stepped;  // where the next window begins
    if (start_i) index_q <= '0;
    else if (step && offset_last) index_q <= index_last ? 8'd0 : index_q + 8'd1;
    if (start_i || (step && offset_last)) offset_q <= '0;
    else if (step) offset_q <= offset_q + 8'd1;
    if (start_i || (step && finish)) begin
      length_q <= per_token ? 8'd1 : layer_i.repeat_drain ? layer_i.steps
          : 8'(psf_group_pkg::steps_left(layer_i.steps, step_d, layer_i.window));
    end
  end

  psf_fifo #(
      .Width($bits(psf_pkg::token_t)),
      .Depth(8)
  ) u_tokens (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (token_valid_i),
      .in_ready_o (token_room_o),
      .in_data_i  (token_i),
      .out_valid_o(token_there),
      .out_ready_i(step && token_last),
      .out_data_o (token),
      .error_o    (token_error)
  );
  assign idle_o = !token_there && !valid_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) parity_o <= 1'b0;
    else parity_o <= token_error;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) assert (!(token_valid_i && !token_room_o));
  end
endmodule
