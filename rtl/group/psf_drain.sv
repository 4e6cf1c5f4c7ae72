// SPDX-License-Identifier: Apache-2.0
// Control of a group's drain: walks the J accumulators of a finished accumulation and steers them
// through three stages: 0 read accumulator, parameters and residual word; 1 bias, residual; 2 LIF,
// hand out spikes, residual word, logits or key-value counts. Also keeps the tokens in flight (in
// order) and tells which timestep an accumulation is. One accumulator word per cycle for spikes and
// residuals, one in three for key-value and head (their receivers are shared). Stage 0 waits for
// the residual bank and for room in the line writer, so that stages 1 and 2 never stall for spikes.
// Golden: golden.contract.model.
module psf_drain #(
    parameter int unsigned Depth = 16,
    localparam int unsigned IndexWidth = $clog2(Depth)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,  // first cycle of a layer
    input psf_pkg::layer_t layer_i,
    // tokens in the order of their accumulations
    output logic token_room_o,
    input logic token_valid_i,
    input psf_pkg::token_t token_i,
    // accumulations
    input logic [1:0] complete_i,
    output logic [1:0] reopen_o,
    // stage 0
    input logic hold_i,  // keep stage 0 back
    output logic stream_o,  // stage 0 wants a residual word ...
    input logic stream_ready_i,  // ... and gets it
    output logic read_o,  // stage 0 goes
    output logic buffer_o,
    output logic clear_o,
    output logic [IndexWidth-1:0] index_o,
    output psf_pkg::token_t token_o,
    output logic [7:0] step_o,
    output logic [15:0] word_o,  // output word within the token
    output logic first_step_o,
    output logic token_last_o,  // last word of the token
    output logic idle_o,
    output logic parity_o  // a bit of a waiting token has flipped
);
  logic buffer_q;
  logic [7:0] index_q, step_q;
  logic [15:0] step_word_q;  // first output word of the step
  logic token_there, token_error, index_last, step_last, ready, finish, per_token;

  assign per_token = layer_i.merge || layer_i.mode == psf_pkg::MODE_KEY_VALUE;
  assign ready = complete_i[buffer_q] && token_there && !hold_i;
  assign stream_o = ready && layer_i.mode == psf_pkg::MODE_RESIDUAL;
  assign read_o = ready && (!stream_o || stream_ready_i);
  assign index_last = index_q + 8'd1 == layer_i.out_words;
  assign step_last = per_token || step_q + 8'd1 == layer_i.steps;
  // The buffer is free unless it is to be drained again (first convolution).
  assign finish = read_o && index_last && (step_last || !layer_i.repeat_drain);
  assign clear_o = read_o && (step_last || !layer_i.repeat_drain);
  assign reopen_o = 2'(finish) << buffer_q;

  assign buffer_o = buffer_q;
  assign index_o = IndexWidth'(index_q);
  assign step_o = step_q;
  assign word_o = step_word_q + {8'd0, index_q};
  assign first_step_o = step_q == 8'd0;
  assign token_last_o = index_last && step_last;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      buffer_q <= 1'b0;
    end else begin
      if (start_i) buffer_q <= 1'b0;
      else if (finish) buffer_q <= !buffer_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      index_q <= '0;
      step_q <= '0;
      step_word_q <= {8'd0, layer_i.out_first};
    end else if (read_o) begin
      index_q <= index_last ? 8'd0 : index_q + 8'd1;
      if (index_last) begin
        step_q <= step_last ? 8'd0 : step_q + 8'd1;
        step_word_q <= step_last ? {8'd0, layer_i.out_first}
            : step_word_q + {8'd0, layer_i.out_step};
      end
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
      .out_ready_i(read_o && token_last_o),
      .out_data_o (token_o),
      .error_o    (token_error)
  );
  assign idle_o = !token_there;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) parity_o <= 1'b0;
    else parity_o <= token_error;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!(token_valid_i && !token_room_o));
      assert (!(read_o && layer_i.out_words == 8'd0));
    end
  end
endmodule
