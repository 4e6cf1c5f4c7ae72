// SPDX-License-Identifier: Apache-2.0
// Writes what the groups drain to trace.bin, in bulk, so that Python never wakes for it (Icarus 11
// subset). One record per valid, little-endian 32-bit words: {word, step, layer} in bytes 2..0,
// token, spikes (padded to words, at least one bit), then the value of every lane sign-extended to
// 32 bits. Unknown bits are written as 0 and flagged: bit 24 of the first word for the spikes, bit
// 25 for everything else. open_i starts an empty file, close_i ends it. unknown_o counts cycles with
// an unknown valid.

module psf_trace #(
    parameter Groups = 4,
    parameter Lanes = 16,
    parameter AccWidth = 20
) (
    input  wire                             clk_i,
    input  wire                             rst_ni,
    input  wire                             open_i,
    input  wire                             close_i,
    output reg  [                     31:0] unknown_o,
    input  wire [               Groups-1:0] valid_i,
    input  wire [             Groups*8-1:0] layer_i,
    input  wire [            Groups*16-1:0] token_i,
    input  wire [             Groups*8-1:0] step_i,
    input  wire [             Groups*8-1:0] word_i,
    input  wire [         Groups*Lanes-1:0] spikes_i,
    input  wire [Groups*Lanes*AccWidth-1:0] value_i
);

  localparam SpikeWidth = (Lanes / 32 + 1) * 32;
  localparam RecordWidth = 64 + SpikeWidth + 32 * Lanes;

  wire [Groups*RecordWidth-1:0] records;
  genvar g, p;
  for (g = 0; g < Groups; g = g + 1) begin : gen_group
    wire [RecordWidth-1:0] record;
    wire spikes_unknown, rest_unknown;
    assign spikes_unknown = ^spikes_i[Lanes*g+:Lanes] === 1'bx;
    assign rest_unknown = ^{word_i[8*g+:8], step_i[8*g+:8], layer_i[8*g+:8], token_i[16*g+:16],
        value_i[Lanes*AccWidth*g+:Lanes*AccWidth]} === 1'bx;
    assign record[31:0] = {
      6'd0, rest_unknown, spikes_unknown, word_i[8*g+:8], step_i[8*g+:8], layer_i[8*g+:8]
    };
    assign record[63:32] = {16'd0, token_i[16*g+:16]};
    assign record[64+:SpikeWidth] = {{(SpikeWidth - Lanes) {1'b0}}, spikes_i[Lanes*g+:Lanes]};
    for (p = 0; p < Lanes; p = p + 1) begin : gen_lane
      wire [AccWidth-1:0] value;
      assign value = value_i[(g*Lanes+p)*AccWidth+:AccWidth];
      assign record[64+SpikeWidth+32*p+:32] = {
        {(33 - AccWidth) {value[AccWidth-1]}}, value[AccWidth-2:0]
      };
    end
    assign records[RecordWidth*g+:RecordWidth] = record;
  end

  integer file, i;
  reg opened_q;
  initial begin
    opened_q  = 1'b0;
    unknown_o = 32'd0;
  end

  always @(posedge clk_i) begin
    if (open_i) begin
      file <= $fopen("trace.bin", "wb");
      opened_q <= 1'b1;
    end
    if (close_i && opened_q) begin
      $fclose(file);
      opened_q <= 1'b0;
    end
    if (rst_ni && opened_q) begin
      for (i = 0; i < Groups; i = i + 1) begin
        if (valid_i[i] !== 1'b0) $fwrite(file, "%u", records[RecordWidth*i+:RecordWidth]);
      end
      if (^valid_i === 1'bx) unknown_o <= unknown_o + 32'd1;
    end
  end

endmodule
