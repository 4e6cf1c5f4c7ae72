// SPDX-License-Identifier: Apache-2.0
//
// All weight banks, the crossbar between them and the groups, and the write ports.
// Rows: a row requested in cycle t gives its words on word_*[g] from cycle t + 6, one per cycle,
// without a bubble if no other bank holds a word for the same group (never, if all rows are
// equally long and the arbiter's cost is their length); else the banks take turns, row by row.
// A group takes every word; there is no back-pressure. Every granted row arrives completely.
// Writes: one weight word per cycle over all banks, groups (round robin) before the loader. A
// word accepted in cycle t is read by rows requested in cycle t or later (it is in the memory
// from t + 2 on, they read from t + 3 on), undefined for those requested before; dump_idle_o is low
// while a group's word is on its way. A row-table entry is always taken; rows requested from the
// next cycle on see it.
// parity_o pulses if a word that is handed out, or the row-table entry of a row, fails its parity: at
// the latest two cycles after the word on word_*.
// Golden: tb.unit.memory.test_weight_system.

module psf_weight_system #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned SlotWidth = $clog2(
        Cfg.AccDepth
    ) + 8,  // bits of one lane's {index, weight}
    localparam int unsigned GroupBits = $clog2(Cfg.Groups),
    localparam int unsigned BankBits = $clog2(Cfg.Banks),
    localparam int unsigned WordBits = $clog2(Cfg.BankDepth),
    localparam int unsigned RowBits = $clog2(Cfg.RowDepth),
    localparam int unsigned DataWidth = Cfg.Lanes * SlotWidth,
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes)
) (
    input logic clk_i,
    input logic rst_ni,
    // Row requests, the cycle after the grant.
    output logic [Cfg.Banks-1:0] bank_ready_o,  // for the arbiter
    input logic [Cfg.Groups-1:0] row_valid_i,
    input logic [Cfg.Groups-1:0][Cfg.Banks-1:0] row_bank_i,  // one-hot
    input logic [Cfg.Groups-1:0][RowBits-1:0] row_addr_i,
    input psf_group_pkg::tag_t [Cfg.Groups-1:0] row_tag_i,
    // Weight words to the groups.
    output logic [Cfg.Groups-1:0] word_valid_o,
    output logic [Cfg.Groups-1:0][DataWidth-1:0] word_data_o,
    output logic [Cfg.Groups-1:0][3:0] word_shift_o,
    output psf_group_pkg::tag_t [Cfg.Groups-1:0] word_tag_o,
    output logic [Cfg.Groups-1:0] word_last_o,  // last word of its row
    // Loader.
    input logic weight_valid_i,
    output logic weight_ready_o,
    input logic [BankBits-1:0] weight_bank_i,
    input logic [WordBits-1:0] weight_addr_i,
    input logic [DataWidth-1:0] weight_data_i,
    input logic row_we_i,
    input logic row_we_several_i,  // an entry for each of as many banks, else one
    input logic [BankBits-1:0] row_we_bank_i,
    input logic [RowBits-1:0] row_we_addr_i,
    input logic [Entries-1:0][31:0] row_we_data_i,  // addr 15:0, len 23:16, shift 27:24
    // Weight words that groups write (attention).
    input logic [Cfg.Groups-1:0] dump_valid_i,
    output logic [Cfg.Groups-1:0] dump_ready_o,
    input logic [Cfg.Groups-1:0][BankBits-1:0] dump_bank_i,
    input logic [Cfg.Groups-1:0][WordBits-1:0] dump_addr_i,
    input logic [Cfg.Groups-1:0][DataWidth-1:0] dump_data_i,
    output logic dump_idle_o,
    output logic parity_o
);

  if (Cfg.Banks < 2 || Cfg.Banks != 2 ** BankBits) begin : gen_bad_banks
    $fatal(1, "psf_weight_system: Banks must be a power of two and at least 2");
  end
  if (Cfg.BankDepth > 65536 || Cfg.RowDepth > 65536) begin : gen_bad_depth
    $fatal(1, "psf_weight_system: BankDepth and RowDepth must be at most 65536");
  end

  localparam int unsigned EntryWidth = WordBits + 12;

  // Writes: one register stage, broadcast to all banks.
  logic [Cfg.Groups-1:0] dump_grant;
  logic word_is_dump_q;
  logic [Cfg.Banks-1:0] word_we_q, row_we_q;
  logic [WordBits-1:0] word_waddr_d, word_waddr_q;
  logic [DataWidth-1:0] word_wdata_d, word_wdata_q;
  logic [BankBits-1:0] word_wbank;
  logic [RowBits-1:0] row_waddr_q;
  logic [Entries-1:0][EntryWidth-1:0] row_wdata_q;
  logic unused_row_bits;

  psf_round_robin #(
      .N(Cfg.Groups)
  ) u_dump (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .req_i  (dump_valid_i),
      .take_i (dump_valid_i != '0),
      .keep_i (1'b0),
      .grant_o(dump_grant)
  );

  assign dump_ready_o = dump_grant;
  assign weight_ready_o = dump_valid_i == '0;
  assign dump_idle_o = !word_is_dump_q;
  assign unused_row_bits = ^row_we_data_i;

  always_comb begin
    word_wbank   = weight_bank_i;
    word_waddr_d = weight_addr_i;
    word_wdata_d = weight_data_i;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      if (dump_grant[g]) begin
        word_wbank   = dump_bank_i[g];
        word_waddr_d = dump_addr_i[g];
        word_wdata_d = dump_data_i[g];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    word_waddr_q <= word_waddr_d;
    word_wdata_q <= word_wdata_d;
    row_waddr_q  <= row_we_addr_i;
    for (int unsigned i = 0; i < Entries; i++) begin
      row_wdata_q[i] <= {row_we_data_i[i][27:16], row_we_data_i[i][WordBits-1:0]};
      if (!row_we_several_i)
        row_wdata_q[i] <= {row_we_data_i[0][27:16], row_we_data_i[0][WordBits-1:0]};
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {word_is_dump_q, word_we_q, row_we_q} <= '0;
    end else begin
      word_is_dump_q <= dump_valid_i != '0;
      for (int unsigned b = 0; b < Cfg.Banks; b++) begin
        word_we_q[b] <= (weight_valid_i || dump_valid_i != '0) && word_wbank == BankBits'(b);
        row_we_q[b] <= row_we_i && (row_we_bank_i == BankBits'(b) || (row_we_several_i &&
            row_we_bank_i == BankBits'(b - b % Entries)));
      end
    end
  end

  // Banks, each with the request of the one group that chose it.
  logic [Cfg.Banks-1:0] req_valid, out_valid, out_ready, out_last;
  logic [Cfg.Banks-1:0][GroupBits-1:0] req_group, out_group;
  logic [Cfg.Banks-1:0][RowBits-1:0] req_row;
  psf_group_pkg::tag_t [Cfg.Banks-1:0] req_tag, out_tag;
  logic [Cfg.Banks-1:0] bank_parity;
  logic [Cfg.Banks-1:0][3:0] out_shift;
  logic [Cfg.Banks-1:0][DataWidth-1:0] out_data;

  always_comb begin
    req_valid = '0;
    req_group = '0;
    req_row   = '0;
    req_tag   = '0;
    for (int unsigned b = 0; b < Cfg.Banks; b++) begin
      for (int unsigned g = 0; g < Cfg.Groups; g++) begin
        if (row_valid_i[g] && row_bank_i[g][b]) begin
          req_valid[b] = 1'b1;
          req_group[b] |= GroupBits'(g);
          req_row[b] |= row_addr_i[g];
          req_tag[b] |= row_tag_i[g];
        end
      end
    end
  end

  for (genvar b = 0; b < Cfg.Banks; b++) begin : gen_bank
    psf_weight_bank #(
        .Cfg(Cfg),
        .TagWidth($bits(psf_group_pkg::tag_t))
    ) u_bank (
        .clk_i(clk_i),
        .rst_ni(rst_ni),
        .ready_o(bank_ready_o[b]),
        .req_valid_i(req_valid[b]),
        .req_group_i(req_group[b]),
        .req_row_i(req_row[b]),
        .req_tag_i(req_tag[b]),
        .out_valid_o(out_valid[b]),
        .out_ready_i(out_ready[b]),
        .out_group_o(out_group[b]),
        .out_tag_o(out_tag[b]),
        .out_shift_o(out_shift[b]),
        .out_last_o(out_last[b]),
        .out_data_o(out_data[b]),
        .row_we_i(row_we_q[b]),
        .row_waddr_i(row_waddr_q),
        .row_wdata_i(row_wdata_q[b%Entries]),
        .word_we_i(word_we_q[b]),
        .word_waddr_i(word_waddr_q),
        .word_wdata_i(word_wdata_q),
        .parity_o(bank_parity[b])
    );
  end

  // Crossbar: every group chooses among the banks that hold a word for it and stays with a row.
  logic [Cfg.Groups-1:0][Cfg.Banks-1:0] want, take;

  for (genvar g = 0; g < Cfg.Groups; g++) begin : gen_group
    for (genvar b = 0; b < Cfg.Banks; b++) begin : gen_want
      assign want[g][b] = out_valid[b] && out_group[b] == GroupBits'(g);
    end

    psf_round_robin #(
        .N(Cfg.Banks)
    ) u_choose (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .req_i  (want[g]),
        .take_i (want[g] != '0),
        .keep_i ((take[g] & out_last) == '0),
        .grant_o(take[g])
    );

    // A register for the word of every bank, 0 unless it is taken: that is a synchronous reset and
    // costs no LUT, and behind it is an OR.
    logic [Cfg.Banks-1:0][DataWidth-1:0] data_q;
    logic [Cfg.Banks-1:0][3:0] shift_q;
    psf_group_pkg::tag_t [Cfg.Banks-1:0] tag_q;

    for (genvar b = 0; b < Cfg.Banks; b++) begin : gen_taken
      always_ff @(posedge clk_i) begin
        if (!take[g][b]) {data_q[b], shift_q[b], tag_q[b]} <= '0;
        else {data_q[b], shift_q[b], tag_q[b]} <= {out_data[b], out_shift[b], out_tag[b]};
      end
    end

    always_comb begin
      word_data_o[g]  = '0;
      word_shift_o[g] = '0;
      word_tag_o[g]   = '0;
      for (int unsigned b = 0; b < Cfg.Banks; b++) begin
        word_data_o[g] |= data_q[b];
        word_shift_o[g] |= shift_q[b];
        word_tag_o[g] |= tag_q[b];
      end
    end

    always_ff @(posedge clk_i) begin
      word_last_o[g] <= (take[g] & out_last) != '0;
    end
  end

  always_comb begin
    out_ready = '0;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      out_ready |= take[g];
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {word_valid_o, parity_o} <= '0;
    end else begin
      parity_o <= bank_parity != '0;
      for (int unsigned g = 0; g < Cfg.Groups; g++) begin
        word_valid_o[g] <= want[g] != '0;
        assert (!row_valid_i[g] || $countones(row_bank_i[g]) == 1);
        for (int unsigned k = 0; k < g; k++) begin
          assert (!(row_valid_i[g] && row_valid_i[k]) || (row_bank_i[g] & row_bank_i[k]) == '0);
        end
      end
    end
  end

endmodule
