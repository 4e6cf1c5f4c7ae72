// SPDX-License-Identifier: Apache-2.0
// The weights of all groups: who may read which bank (psf_issue), the banks and the ways to
// and from them (psf_weight_system). A group asks for banks (req_i), is granted one in the next cycle
// and names the row in the one after; its weight words follow. Latencies and stalls: see both modules.
module psf_weights #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned BankBits = $clog2(Cfg.Banks),
    localparam int unsigned WordBits = $clog2(Cfg.BankDepth),
    localparam int unsigned RowBits = $clog2(Cfg.RowDepth),
    localparam int unsigned DataWidth = Cfg.Lanes * ($clog2(Cfg.AccDepth) + 8),
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [7:0] row_cost_i,  // of the layer: cycles between two rows of a group
    input logic [3:0] rows_ahead_i,  // of the layer, see psf_issue
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] req_i,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] many_i,  // of req_i: two rows or more
    output logic [Cfg.Groups-1:0][Cfg.Banks-1:0] grant_o,
    input logic [Cfg.Groups-1:0] row_valid_i,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] row_bank_i,  // one-hot
    input logic [Cfg.Groups-1:0][RowBits-1:0] row_addr_i,
    input psf_group_pkg::tag_t [Cfg.Groups-1:0] row_tag_i,
    output logic [Cfg.Groups-1:0] word_valid_o,
    output logic [Cfg.Groups-1:0][DataWidth-1:0] word_data_o,
    output logic [Cfg.Groups-1:0][2:0] word_shift_o,
    output psf_group_pkg::tag_t [Cfg.Groups-1:0] word_tag_o,
    output logic [Cfg.Groups-1:0] word_last_o,
    // loader
    input logic weight_valid_i,
    output logic weight_ready_o,
    input logic [BankBits-1:0] weight_bank_i,
    input logic [WordBits-1:0] weight_addr_i,
    input logic [DataWidth-1:0] weight_data_i,
    input logic row_we_i,
    input logic row_we_several_i,
    input logic [BankBits-1:0] row_we_bank_i,
    input logic [RowBits-1:0] row_we_addr_i,
    input logic [32*Entries-1:0] row_we_data_i,
    // weight words that groups write (attention)
    input logic [Cfg.Groups-1:0] dump_valid_i,
    output logic [Cfg.Groups-1:0] dump_ready_o,
    input logic [Cfg.Groups-1:0][BankBits-1:0] dump_bank_i,
    input logic [Cfg.Groups-1:0][WordBits-1:0] dump_addr_i,
    input logic [Cfg.Groups-1:0][DataWidth-1:0] dump_data_i,
    output logic dump_idle_o,
    output logic parity_o
);
  logic [Cfg.Banks-1:0] bank_ready;
  logic [Cfg.Groups-1:0][3:0] shift;  // the row table has room for 4 bits, the lanes shift by 0..7

  psf_issue #(
      .Cfg(Cfg)
  ) u_issue (
      .clk_i,
      .rst_ni,
      .cost_i      (row_cost_i),
      .ahead_i     (rows_ahead_i),
      .done_i      (word_valid_o & word_last_o),
      .req_i,
      .many_i,
      .bank_ready_i(bank_ready),
      .grant_o
  );

  psf_weight_system #(
      .Cfg(Cfg)
  ) u_banks (
      .clk_i,
      .rst_ni,
      .bank_ready_o(bank_ready),
      .row_valid_i,
      .row_bank_i,
      .row_addr_i,
      .row_tag_i,
      .word_valid_o,
      .word_data_o,
      .word_shift_o(shift),
      .word_tag_o,
      .word_last_o,
      .weight_valid_i,
      .weight_ready_o,
      .weight_bank_i,
      .weight_addr_i,
      .weight_data_i,
      .row_we_i,
      .row_we_several_i,
      .row_we_bank_i,
      .row_we_addr_i,
      .row_we_data_i,
      .dump_valid_i,
      .dump_ready_o,
      .dump_bank_i,
      .dump_addr_i,
      .dump_data_i,
      .dump_idle_o,
      .parity_o
  );

  always_comb begin
    for (int unsigned g = 0; g < Cfg.Groups; g++) word_shift_o[g] = shift[g][2:0];
  end
endmodule
