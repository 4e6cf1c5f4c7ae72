// SPDX-License-Identifier: Apache-2.0
// One lane of the drain of spike and residual layers, from a current to a spike, in four stages; a
// current a cycle, no stalls. With what is at the inputs in cycle t:
//   t     bias, theta2, the residual word and the current are registered
//   t + 1 x = current + bias
//   t + 2 value = base + x, base = residual word or start, as the layer has it
//   t + 3 margin = value - theta2
//   t + 4 value_o = value, spike_o = LIF(value)
// valid_i says for each of these cycles whether it has a current: registers that have none hold.
// take_i and stored_i (psf_lif) belong to cycle t + 4, forget_i to a cycle before one of those. The compiler bounds every current by
// 2^(AccWidth-2) and the stream by its width. param_parity_o, of cycle t + 1: bias and theta2 have an
// odd number of ones; left_parity_o, of cycle t + 5: that of left_o. Golden: golden.contract.neuron.lif_step.
module psf_neuron #(
    parameter int unsigned AccWidth = 20,
    parameter int unsigned StreamWidth = 16
) (
    input  logic                   clk_i,
    // of the layer
    input  logic                   residual_i,
    input  logic                   no_stream_i,     // the stream starts here
    // cycle t
    input  logic [   AccWidth-1:0] bias_i,
    input  logic [   AccWidth-1:0] theta2_i,
    input  logic [   AccWidth-1:0] current_i,
    input  logic [StreamWidth-1:0] stream_i,
    input  logic [           15:0] start_i,         // of spike layers
    output logic                   param_parity_o,
    input  logic [            4:0] valid_i,         // bit k: of cycle t + k
    // cycle t + 4
    input  logic                   forget_i,        // of psf_lif
    input  logic                   take_i,
    input  logic [     AccWidth:0] stored_i,
    output logic                   spike_o,
    output logic [   AccWidth-1:0] value_o,         // what it fired on
    output logic [     AccWidth:0] left_o,          // the membrane after it
    output logic                   left_parity_o
);
  logic [AccWidth-1:0] bias_q, current_q, x_q, value, value_q;
  logic [2:1][AccWidth-1:0] stream_q, start_q;  // zero where the layer has the other one
  logic [3:1][AccWidth-1:0] theta2_q;
  logic [AccWidth:0] margin_q;
  psf_gated_add #(
      .Width  (AccWidth),
      .OrFirst(1'b0)
  ) u_value (
      .a_i   (stream_q[2]),
      .b_i   (start_q[2]),
      .c_i   (x_q),
      .keep_i(1'b1),
      .sum_o (value)
  );
  assign param_parity_o = ^{theta2_q[1], bias_q};

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) begin
      bias_q <= bias_i;
      theta2_q[1] <= theta2_i;
      current_q <= current_i;
      stream_q[1] <= residual_i && !no_stream_i ? AccWidth'($signed(stream_i)) : '0;
      start_q[1] <= residual_i ? '0 : AccWidth'(start_i);
    end
    if (valid_i[1]) begin
      stream_q[2] <= stream_q[1];
      start_q[2] <= start_q[1];
      x_q <= current_q + bias_q;
      theta2_q[2] <= theta2_q[1];
    end
    if (valid_i[2]) begin
      value_q <= value;
      theta2_q[3] <= theta2_q[2];
    end
    if (valid_i[3]) begin
      value_o  <= value_q;
      // One bit more: a threshold may lie anywhere.
      margin_q <= {value_q[AccWidth-1], value_q} - {theta2_q[3][AccWidth-1], theta2_q[3]};
    end
  end

  psf_lif #(
      .Width(AccWidth)
  ) u_lif (
      .clk_i,
      .valid_i  (valid_i[4]),
      .forget_i,
      .take_i,
      .stored_i,
      .current_i(value_o),
      .margin_i (margin_q),
      .spike_o,
      .left_o,
      .parity_o (left_parity_o)
  );
endmodule
