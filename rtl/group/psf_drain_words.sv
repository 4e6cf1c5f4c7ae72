// SPDX-License-Identifier: Apache-2.0
// Says which word each current is that leaves a group's drain, in the order in which psf_drain hands
// them out: window after window, word j after word j, timestep t after timestep t of the window.
//   place in the spikes of the token = ((t div wl)*out_step + out_first + j)*wl + t mod wl
//   word of the residual stream      = t*out_step + out_first + j        (also of logits)
// with wl = 2^out_block. With repeat_drain there is one current for all timesteps: it is used
// `steps` times. Keeps the tokens in flight, in order. One word a cycle; waits for hold_i and for the
// residual bank. The next word is always ready in registers. Golden: golden.hardware.execute.emulator.
module psf_drain_words #(
    parameter int unsigned IndexWidth = 4,  // bits of j
    parameter bit Parity = 1'b1  // 0: parity_o stays low
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
    output logic keep_o,  // last step of a window that another one follows
    output logic idle_o,  // no word
    output logic parity_o  // a bit of a waiting token has flipped
);
  // Place and word: of the current j now, of the next j at the first step of the window, and where the
  // next window begins.
  typedef struct packed {
    logic [15:0] base;  // place / wl
    logic [15:0] word;
  } at_t;
  at_t now_q, row_q, next_q, now_d;
  logic token_there, token_error, ready, per_token, index_last, offset_last, window_last, finish;
  logic token_last;
  psf_pkg::token_t token;
  // Window: its first step, its steps less one, how many follow it; to go: currents of this word.
  logic [7:0] index_q, last_index_q, step_q, step_d, begin_q, length_q, windows_q, to_go_q;
  logic first_q;  // the first current of a word
  logic start_q;
  logic [2:0] block;  // wl
  logic block_last;

  // The next word, and whether it is the last one with its current.
  typedef struct packed {
    psf_pkg::token_t token;
    logic [IndexWidth-1:0] index;
    logic [7:0] step;
    logic [15:0] place;
    logic [15:0] word;
    logic first;
    logic last;
    logic keep;
    logic pop;
  } word_t;
  word_t word_q;
  logic valid_q, step;

  assign per_token = layer_i.merge || layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign step = token_there && (!valid_q || go_o);
  assign ready = current_valid_i && valid_q && !hold_i;
  assign stream_o = ready && layer_i.mode == psf_pkg::MODE_RESIDUAL;
  assign go_o = ready && (!stream_o || stream_ready_i);
  assign index_last = index_q == last_index_q;
  assign offset_last = to_go_q == 8'd0;
  assign window_last = windows_q == 8'd0;
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
          place: (now_q.base << layer_i.out_block) | {13'd0, step_q[2:0] & (block - 3'd1)},
          word: now_q.word,
          first: first_q,
          last: token_last,
          keep: offset_last && !window_last,
          pop: offset_last || !layer_i.repeat_drain
      };
    end
  end
  assign token_o = word_q.token;
  assign index_o = word_q.index;
  assign step_o = word_q.step;
  assign place_o = word_q.place;
  assign word_o = word_q.word;
  assign first_step_o = word_q.step == 8'd0;
  assign first_o = word_q.first;
  assign token_last_o = word_q.last;
  assign keep_o = word_q.keep;

  // One timestep on, in memory and in the stream.
  assign block = 3'd1 << layer_i.out_block;
  assign block_last = (step_q[2:0] & (block - 3'd1)) == block - 3'd1;
  at_t stepped, besides;  // the next step, the next j
  assign stepped.base = now_q.base + (block_last ? {8'd0, layer_i.out_step} : 16'd0);
  assign stepped.word = now_q.word + {8'd0, layer_i.out_step};
  assign besides = '{base: now_q.base + 16'd1, word: now_q.word + 16'd1};
  always_comb begin
    step_d = step_q + 8'd1;
    now_d  = stepped;
    if (start_q || token_last) begin
      step_d = '0;
      now_d  = {2{8'd0, layer_i.out_first}};
    end else if (offset_last) begin
      if (!index_last) step_d = begin_q;
      if (index_last && index_q != 8'd0) now_d = next_q;
      if (!index_last) now_d = first_q ? besides : row_q;
    end
  end

  // Windows of a token: all are whole, but for the last one.
  logic restart;
  logic [1:0] last_length_q, whole;
  logic [7:0] steps, first_length_q, first_windows_q, next_length;
  assign steps = layer_i.steps - 8'd1;
  assign whole = layer_i.window == 2'd0 ? 2'd0 : layer_i.window == 2'd1 ? 2'd1 : 2'd3;
  always_ff @(posedge clk_i) begin
    last_index_q <= layer_i.out_words - 8'd1;
    last_length_q <= steps[1:0] & whole;
    first_windows_q <= per_token || layer_i.repeat_drain ? 8'd0 : steps >> layer_i.window;
    if (layer_i.repeat_drain) first_length_q <= steps;
    else if (per_token) first_length_q <= '0;
    else first_length_q <= 8'(steps >> layer_i.window == 8'd0 ? steps[1:0] : whole);
  end
  assign restart = start_q || window_last;
  assign next_length = restart ? first_length_q : 8'(windows_q == 8'd1 ? last_length_q : whole);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) start_q <= 1'b0;
    else start_q <= start_i;  // when what is known of the layer is in registers
  end
  always_ff @(posedge clk_i) begin
    if (start_q || step) begin
      step_q <= step_d;
      now_q  <= now_d;
    end
    if (step && first_q) row_q <= besides;
    if (step && offset_last && index_q == 8'd0) next_q <= stepped;  // where the next window begins
    if (start_q) index_q <= '0;
    else if (step && offset_last) index_q <= index_last ? 8'd0 : index_q + 8'd1;
    if (start_q || (step && finish)) begin
      begin_q   <= step_d;
      length_q  <= next_length;
      windows_q <= restart ? first_windows_q : windows_q - 8'd1;
    end
    if (start_q || (step && finish)) to_go_q <= next_length;
    else if (step) to_go_q <= offset_last ? length_q : to_go_q - 8'd1;
    if (start_q || step) first_q <= start_q || offset_last;
  end

  psf_fifo #(
      .Width ($bits(psf_pkg::token_t)),
      .Depth (8),
      .Parity(Parity)
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
    if (rst_ni) begin
      assert (!(token_valid_i && !token_room_o));
      assert (!(step && (start_i || start_q)));
    end
  end
endmodule
