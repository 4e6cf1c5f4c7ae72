// SPDX-License-Identifier: Apache-2.0
//
// An SDR SDRAM of 4 banks x 8192 rows x 512 columns x 16 bits at its pins, with times of the data
// sheet of an MT48LC16M16A2-75 (the IS42S16160G-7 of a ULX3S is no slower). Burst length 1, CAS
// latency 2 or 3. Read data are there from tAC after the edge before the one that takes them, until
// tOH after that one; around it the pins have noise. `fault_o` is the first thing that the data sheet
// forbids; `refreshes_o` counts.
`timescale 1ns / 1ps

module psf_sdram_chip #(
    parameter real PowerUpNs = 100_000.0
) (
    input logic clk_i,
    input logic cke_i,
    input logic cs_ni,
    input logic ras_ni,
    input logic cas_ni,
    input logic we_ni,
    input logic [1:0] ba_i,
    input logic [12:0] a_i,
    input logic [1:0] dqm_i,
    inout wire [15:0] dq_io,
    output logic [3:0] fault_o,
    output int refreshes_o
);
  localparam real TRcd = 20.0, TRp = 20.0, TRas = 44.0, TRc = 66.0, TRrd = 15.0, TWr = 15.0;
  localparam real TSetup = 1.5, THold = 0.8, TAc = 6.0, TOh = 3.0, TLz = 1.0, THz = 6.0;
  localparam real TRefresh = 64.0e6 / 8192 * 1.01;  // a percent more: LiteDRAM rounds to clocks
  localparam int Late = 8;  // refreshes that may wait
  localparam logic [15:0] Noise = 16'hDEAD;

  typedef enum logic [3:0] {
    NONE       = 0,
    MODE       = 2,  // no mode yet, not initialised, or a mode that is not known here
    CLOSED     = 3,  // read or write in a bank without an open row
    OPEN       = 4,  // activate, refresh or mode while a row is open
    EARLY      = 5,  // before tRCD, tRP, tRAS, tRC, tRRD, tWR, tRFC or tMRD is over
    CONTENTION = 6,  // a write while the chip drives the pins
    STALE      = 7,  // too few refreshes
    UNSTABLE   = 8   // an input changed around the clock's edge
  } fault_e;

  logic [15:0] mem[2**24];  // row, bank, column
  fault_e fault;
  logic mode_set;
  int latency, cleared, clock;
  logic row_open[4];
  logic [12:0] row[4];
  realtime activated[4], closed[4], written[4];  // when; closed: when its precharge began
  realtime any_activated, busy_until, since, edge_at, changed, period;
  int mode_at;

  logic [15:0] out, later[3];
  logic drive, valid[3];
  logic [1:0] dqm_q;
  int last_read;

  assign fault_o = fault;
  assign dq_io   = drive ? out : 16'hzzzz;

  task automatic complain(input fault_e what);
    if (fault == NONE) fault = what;
  endtask

  function automatic logic open_somewhere();
    return row_open[0] || row_open[1] || row_open[2] || row_open[3];
  endfunction

  task automatic close(input int bank, input realtime at);
    if (at - activated[bank] < TRas) complain(EARLY);
    row_open[bank] = 1'b0;
    closed[bank]   = at;
  endtask

  initial begin
    fault = NONE;
    mode_set = 1'b0;
    cleared = 0;
    clock = 0;
    latency = 0;
    last_read = -10;
    mode_at = -10;
    refreshes_o = 0;
    drive = 1'b0;
    edge_at = -1000.0;
    changed = 0;
    any_activated = -1000.0;
    busy_until = 0;
    for (int i = 0; i < 4; i++) begin
      row_open[i]  = 1'b0;
      activated[i] = -1000.0;
      closed[i]    = -1000.0;
      written[i]   = -1000.0;
    end
    for (int i = 0; i < 3; i++) valid[i] = 1'b0;
  end

  always @(cs_ni, ras_ni, cas_ni, we_ni, ba_i, a_i, dqm_i, cke_i) begin
    if (cke_i && $realtime - edge_at < THold) complain(UNSTABLE);
    changed = $realtime;
  end

  always @(posedge clk_i) begin : command
    automatic int   bank = int'(ba_i);
    automatic int   cell_no = int'({row[bank], ba_i, a_i[8:0]});
    automatic logic active = cke_i && !cs_ni;
    period  = $realtime - edge_at;
    edge_at = $realtime;
    clock   = clock + 1;
    if (cke_i && edge_at - changed < TSetup) complain(UNSTABLE);
    if (mode_set && edge_at > since + (refreshes_o + Late) * TRefresh) complain(STALE);

    // Data of reads, a stage a clock: launched here, taken by the controller at the next edge.
    if (valid[0]) begin
      drive <= #(TLz) 1'b1;
      out   <= #(TOh) Noise ^ later[0];
      out   <= #(TAc) later[0] | {{8{dqm_q[1]}}, {8{dqm_q[0]}}};
    end else begin
      out   <= #(TOh) Noise;
      drive <= #(THz) 1'b0;
    end
    for (int i = 0; i < 2; i++) begin
      later[i] = later[i+1];
      valid[i] = valid[i+1];
    end
    valid[2] = 1'b0;

    if (active && {ras_ni, cas_ni, we_ni} != 3'b111 && edge_at >= PowerUpNs) begin
      if (edge_at < busy_until || clock < mode_at + 2) complain(EARLY);
      unique case ({ras_ni, cas_ni, we_ni})
        3'b011: begin  // activate
          if (!mode_set || cleared < 2) complain(MODE);
          if (row_open[bank]) complain(OPEN);
          if (edge_at - closed[bank] < TRp || edge_at - activated[bank] < TRc ||
              edge_at - any_activated < TRrd)
            complain(EARLY);
          row_open[bank] = 1'b1;
          row[bank] = a_i;
          activated[bank] = edge_at;
          any_activated = edge_at;
        end
        3'b101: begin  // read
          if (!row_open[bank]) complain(CLOSED);
          if (edge_at - activated[bank] < TRcd) complain(EARLY);
          later[latency-2] = mem[cell_no];
          valid[latency-2] = 1'b1;
          last_read = clock;
          if (a_i[10]) close(bank, edge_at + period);
        end
        3'b100: begin  // write
          if (!row_open[bank]) complain(CLOSED);
          if (edge_at - activated[bank] < TRcd) complain(EARLY);
          if (clock - last_read <= latency) complain(CONTENTION);
          if (!dqm_i[0]) mem[cell_no][7:0] = dq_io[7:0];
          if (!dqm_i[1]) mem[cell_no][15:8] = dq_io[15:8];
          written[bank] = edge_at;
          if (a_i[10]) close(bank, edge_at + period + 7.5);
        end
        3'b010: begin  // precharge
          for (int i = 0; i < 4; i++) begin
            if ((a_i[10] || i == bank) && row_open[i]) begin
              if (edge_at - written[i] < TWr) complain(EARLY);
              close(i, edge_at);
            end
          end
        end
        3'b001: begin  // refresh
          if (open_somewhere()) complain(OPEN);
          for (int i = 0; i < 4; i++) if (edge_at - closed[i] < TRp) complain(EARLY);
          busy_until = edge_at + TRc;
          if (mode_set) refreshes_o = refreshes_o + 1;
          cleared = cleared + 1;
        end
        3'b000: begin  // mode register
          if (open_somewhere()) complain(OPEN);
          mode_at = clock;
          latency = int'(a_i[6:4]);
          if (!mode_set) since = edge_at;
          mode_set = a_i[8:7] == 0 && a_i[2:0] == 0 && (latency == 2 || latency == 3);
        end
        default: ;  // burst terminate: a burst of one is over
      endcase
    end
    dqm_q = dqm_i;
  end
endmodule
