// SPDX-License-Identifier: Apache-2.0
//
// Eight 32-bit counters per layer, kept for layers 0 to 63 of the last run:
//   0: cycles from layer_start_i to layer_done_i; 1 to 6: sums of event_i in these cycles (the cycle
//   of layer_done_i included, that of layer_start_i not); 7: cycles from the end of the layer before,
//   or from start_i, to layer_start_i.
// With layer_continues_i a layer's counters go on from those of the layer before, whatever its id;
// those of a first one from 0.
// retire_o answers layer_done_i, in the same cycle unless the counters of the layer before are still
// being written away (8 cycles). Reads have latency 1 and never stall.
// Counters of ids that did not run keep their old values. stop_i forgets a layer amid its run and
// what comes after it; what has retired is still written away.
// layers_o and loads_o count from start_i on; clear_i clears them.

module psf_counters (
    input  logic             clk_i,
    input  logic             rst_ni,
    input  logic             start_i,            // a run begins
    input  logic             stop_i,             // level
    input  logic             clear_i,
    input  logic             layer_start_i,
    input  logic [ 7:0]      layer_id_i,         // ids from 64 on are not recorded
    input  logic             layer_continues_i,
    input  logic             layer_done_i,
    input  logic             load_done_i,
    input  logic [ 5:0][7:0] event_i,
    output logic             retire_o,
    output logic [15:0]      layers_o,           // retired
    output logic [15:0]      loads_o,            // done
    input  logic             re_i,
    input  logic [ 8:0]      raddr_i,            // 8 * id + counter
    output logic [31:0]      rdata_o
);

  logic active_q, done_q;  // done_q: counters wait for their writing away
  logic [2:0] index_q;
  logic writing_q, keep_q;
  logic [5:0] id_q;
  logic [6:0][31:0] count_q, count;
  logic [31:0] gap_q, before_q;
  logic [7:0][31:0] shift_q;

  always_comb begin
    count[0] = count_q[0] + 32'(active_q);
    for (int i = 1; i < 7; i++) count[i] = count_q[i] + 32'(active_q ? event_i[i-1] : 8'd0);
  end

  assign retire_o = (layer_done_i || done_q) && !writing_q && !stop_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {active_q, done_q, writing_q, index_q} <= '0;
    end else begin
      if (layer_start_i) active_q <= 1'b1;
      else if (layer_done_i) active_q <= 1'b0;
      done_q <= (layer_done_i || done_q) && !retire_o;
      if (retire_o) writing_q <= 1'b1;
      else if (&index_q) writing_q <= 1'b0;
      if (writing_q) index_q <= index_q + 3'd1;
      if (stop_i) begin
        active_q <= 1'b0;
        done_q   <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {layers_o, loads_o} <= '0;
    end else if (start_i || clear_i) begin
      layers_o <= '0;
      loads_o  <= '0;
    end else if (!stop_i) begin
      layers_o <= layers_o + 16'(retire_o);
      loads_o  <= loads_o + 16'(load_done_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i || (layer_start_i && !layer_continues_i)) count_q <= '0;
    else count_q <= count;
    if (start_i) before_q <= '0;
    else if (layer_start_i) before_q <= gap_q + (layer_continues_i ? before_q : '0);
    gap_q <= (start_i || layer_done_i) ? 32'd1 : gap_q + 32'd1;
    if (retire_o) begin
      shift_q <= {before_q, count};
      id_q    <= layer_id_i[5:0];
      keep_q  <= layer_id_i[7:6] == '0;
    end else if (writing_q) begin
      shift_q <= {32'd0, shift_q[7:1]};
    end
  end

  psf_ram_1r1w #(
      .Width(32),
      .Depth(512),
      .ReadFirst(1'b1)  // software may read while a layer ends
  ) u_counters (
      .clk_i,
      .we_i   (writing_q && keep_q),
      .waddr_i({id_q, index_q}),
      .wdata_i(shift_q[0]),
      .re_i,
      .raddr_i,
      .rdata_o
  );

  // Layers do not overlap, and the next one starts only after its predecessor has retired.
  always_ff @(posedge clk_i) begin
    if (rst_ni && !stop_i) begin
      if (layer_start_i) assert (!active_q && !done_q);
      if (layer_done_i) assert (active_q);
    end
  end

endmodule
