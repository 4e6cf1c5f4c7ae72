// SPDX-License-Identifier: Apache-2.0
//
// The spike memory of all groups: Lines lines of LineWords words in as many banks as groups
// (line mod Groups), one read per bank and one write a cycle.
// Reads: per bank round robin over the groups, behind those of the pool; a read accepted in cycle
// t answers in cycle t + 1, for that cycle only.
// Writes: with word enables; with pool_i the groups' are OR-ed into pooled lines by psf_pool. A
// loader's may be spread: words of one bus to word 0 of as many lines, a bank each.
// Priority: pool and clear, groups (round robin), loader. busy_o: a group's write or a clear is
// not in the memory yet; it rises the cycle after the acceptance, and a read accepted while it is
// low sees every group's write. A loader's write accepted in cycle t is read from t + 2 on. Words
// that are read in the cycle in which they are written are undefined.
// Every stored word has its (even) parity above it: made here on a write, given out with a read,
// checked here only by the pool (parity_o); overrun_o: see psf_pool. A read at or beyond Lines is
// answered with some line, a write there is lost.
// Golden: tb.unit.memory.test_spike_memory.

module psf_spike_memory #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned BankBits = $clog2(Cfg.Groups),
    localparam int unsigned AddrWidth = $clog2(Cfg.SpikeLines),
    localparam int unsigned BankAddrWidth = AddrWidth - BankBits,
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned StoredWidth = Cfg.LineWords * (Cfg.Lanes + 1)
) (
    input logic clk_i,
    input logic rst_ni,
    // Of the layer: stable while a group works on it.
    input logic pool_i,
    input logic pair_i,  // with pool_i: see psf_pool
    input logic [7:0] pool_lines_i,  // lines per pooled pixel
    input logic [15:0] pool_row_lines_i,  // lines per pooled row
    input logic clear_start_i,  // only while busy_o is low
    input logic [15:0] clear_base_i,
    input logic [15:0] clear_count_i,
    output logic busy_o,
    // Reads of the groups.
    input logic [Cfg.Groups-1:0] rd_valid_i,
    output logic [Cfg.Groups-1:0] rd_ready_o,
    input logic [Cfg.Groups-1:0][AddrWidth-1:0] rd_addr_i,
    output logic [Cfg.Groups-1:0] rsp_valid_o,
    output logic [Cfg.Groups-1:0][StoredWidth-1:0] rsp_data_o,  // {parity, word} per word
    // Writes of the groups.
    input logic [Cfg.Groups-1:0] wr_valid_i,
    output logic [Cfg.Groups-1:0] wr_ready_o,
    input logic [Cfg.Groups-1:0][AddrWidth-1:0] wr_addr_i,
    input logic [Cfg.Groups-1:0][Cfg.LineWords-1:0] wr_words_i,  // word enables
    input logic [Cfg.Groups-1:0][LineWidth-1:0] wr_data_i,
    input logic [Cfg.Groups-1:0] wr_right_i,  // see psf_pool
    input logic [Cfg.Groups-1:0] wr_down_i,
    // Writes of the loader.
    input logic ld_valid_i,
    output logic ld_ready_o,
    input logic ld_spread_i,  // word i of the data is word 0 of line ld_addr_i + i, i < Spread
    input logic [AddrWidth-1:0] ld_addr_i,
    input logic [Cfg.LineWords-1:0] ld_words_i,
    input logic [LineWidth-1:0] ld_data_i,
    // Errors, pulses.
    output logic parity_o,
    output logic overrun_o
);

  if (Cfg.Groups < 2 || Cfg.Groups != 2 ** BankBits) begin : gen_bad_groups
    $fatal(1, "psf_spike_memory: Groups must be a power of two and at least 2");
  end
  if (Cfg.SpikeLines > 65536 || Cfg.SpikeLines % Cfg.Groups != 0) begin : gen_bad_lines
    $fatal(1, "psf_spike_memory: SpikeLines must be a multiple of Groups, at most 65536");
  end
  if (Cfg.SpikeLines < 2 * Cfg.Groups) begin : gen_bad_few
    $fatal(1, "psf_spike_memory: SpikeLines must be at least 2 * Groups");
  end

  // Reads.
  logic [Cfg.Groups-1:0][Cfg.Groups-1:0] rd_grant;  // [bank][group], 0 while it pools
  logic [Cfg.Groups-1:0][StoredWidth-1:0] bank_data;
  logic [Cfg.Groups-1:0][BankBits-1:0] rsp_bank_q;
  logic [BankBits-1:0] pool_bank_q;
  logic [AddrWidth-1:0] pool_raddr;
  logic pool_re;

  always_comb begin
    rd_ready_o = '0;
    for (int unsigned b = 0; b < Cfg.Groups; b++) rd_ready_o |= rd_grant[b];
    for (int unsigned g = 0; g < Cfg.Groups; g++) rsp_data_o[g] = bank_data[rsp_bank_q[g]];
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      rsp_valid_o <= '0;
    end else begin
      rsp_valid_o <= rd_ready_o;
    end
  end

  always_ff @(posedge clk_i) begin
    pool_bank_q <= pool_raddr[BankBits-1:0];
    for (int unsigned g = 0; g < Cfg.Groups; g++) rsp_bank_q[g] <= rd_addr_i[g][BankBits-1:0];
  end

  // Writes: one group is chosen, for the pool or for the write stage.
  logic [Cfg.Groups-1:0] wr_grant;
  logic [AddrWidth-1:0] wr_addr, pool_waddr;
  logic [Cfg.LineWords-1:0] wr_words, pool_wwords;
  logic [LineWidth-1:0] wr_data, pool_wdata;
  logic wr_any, wr_right, wr_down, wr_ready, pool_ready, pool_we, pool_or, pool_busy;
  logic [StoredWidth-1:0] old_q;  // what the write is OR-ed with, or 0

  psf_round_robin #(
      .N(Cfg.Groups)
  ) u_write (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .req_i  (wr_valid_i),
      .take_i (wr_any && wr_ready),
      .keep_i (1'b0),
      .grant_o(wr_grant)
  );

  assign wr_any = wr_valid_i != '0;
  assign wr_ready = pool_i ? pool_ready : !pool_we;
  assign wr_ready_o = wr_ready ? wr_grant : '0;
  assign wr_right = (wr_grant & wr_right_i) != '0;
  assign wr_down = (wr_grant & wr_down_i) != '0;

  always_comb begin
    wr_addr  = '0;
    wr_words = '0;
    wr_data  = '0;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      wr_addr |= {AddrWidth{wr_grant[g]}} & wr_addr_i[g];
      wr_words |= {Cfg.LineWords{wr_grant[g]}} & wr_words_i[g];
      wr_data |= {LineWidth{wr_grant[g]}} & wr_data_i[g];
    end
  end

  psf_pool #(
      .Cfg(Cfg)
  ) u_pool (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .pair_i(pair_i),
      .pool_lines_i(pool_lines_i),
      .pool_row_lines_i(pool_row_lines_i),
      .clear_start_i(clear_start_i),
      .clear_base_i(clear_base_i),
      .clear_count_i(clear_count_i),
      .busy_o(pool_busy),
      .cmd_valid_i(wr_any && pool_i),
      .cmd_ready_o(pool_ready),
      .cmd_addr_i(wr_addr),
      .cmd_words_i(wr_words),
      .cmd_data_i(wr_data),
      .cmd_right_i(wr_right),
      .cmd_down_i(wr_down),
      .re_o(pool_re),
      .raddr_o(pool_raddr),
      .we_o(pool_we),
      .waddr_o(pool_waddr),
      .wwords_o(pool_wwords),
      .wdata_o(pool_wdata),
      .or_o(pool_or),
      .line_i(old_q),
      .parity_o(parity_o),
      .overrun_o(overrun_o)
  );

  // Write stage.
  localparam int unsigned Spread = psf_pkg::spread_lines(Cfg);
  localparam int unsigned SpreadBits = $clog2(Spread);
  logic direct, direct_q, spread_q;
  logic [Cfg.LineWords-1:0] words_q;
  logic [AddrWidth-1:0] addr_q;
  logic [LineWidth-1:0] data_q;
  logic [StoredWidth-1:0] stored;

  always_comb begin
    for (int unsigned w = 0; w < Cfg.LineWords; w++) begin
      stored[w*(Cfg.Lanes+1)+:Cfg.Lanes] = data_q[w*Cfg.Lanes+:Cfg.Lanes]
          | old_q[w*(Cfg.Lanes+1)+:Cfg.Lanes];
      stored[w*(Cfg.Lanes+1)+Cfg.Lanes] = Cfg.Parity != 0 && (^stored[w*(Cfg.Lanes+1)+:Cfg.Lanes]);
    end
  end

  assign direct = wr_any && !pool_i;
  assign ld_ready_o = !pool_we && !direct;
  assign busy_o = pool_busy || direct_q;

  always_ff @(posedge clk_i) begin
    addr_q <= pool_we ? pool_waddr : direct ? wr_addr : ld_addr_i;
    old_q <= pool_or ? bank_data[pool_bank_q] : '0;
    data_q <= pool_we ? pool_wdata : direct ? wr_data : ld_data_i;
    spread_q <= ld_spread_i && !pool_we && !direct;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {words_q, direct_q} <= '0;
    end else begin
      direct_q <= direct && !pool_we;
      if (pool_we) begin
        words_q <= pool_wwords;
      end else if (direct) begin
        words_q <= wr_words;
      end else begin
        words_q <= ld_valid_i ? ld_words_i : '0;
      end
    end
  end

  for (genvar b = 0; b < Cfg.Groups; b++) begin : gen_bank
    logic [Cfg.Groups-1:0] want, grant;
    logic [AddrWidth-1:0] rd_addr;
    logic [BankAddrWidth-1:0] raddr, raddr_inside, waddr;
    logic [Cfg.LineWords-1:0] we;
    logic [  StoredWidth-1:0] wdata;
    logic pool_here, waddr_inside, we_here;

    for (genvar g = 0; g < Cfg.Groups; g++) begin : gen_group
      assign want[g] = rd_valid_i[g] && rd_addr_i[g][BankBits-1:0] == BankBits'(b);
    end
    assign pool_here = pool_re && pool_raddr[BankBits-1:0] == BankBits'(b);

    psf_round_robin #(
        .N(Cfg.Groups)
    ) u_read (
        .clk_i  (clk_i),
        .rst_ni (rst_ni),
        .req_i  (want),
        .take_i (want != '0 && !pool_here),
        .keep_i (1'b0),
        .grant_o(grant)
    );
    assign rd_grant[b] = pool_here ? '0 : grant;

    always_comb begin
      rd_addr = '0;
      for (int unsigned g = 0; g < Cfg.Groups; g++) rd_addr |= {AddrWidth{grant[g]}} & rd_addr_i[g];
    end

    assign raddr = pool_here ? pool_raddr[AddrWidth-1:BankBits] : rd_addr[AddrWidth-1:BankBits];
    assign waddr = addr_q[AddrWidth-1:BankBits];
    assign we = we_here ? words_q : '0;

    always_comb begin
      we_here = addr_q[BankBits-1:0] == BankBits'(b);
      wdata   = stored;
      if (spread_q) begin
        we_here = addr_q[BankBits-1:0] >> SpreadBits == BankBits'(b) >> SpreadBits;
        wdata[Cfg.Lanes:0] = stored[(b%Spread)*(Cfg.Lanes+1)+:Cfg.Lanes+1];
      end
    end

    if (Cfg.SpikeLines == 2 ** AddrWidth) begin : gen_every_address
      assign raddr_inside = raddr;
      assign waddr_inside = 1'b1;
    end else begin : gen_some_addresses
      localparam logic [BankAddrWidth-1:0] Last = BankAddrWidth'(Cfg.SpikeLines / Cfg.Groups - 1);
      assign raddr_inside = (raddr <= Last) ? raddr : '0;
      assign waddr_inside = waddr <= Last;
    end

    psf_ram_1r1w_be #(
        .Lanes(Cfg.LineWords),
        .LaneWidth(Cfg.Lanes + 1),
        .Depth(Cfg.SpikeLines / Cfg.Groups)
    ) u_ram (
        .clk_i(clk_i),
        .we_i(we & {Cfg.LineWords{waddr_inside}}),
        .waddr_i(waddr),
        .wdata_i(wdata),
        .re_i(pool_here || want != '0),
        .raddr_i(raddr_inside),
        .rdata_o(bank_data[b])
    );
  end

endmodule
