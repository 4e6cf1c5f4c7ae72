// SPDX-License-Identifier: Apache-2.0
//
// The residual stream: Groups banks of words with Lanes signed values each. Any group reads and
// writes any bank.
// Reads: per bank one a cycle, round robin over the groups; the data of a read accepted in cycle
// t is on rd_data_o of its group in cycle t + 1, for that cycle only. Writes are always taken and
// are read from the next cycle on, a read in their own cycle is undefined; two groups never write
// one bank in one cycle (asserted: they write a fixed number of cycles after an accepted read of
// the same bank).
// rd_error_o comes one cycle after rd_data_o: the word fails its parity (a word never written may, too;
// the group knows whether it counts). Beyond Depth a write is lost and a read gives word 0.
// Golden: tb.unit.memory.test_stream_memory.

module psf_stream_memory #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned BankBits = $clog2(Cfg.Groups),
    localparam int unsigned AddrWidth = $clog2(Cfg.StreamDepth),
    localparam int unsigned DataWidth = Cfg.Lanes * Cfg.StreamWidth
) (
    input  logic                                 clk_i,
    input  logic                                 rst_ni,
    input  logic [Cfg.Groups-1:0]                rd_valid_i,
    output logic [Cfg.Groups-1:0]                rd_ready_o,
    input  logic [Cfg.Groups-1:0][ BankBits-1:0] rd_bank_i,
    input  logic [Cfg.Groups-1:0][AddrWidth-1:0] rd_addr_i,
    output logic [Cfg.Groups-1:0][DataWidth-1:0] rd_data_o,
    output logic [Cfg.Groups-1:0]                rd_error_o,
    input  logic [Cfg.Groups-1:0]                wr_valid_i,
    input  logic [Cfg.Groups-1:0][ BankBits-1:0] wr_bank_i,
    input  logic [Cfg.Groups-1:0][AddrWidth-1:0] wr_addr_i,
    input  logic [Cfg.Groups-1:0][DataWidth-1:0] wr_data_i
);

  if (Cfg.Groups < 2 || Cfg.Groups != 2 ** BankBits) begin : gen_bad_groups
    $fatal(1, "psf_stream_memory: Groups must be a power of two and at least 2");
  end

  logic [Cfg.Groups-1:0][Cfg.Groups-1:0] grant, write;  // [bank][group]
  logic [Cfg.Groups-1:0][DataWidth-1:0] bank_data;
  logic [Cfg.Groups-1:0] bank_parity, wr_parity;
  logic [Cfg.Groups-1:0][Cfg.Lanes:0] parities_q;  // of the values of a word, its own on top
  logic [Cfg.Groups-1:0][BankBits-1:0] bank_q, bank_before_q;

  for (genvar b = 0; b < Cfg.Groups; b++) begin : gen_bank
    logic [Cfg.Groups-1:0] want;
    logic [AddrWidth-1:0] raddr, waddr;
    logic [DataWidth:0] wdata;  // the parity on top
    logic raddr_inside, waddr_inside;

    for (genvar g = 0; g < Cfg.Groups; g++) begin : gen_group
      assign want[g] = rd_valid_i[g] && rd_bank_i[g] == BankBits'(b);
      assign write[b][g] = wr_valid_i[g] && wr_bank_i[g] == BankBits'(b);
    end

    always_comb begin
      raddr = '0;
      waddr = '0;
      wdata = '0;
      for (int unsigned g = 0; g < Cfg.Groups; g++) begin
        raddr |= {AddrWidth{grant[b][g]}} & rd_addr_i[g];
        waddr |= {AddrWidth{write[b][g]}} & wr_addr_i[g];
        wdata |= {DataWidth + 1{write[b][g]}} & {wr_parity[g], wr_data_i[g]};
      end
    end

    psf_round_robin #(
        .N(Cfg.Groups)
    ) u_read (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .req_i  (want),
        .take_i (want != '0),
        .keep_i (1'b0),
        .grant_o(grant[b])
    );

    if (Cfg.StreamDepth == 2 ** AddrWidth) begin : gen_every_address
      assign {raddr_inside, waddr_inside} = '1;
    end else begin : gen_some_addresses
      localparam logic [AddrWidth-1:0] Last = AddrWidth'(Cfg.StreamDepth - 1);
      assign raddr_inside = raddr <= Last;
      assign waddr_inside = waddr <= Last;
    end

    psf_ram_1r1w #(
        .Width(DataWidth + 1),
        .Depth(Cfg.StreamDepth)
    ) u_ram (
        .clk_i(clk_i),
        .we_i(write[b] != '0 && waddr_inside),
        .waddr_i(waddr),
        .wdata_i(wdata),
        .re_i(want != '0),
        .raddr_i(raddr_inside ? raddr : '0),
        .rdata_o({bank_parity[b], bank_data[b]})
    );
  end

  // Of what a group writes, so that no parity tree follows the choice between groups.
  always_comb begin
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      wr_parity[g] = Cfg.Parity != 0 && (^wr_data_i[g]);
    end
  end

  always_comb begin
    rd_ready_o = '0;
    for (int unsigned b = 0; b < Cfg.Groups; b++) begin
      rd_ready_o |= grant[b];
    end
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      rd_data_o[g]  = bank_data[bank_q[g]];
      rd_error_o[g] = ^parities_q[bank_before_q[g]];
    end
  end

  always_ff @(posedge clk_i) begin
    bank_q <= rd_bank_i;
    bank_before_q <= bank_q;
    for (int unsigned b = 0; b < Cfg.Groups; b++) begin
      for (int unsigned p = 0; p < Cfg.Lanes; p++) begin
        parities_q[b][p] <= ^bank_data[b][p*Cfg.StreamWidth+:Cfg.StreamWidth];
      end
      parities_q[b][Cfg.Lanes] <= bank_parity[b];
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      for (int unsigned b = 0; b < Cfg.Groups; b++) begin
        assert ((write[b] & (write[b] - Cfg.Groups'(1))) == '0);
      end
    end
  end

endmodule
