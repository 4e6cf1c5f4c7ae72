// SPDX-License-Identifier: Apache-2.0
// The neurons of a group, one psf_neuron in every lane, and their membranes. Within a window of
// timesteps, and while one neuron follows itself, a membrane stays in its lane; between windows it lies
// in psf_membranes. Cycles t to t + 4 as in psf_neuron. parity_o: of cycle t + 6, a membrane that was
// read has changed. Golden: golden.contract.neuron.lif_step.
module psf_neurons #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth)
) (
    input logic clk_i,
    input logic rst_ni,
    // of the layer
    input logic residual_i,
    input logic no_stream_i,
    // cycle t
    input logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] params_i,  // bias, theta2 of each lane
    input logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] current_i,
    input logic [Cfg.Lanes*Cfg.StreamWidth-1:0] stream_i,
    input logic [15:0] start_i,
    output logic [Cfg.Lanes-1:0] param_parity_o,  // of cycle t + 1
    input logic [4:0] valid_i,  // bit k: of cycle t + k
    // cycle t + 3
    input logic next_first_i,  // first timestep
    input logic [IndexWidth-1:0] next_index_i,
    // cycle t + 4
    input logic [IndexWidth-1:0] index_i,  // holds until the next valid one
    input logic keep_i,  // last step of a window that another one follows
    output logic [Cfg.Lanes-1:0] spike_o,
    output logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] value_o,
    output logic parity_o
);
  logic [Cfg.Lanes-1:0] left_parity;
  logic [Cfg.Lanes-1:0][Cfg.AccWidth:0] stored, left;

  // The next step begins, goes on where the one before left off, or takes its membrane from the memory.
  logic follows, take, take_q;
  assign follows = !next_first_i && next_index_i == index_i;
  assign take = !next_first_i && next_index_i != index_i;
  always_ff @(posedge clk_i) if (valid_i[3]) take_q <= take;

  psf_membranes #(
      .Lanes(Cfg.Lanes),
      .Depth(Cfg.AccDepth),
      .Width(Cfg.AccWidth + 1)
  ) u_membranes (
      .clk_i,
      .rst_ni,
      .read_i       (valid_i[3] && take),
      .read_index_i (next_index_i),
      .stored_o     (stored),
      .write_i      (valid_i[4] && keep_i),
      .write_index_i(index_i),
      .left_i       (left),
      .parities_i   (left_parity),
      .parity_o
  );

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    psf_neuron #(
        .AccWidth(Cfg.AccWidth),
        .StreamWidth(Cfg.StreamWidth)
    ) u_neuron (
        .clk_i,
        .residual_i,
        .no_stream_i,
        .bias_i        (params_i[p*2*Cfg.AccWidth+:Cfg.AccWidth]),
        .theta2_i      (params_i[(p*2+1)*Cfg.AccWidth+:Cfg.AccWidth]),
        .current_i     (current_i[p]),
        .stream_i      (stream_i[p*Cfg.StreamWidth+:Cfg.StreamWidth]),
        .start_i,
        .param_parity_o(param_parity_o[p]),
        .valid_i,
        .forget_i      (valid_i[3] && !follows),
        .take_i        (take_q),
        .stored_i      (stored[p]),
        .value_o       (value_o[p]),
        .spike_o       (spike_o[p]),
        .left_o        (left[p]),
        .left_parity_o (left_parity[p])
    );
  end
endmodule
