// SPDX-License-Identifier: Apache-2.0
// Counts what a run does, per layer: adds, accesses of every memory, beats on the bus (Icarus 11
// subset). open_i starts an empty events.bin, close_i ends it; in between a record is written
// whenever another layer runs, so that Python never wakes for it. A record: little-endian 32-bit
// words, the id of the layer (255: none runs) and the counts of tb.measure.events.EVENTS since the record
// before. Inputs are enables of the cycle, a bit per group, bank, lane or word.

module psf_events #(
    parameter Groups = 4,
    parameter Lanes = 16,
    parameter Banks = 8,
    parameter LineWords = 8,
    parameter BusBytes = 8
) (
    input wire                        clk_i,
    input wire                        open_i,
    input wire                        close_i,
    input wire                        active_i,          // a layer runs ...
    input wire [                 7:0] layer_i,           // ... this one
    // Lanes: rows that are added, lanes in which the weight is not zero, drained and cleared words.
    input wire [          Groups-1:0] add_i,
    input wire [    Groups*Lanes-1:0] nonzero_i,
    input wire [          Groups-1:0] acc_drain_i,
    input wire [          Groups-1:0] acc_clear_i,
    // Neurons.
    input wire [          Groups-1:0] neuron_i,
    input wire [          Groups-1:0] membrane_read_i,
    input wire [          Groups-1:0] membrane_write_i,
    input wire [          Groups-1:0] drained_i,
    // Weight banks.
    input wire [           Banks-1:0] word_read_i,
    input wire [           Banks-1:0] word_write_i,
    input wire                        word_dump_i,       // with word_write_i: by a group
    input wire [           Banks-1:0] row_read_i,
    input wire [           Banks-1:0] row_write_i,
    // Spike memory (a bank per group), patch buffers, residual stream, parameters, logits.
    input wire [          Groups-1:0] spike_read_i,
    input wire [Groups*LineWords-1:0] spike_write_i,
    input wire                        spike_load_i,      // with spike_write_i: by the loader
    input wire [          Groups-1:0] patch_read_i,
    input wire [          Groups-1:0] patch_write_i,
    input wire [          Groups-1:0] stream_read_i,
    input wire [          Groups-1:0] stream_write_i,
    input wire [          Groups-1:0] param_read_i,
    input wire [          Groups-1:0] param_write_i,
    input wire                        logit_add_i,
    input wire                        logit_write_i,
    // Handshakes on the bus.
    input wire                        ar_i,
    input wire                        r_i,
    input wire                        aw_i,
    input wire                        w_i,
    input wire [        BusBytes-1:0] wstrb_i
);

  localparam Events = 30;

  reg opened_q;
  reg [31:0] tag_q;
  reg [Events*32-1:0] count_q;
  reg [Events*32-1:0] now;  // of this cycle
  reg [Events*32-1:0] sum;
  wire [31:0] tag = {24'd0, active_i ? layer_i : 8'd255};
  wire other = tag != tag_q;

  reg [Groups-1:0] lines;  // banks of the spike memory that write
  integer g, e;
  always @* begin
    for (g = 0; g < Groups; g = g + 1) lines[g] = |spike_write_i[LineWords*g+:LineWords];
    now = {(Events * 32) {1'b0}};
    sum = {(Events * 32) {1'b0}};
    if (opened_q) begin
      now[32*0+:32]  = 32'd1;
      now[32*1+:32]  = $countones(add_i);
      now[32*2+:32]  = $countones(nonzero_i);
      now[32*3+:32]  = $countones(add_i) + $countones(acc_drain_i);
      now[32*4+:32]  = $countones(add_i) + $countones(acc_clear_i);
      now[32*5+:32]  = $countones(word_read_i);
      now[32*6+:32]  = word_dump_i ? $countones(word_write_i) : 32'd0;
      now[32*7+:32]  = $countones(row_read_i);
      now[32*8+:32]  = $countones(spike_read_i);
      now[32*9+:32]  = spike_load_i ? 32'd0 : $countones(lines);
      now[32*10+:32] = spike_load_i ? 32'd0 : $countones(spike_write_i);
      now[32*11+:32] = $countones(patch_read_i);
      now[32*12+:32] = $countones(patch_write_i);
      now[32*13+:32] = $countones(stream_read_i);
      now[32*14+:32] = $countones(stream_write_i);
      now[32*15+:32] = $countones(param_read_i);
      now[32*16+:32] = $countones(membrane_read_i);
      now[32*17+:32] = $countones(membrane_write_i);
      now[32*18+:32] = $countones(drained_i);
      now[32*19+:32] = {31'd0, logit_add_i};
      now[32*20+:32] = word_dump_i ? 32'd0 : $countones(word_write_i);
      now[32*21+:32] = $countones(row_write_i);
      now[32*22+:32] = $countones(param_write_i);
      now[32*23+:32] = spike_load_i ? $countones(spike_write_i) : 32'd0;
      now[32*24+:32] = {31'd0, logit_write_i};
      now[32*25+:32] = {31'd0, ar_i};
      now[32*26+:32] = r_i ? BusBytes : 32'd0;
      now[32*27+:32] = {31'd0, aw_i};
      now[32*28+:32] = w_i ? $countones(wstrb_i) : 32'd0;
      now[32*29+:32] = $countones(neuron_i);
      for (e = 0; e < Events; e = e + 1) begin
        sum[32*e+:32] = (other ? 32'd0 : count_q[32*e+:32]) + now[32*e+:32];
      end
    end
  end

  integer file;
  initial opened_q = 1'b0;

  always @(posedge clk_i) begin
    if (open_i) begin
      file <= $fopen("events.bin", "wb");
      opened_q <= 1'b1;
    end else if (opened_q) begin
      if (other) $fwrite(file, "%u", {count_q, tag_q});
      if (close_i) begin
        $fwrite(file, "%u", {sum, tag});
        $fclose(file);
        opened_q <= 1'b0;
      end
    end
    if (open_i) count_q <= {(Events * 32) {1'b0}};
    else if (opened_q) count_q <= sum;
    tag_q <= tag;
  end

endmodule
