// SPDX-License-Identifier: Apache-2.0
// One lane of the drain of spike and residual layers, from a current to a spike, in four stages; a
// current a cycle, no stalls. With what is at the inputs in cycle t:
//   t     bias, theta2, the residual word and the current are registered
//   t + 1 x = current + bias
//   t + 2 value = base + (x << shift), base = residual word or start, as the layer has it
//   t + 3 margin = value - theta2
//   t + 4 value_o = value, spike_o = LIF(value); first_i: the neuron is at rest
// valid_i, first_i and index_i belong to cycle t + 4. The compiler bounds every current by
// 2^(AccWidth-2) and the stream by its width. param_parity_o, of cycle t + 1: bias and theta2 have an
// odd number of ones; membrane_parity_o: see psf_lif. Golden: golden.contract.neuron.lif_step.
module psf_neuron #(
    parameter int unsigned Depth = 16,
    parameter int unsigned AccWidth = 20,
    parameter int unsigned StreamWidth = 16,
    localparam int unsigned IndexWidth = $clog2(Depth)
) (
    input  logic                   clk_i,
    input  logic                   rst_ni,
    // of the layer
    input  logic                   residual_i,
    input  logic                   no_stream_i,       // the stream starts here
    input  logic [            2:0] shift_i,
    // cycle t
    input  logic [   AccWidth-1:0] bias_i,
    input  logic [   AccWidth-1:0] theta2_i,
    input  logic [   AccWidth-1:0] current_i,
    input  logic [StreamWidth-1:0] stream_i,
    input  logic [           15:0] start_i,           // of spike layers
    output logic                   param_parity_o,
    // cycle t + 4
    input  logic                   valid_i,
    input  logic                   first_i,
    input  logic [ IndexWidth-1:0] index_i,
    output logic                   spike_o,
    output logic [   AccWidth-1:0] value_o,           // what it fired on
    output logic                   membrane_parity_o
);
  logic [AccWidth-1:0] bias_q, current_q, base_q, base2_q, x_q, shifted, value_q;
  logic [3:1][AccWidth-1:0] theta2_q;
  logic [AccWidth:0] margin_q;
  assign shifted = residual_i ? x_q << shift_i : x_q;
  assign param_parity_o = ^{theta2_q[1], bias_q};

  always_ff @(posedge clk_i) begin
    bias_q <= bias_i;
    theta2_q <= {theta2_q[2:1], theta2_i};
    current_q <= current_i;
    if (!residual_i) base_q <= AccWidth'(start_i);
    else base_q <= no_stream_i ? '0 : AccWidth'($signed(stream_i));
    base2_q <= base_q;
    x_q <= current_q + bias_q;
    value_q <= base2_q + shifted;
    value_o <= value_q;
    // One bit more: a threshold may lie anywhere.
    margin_q <= {value_q[AccWidth-1], value_q} - {theta2_q[3][AccWidth-1], theta2_q[3]};
  end

  psf_lif #(
      .Depth(Depth),
      .Width(AccWidth)
  ) u_lif (
      .clk_i,
      .rst_ni,
      .valid_i,
      .first_i,
      .index_i,
      .current_i(value_o),
      .margin_i (margin_q),
      .spike_o,
      .parity_o (membrane_parity_o)
  );
endmodule
