// SPDX-License-Identifier: Apache-2.0
// Logs on which cycle each track of the accelerator changes its state to timeline.bin (Icarus 11
// subset). open_i starts an empty file, close_i ends it. A record: two little-endian 32-bit words,
// the cycle since open_i and {track[7:0], state[15:0]} in the low 24 bits. Track 254 comes first, its
// state is {Groups[7:0], Banks[7:0]}; track 255 is the end. The others and their states are numbered in
// tb.measure.timeline: 0 layer, 1 job, 2 interrupt, 3 loader, 4 read DMA, 5 result store, then the groups,
// their drains, the weight banks.

module psf_timeline #(
    parameter Groups = 4,
    parameter Banks  = 8
) (
    input wire                clk_i,
    input wire                open_i,
    input wire                close_i,
    input wire                active_i,      // a layer runs ...
    input wire [         7:0] layer_i,       // ... this one
    input wire                busy_i,
    input wire                irq_i,
    input wire                load_i,        // the loader works on ...
    input wire [        15:0] load_index_i,  // ... this descriptor (below 65535)
    input wire                read_idle_i,   // no burst is in flight
    input wire                read_beat_i,
    input wire                write_idle_i,
    input wire [Groups*6-1:0] event_i,       // of psf_group: bits 5:1 are one-hot
    input wire [  Groups-1:0] drain_i,       // a word is drained
    input wire [  Groups-1:0] complete_i,    // an accumulation waits to be
    input wire [   Banks-1:0] bank_read_i,   // a word is read ...
    input wire [ Banks*8-1:0] bank_group_i,  // ... for this group
    input wire [   Banks-1:0] bank_valid_i   // a word is, or waits to be
);

  localparam Tracks = 6 + 2 * Groups + Banks;

  reg opened_q, first_q;
  reg [31:0] cycle_q;
  reg [Tracks*16-1:0] state, state_q;

  integer g, b;
  always @* begin
    state = {(Tracks * 16) {1'b0}};
    if (opened_q) begin
      state[16*0+:16] = active_i ? {8'd0, layer_i} + 16'd1 : 16'd0;
      state[16*1+:16] = {15'd0, busy_i};
      state[16*2+:16] = {15'd0, irq_i};
      state[16*3+:16] = load_i ? load_index_i + 16'd1 : 16'd0;
      state[16*4+:16] = read_beat_i ? 16'd2 : {15'd0, !read_idle_i};
      state[16*5+:16] = {15'd0, !write_idle_i};
      for (g = 0; g < Groups; g = g + 1) begin
        if (active_i) state[16*(6+g)+:16] = {11'd0, event_i[6*g+1+:5]};
        state[16*(6+Groups+g)+:16] = drain_i[g] ? 16'd1 : complete_i[g] ? 16'd2 : 16'd0;
      end
      for (b = 0; b < Banks; b = b + 1) begin
        state[16*(6+2*Groups+b)+:16] = bank_read_i[b] ? {8'd0, bank_group_i[8*b+:8]} + 16'd2
            : {15'd0, bank_valid_i[b]};
      end
    end
  end

  integer file, t;
  initial opened_q = 1'b0;

  always @(posedge clk_i) begin
    if (open_i) begin
      file <= $fopen("timeline.bin", "wb");
      opened_q <= 1'b1;
    end else if (opened_q) begin
      if (first_q) $fwrite(file, "%u", {8'd0, 8'd254, Groups[7:0], Banks[7:0], cycle_q});
      for (t = 0; t < Tracks; t = t + 1) begin
        if (first_q || state[16*t+:16] != state_q[16*t+:16]) begin
          $fwrite(file, "%u", {8'd0, t[7:0], state[16*t+:16], cycle_q});
        end
      end
      if (close_i) begin
        $fwrite(file, "%u", {8'd0, 8'd255, 16'd0, cycle_q + 32'd1});
        $fclose(file);
        opened_q <= 1'b0;
      end
    end
    cycle_q <= open_i ? 32'd0 : cycle_q + 32'd1;
    first_q <= open_i;
    if (opened_q) state_q <= state;
  end

endmodule
