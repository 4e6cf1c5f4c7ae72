// SPDX-License-Identifier: Apache-2.0
//
// A bit of everything that becomes a cell of its own in an ECP5, for test_netlist.py.
module psf_cells (
    input clk,
    input rst,
    input [31:0] in,
    output reg [35:0] out
);
  integer i;
  reg [35:0] wide[0:511];  // width 36
  reg [35:0] wide_out;
  always @(posedge clk) begin
    if (in[31]) wide[in[8:0]] <= {in[3:0], in};
    if (in[30]) wide_out <= wide[in[17:9]];
  end

  reg [17:0] halves[0:1023];  // width 18, byte enables
  reg [17:0] halves_out;
  always @(posedge clk) begin
    if (in[29]) halves[in[9:0]][8:0] <= in[26:18];
    if (in[28]) halves[in[9:0]][17:9] <= in[25:17];
    halves_out <= halves[in[19:10]];
  end

  reg [8:0] rom[0:2047];  // width 9, with contents
  reg [8:0] rom_out;
  initial for (i = 0; i < 2048; i = i + 1) rom[i] = (i * 37) ^ (i >> 3);
  always @(posedge clk) rom_out <= rom[in[10:0]];

  reg [3:0] nibbles[0:4095];  // width 4
  reg [3:0] nibbles_out;
  initial for (i = 0; i < 4096; i = i + 1) nibbles[i] = (i * 11) ^ (i >> 5);
  always @(posedge clk) begin
    if (in[31:30] == 0) nibbles[in[11:0]] <= in[15:12];
    nibbles_out <= nibbles[in[23:12]];
  end

  reg [7:0] words[0:15];  // distributed
  always @(posedge clk) if (in[27]) words[in[3:0]] <= in[11:4];

  wire signed [17:0] left = in[17:0], right = in[31:14];
  reg [35:0] product, unsigned_product;
  always @(posedge clk) begin
    product <= left * right;
    unsigned_product <= in[17:0] * in[31:14];
  end

  reg [23:0] sum;  // carry chain, asynchronous reset, enable
  always @(posedge clk or posedge rst)
    if (rst) sum <= 24'h5A5A5A;
    else if (!in[26]) sum <= sum + in[23:0];

  reg [15:0] state = 16'h8001;  // synchronous reset over the enable, or under it
  always @(posedge clk) begin
    if (in[25:22] == 0) state[7:0] <= 8'h3C;
    else if (in[21]) state[7:0] <= {state[6:0], state[7] ^ in[0]};
    if (in[20])
      if (in[24:21] == 0) state[15:8] <= 8'hC3;
      else state[15:8] <= state[15:8] ^ in[15:8];
  end

  wire picked = in[{sum[1:0], state[2:0]}];  // wide multiplexer
  always @(posedge clk)
    out <= wide_out ^ {halves_out, halves_out} ^ {rom_out, 27'd0} ^ words[sum[3:0]] ^ product ^
        {nibbles_out, 16'd0} ^
        {unsigned_product[0], unsigned_product[35:1]} ^ {sum, 8'd0} ^ {state, 20'd0} ^
        {35'd0, picked};
endmodule
