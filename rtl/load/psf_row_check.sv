// SPDX-License-Identifier: Apache-2.0
//
// May a row-table entry be stored? It must point at 1 to 255 words of its bank, with a shift of
// 0 to 7. Combinational.
//   bad_o = length == 0  or  address + length > BankDepth  or  shift > 7
// As in DRAM: address [15:0], length [23:16], shift [27:24].

module psf_row_check #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8
) (
    input  logic [31:0] entry_i,
    output logic        bad_o
);

  logic [ 7:0] length;
  logic [16:0] row_end;  // a bit more than an address

  assign length  = entry_i[23:16];
  assign row_end = {1'b0, entry_i[15:0]} + 17'(length);
  assign bad_o   = length == '0 || row_end > 17'(Cfg.BankDepth) || entry_i[27];

  logic unused_bits;
  assign unused_bits = ^{entry_i[31:28], entry_i[26:24]};

endmodule
