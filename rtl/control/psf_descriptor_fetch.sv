// SPDX-License-Identifier: Apache-2.0
//
// Reads 64-byte descriptors from base_i on, in order, ahead of their use: up to Depth of them are
// ordered or stored, one command of 8 beats each, and one more stands at the output.
// Throughput: one descriptor in 9 cycles. beat_ready_o is always high: space is reserved before a
// descriptor is ordered, so the shared read channel never waits for descriptors to be used.
// desc_error_o: a beat of this descriptor had a bad response. stop_i ends fetching and forgets what
// is stored; beats still on their way are thrown away, then idle_o rises.

module psf_descriptor_fetch #(
  parameter int unsigned Depth = 4  // descriptors, a power of two
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         start_i,       // only while idle
  input  logic [31:3]  base_i,
  input  logic         stop_i,
  output logic         idle_o,
  output logic         cmd_valid_o,
  input  logic         cmd_ready_i,
  output logic [31:3]  cmd_addr_o,
  output logic [28:0]  cmd_beats_o,
  input  logic         beat_valid_i,
  output logic         beat_ready_o,
  input  logic [63:0]  beat_data_i,
  input  logic         beat_error_i,
  output logic         desc_valid_o,
  input  logic         desc_ready_i,
  output logic [511:0] desc_data_o,
  output logic [15:0]  desc_index_o,
  output logic         desc_error_o
);

  localparam int unsigned Beats = psf_pkg::DescriptorBytes / 8;
  localparam int unsigned CountWidth = $clog2(Depth * Beats) + 1;

  logic active_q, cmd_q;
  logic [31:3] addr_q;
  logic [CountWidth-1:0] space_q;  // beats that may still be ordered
  logic [CountWidth-1:0] coming_q;  // beats ordered, not yet here
  logic order, store, room, pop, beat_valid;
  logic [64:0] beat;

  assign order = active_q && !stop_i && (!cmd_q || cmd_ready_i) && space_q >= CountWidth'(Beats);
  assign store = beat_valid_i && active_q;

  psf_fifo #(
    .Width(65),
    .Depth(Depth * Beats)
  ) u_beats (
    .clk_i,
    .rst_ni,
    .clear_i    (stop_i),
    .in_valid_i (store),
    .in_ready_o (room),
    .in_data_i  ({beat_error_i, beat_data_i}),
    .out_valid_o(beat_valid),
    .out_ready_i(pop),
    .out_data_o (beat)
  );

  // The output: eight beats shifted in from above.
  logic [511:0] desc_q;
  logic [3:0] fill_q;
  logic error_q;
  logic [15:0] index_q;

  assign pop = beat_valid && fill_q != 4'(Beats);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      cmd_q    <= 1'b0;
      space_q  <= '0;
      coming_q <= '0;
      fill_q   <= '0;
    end else begin
      if (cmd_ready_i) cmd_q <= 1'b0;
      if (order) cmd_q <= 1'b1;
      space_q  <= space_q - (order ? CountWidth'(Beats) : '0) + CountWidth'(pop);
      coming_q <= coming_q + (order ? CountWidth'(Beats) : '0) - CountWidth'(beat_valid_i);
      if (pop) fill_q <= fill_q + 4'd1;
      if (desc_valid_o && desc_ready_i) fill_q <= '0;
      if (stop_i) begin
        active_q <= 1'b0;
        fill_q   <= '0;
      end
      if (start_i) begin
        active_q <= 1'b1;
        space_q  <= CountWidth'(Depth * Beats);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) addr_q <= base_i - 29'(Beats);  // one descriptor before the first
    else if (order) addr_q <= addr_q + 29'(Beats);
    if (pop) begin
      desc_q  <= {beat[63:0], desc_q[511:64]};
      error_q <= beat[64] || (error_q && fill_q != '0);
    end
    if (start_i) index_q <= '0;
    else if (desc_valid_o && desc_ready_i) index_q <= index_q + 16'd1;
  end

  assign idle_o       = !active_q && coming_q == '0;
  assign cmd_valid_o  = cmd_q;
  assign cmd_addr_o   = addr_q;
  assign cmd_beats_o  = 29'(Beats);
  assign beat_ready_o = 1'b1;
  assign desc_valid_o = fill_q == 4'(Beats);
  assign desc_data_o  = desc_q;
  assign desc_index_o = index_q;
  assign desc_error_o = error_q;

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (start_i) assert (idle_o);
      if (store) assert (room);
      if (beat_valid_i) assert (coming_q != '0);  // nothing comes that was not ordered
      if (!active_q) assert (!desc_valid_o);
    end
  end

endmodule
