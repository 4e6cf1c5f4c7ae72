// SPDX-License-Identifier: Apache-2.0
// The P lanes of a group. A weight word or the bits of a V word is added in all of them at once; an
// accumulator word is read for the drain beside it. After reset one sweep sets both buffers to zero
// (ready_o is low until it ends; 2 * AccDepth cycles), afterwards drain_clear_i keeps them so.
// Latency 1 from add to accumulator and from drain_index_i to acc_o; no stalls. parity_o, overrun_o:
// as in psf_lane, over all lanes, parity_o one cycle later. Golden: golden.contract.model.matmul.
module psf_lanes #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned SlotWidth = IndexWidth + 8
) (
    input logic clk_i,
    input logic rst_ni,
    output logic ready_o,
    input logic key_value_i,  // add kv_*, else word_*
    input logic word_valid_i,
    input logic word_buffer_i,
    input logic [2:0] word_shift_i,
    input logic [Cfg.Lanes*SlotWidth-1:0] word_data_i,  // a {index, weight} for each lane
    input logic kv_valid_i,
    input logic kv_buffer_i,
    input logic [IndexWidth-1:0] kv_index_i,
    input logic [Cfg.Lanes-1:0] kv_bits_i,
    input logic drain_valid_i,
    input logic drain_buffer_i,
    input logic drain_clear_i,
    input logic [IndexWidth-1:0] drain_index_i,
    output logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] acc_o,
    output logic parity_o,
    output logic overrun_o
);
  logic add_valid, add_buffer;
  logic [Cfg.Lanes-1:0] parity, overrun;
  logic [Cfg.Lanes-1:0][Cfg.AccWidth-1:0] acc;
  assign add_valid  = word_valid_i || kv_valid_i;
  assign add_buffer = key_value_i ? kv_buffer_i : word_buffer_i;

  logic [IndexWidth:0] sweep_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {sweep_q, ready_o} <= '0;
    end else if (!ready_o) begin
      sweep_q <= sweep_q[IndexWidth-1:0] == IndexWidth'(Cfg.AccDepth - 1)
          ? {!sweep_q[IndexWidth], {IndexWidth{1'b0}}} : sweep_q + (IndexWidth + 1)'(1);
      ready_o <= sweep_q == {1'b1, IndexWidth'(Cfg.AccDepth - 1)};
    end
  end

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    logic [SlotWidth-1:0] slot;
    assign slot = word_data_i[p*SlotWidth+:SlotWidth];
    psf_lane #(
        .Depth(Cfg.AccDepth),
        .AccWidth(Cfg.AccWidth)
    ) u_lane (
        .clk_i,
        .rst_ni,
        .add_valid_i   (add_valid),
        .add_buffer_i  (add_buffer),
        .add_index_i   (key_value_i ? kv_index_i : slot[SlotWidth-1:8]),
        .add_weight_i  (key_value_i ? {7'd0, kv_bits_i[p]} : slot[7:0]),
        .add_shift_i   (key_value_i ? 3'd0 : word_shift_i),
        .drain_valid_i,
        .drain_buffer_i(ready_o ? drain_buffer_i : sweep_q[IndexWidth]),
        .drain_index_i (ready_o ? drain_index_i : sweep_q[IndexWidth-1:0]),
        .drain_clear_i (!ready_o || drain_clear_i),
        .drain_acc_o   (acc[p]),
        .parity_o      (parity[p]),
        .overrun_o     (overrun[p])
    );
  end
  assign overrun_o = |overrun;

  always_ff @(posedge clk_i) acc_o <= acc;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) parity_o <= 1'b0;
    else parity_o <= |parity;
  end

  // The lanes never add to the buffer that is being drained.
  always_ff @(posedge clk_i) begin
    if (rst_ni && ready_o) begin
      assert (!(add_valid && drain_clear_i && add_buffer == drain_buffer_i));
    end
  end
endmodule
