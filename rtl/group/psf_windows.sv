// SPDX-License-Identifier: Apache-2.0
// Which window of timesteps of a token: all have 2^window_i steps, but for the last one, which may be
// cut short. With one_i there is a single window, of one step. next_i goes on to the next window, behind
// the last one to the first of the next token; steps_o and last_o are registers. They are those of the
// layer from the second cycle after start_i on; no next_i before. Golden: tb.unit.group.test_windows.
module psf_windows (
    input  logic       clk_i,
    input  logic       rst_ni,
    input  logic       start_i,   // first cycle of a layer
    input  logic       one_i,     // of the layer, as what follows
    input  logic [7:0] steps_i,   // of a token, at least 1
    input  logic [1:0] window_i,
    input  logic       next_i,
    output logic [2:0] steps_o,
    output logic       last_o
);
  // Of a layer, all less one: steps of a whole window and of the last one, windows.
  logic [7:0] steps, windows, windows_q;
  logic [1:0] whole, whole_q, short_q;
  logic single_q;
  assign steps   = steps_i - 8'd1;
  assign whole   = window_i == 2'd0 ? 2'd0 : window_i == 2'd1 ? 2'd1 : 2'd3;
  assign windows = one_i ? 8'd0 : steps >> window_i;
  always_ff @(posedge clk_i) begin
    windows_q <= windows;
    single_q  <= windows == '0;
    whole_q   <= whole;
    short_q   <= one_i ? 2'd0 : steps[1:0] & whole;
  end

  logic start_q, restart, last;
  logic [7:0] left_q;  // windows behind this one
  logic [1:0] length_q;
  assign restart = start_q || last_o;
  assign last = restart ? single_q : left_q == 8'd1;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) start_q <= 1'b0;
    else start_q <= start_i;  // when what is known of the layer is in registers
  end
  always_ff @(posedge clk_i) begin
    if (start_q || next_i) begin
      left_q   <= restart ? windows_q : left_q - 8'd1;
      length_q <= last ? short_q : whole_q;
      last_o   <= last;
    end
  end
  assign steps_o = 3'(length_q) + 3'd1;

  always_ff @(posedge clk_i) if (rst_ni) assert (!(next_i && (start_i || start_q)));
endmodule
