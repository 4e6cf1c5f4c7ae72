// SPDX-License-Identifier: Apache-2.0
//
// Parts of the simulated board by themselves. +case=N: commands to the SDRAM, one of them against its
// data sheet unless N is 0 (test_pinlevel.py names them); the fault that is seen, what is read. And
// what the PLL of the ULX3S makes of 25 MHz.
`timescale 1ns / 1ps

module psf_parts_bench;
  localparam real Period = 25.0;
  logic clk, cke, cs_n, ras_n, cas_n, we_n, drive;
  logic [1:0] ba, dqm;
  logic [12:0] a;
  logic [15:0] out;
  wire [15:0] dq;
  logic [3:0] fault;
  int refreshes, which;
  localparam logic [2:0] Activate = 3'b011, Read = 3'b101, Write = 3'b100, Precharge = 3'b010;
  localparam logic [2:0] Refresh = 3'b001, Mode = 3'b000;
  assign dq = drive ? out : 16'hzzzz;

  psf_sdram_chip u_chip (
      .clk_i(clk),
      .cke_i(cke),
      .cs_ni(cs_n),
      .ras_ni(ras_n),
      .cas_ni(cas_n),
      .we_ni(we_n),
      .ba_i(ba),
      .a_i(a),
      .dqm_i(dqm),
      .dq_io(dq),
      .fault_o(fault),
      .refreshes_o(refreshes)
  );

  // A command `setup` in front of an edge, until 1 ns behind it; then nothing for `idle` clocks.
  task automatic send(input logic [2:0] command, input logic [1:0] bank, input logic [12:0] address,
                      input int idle, input real setup = 18.75);
    #(Period - 1.0 - setup);
    {cs_n, ras_n, cas_n, we_n} = {1'b0, command};
    ba = bank;
    a = address;
    @(posedge clk);
    #1.0;
    {cs_n, ras_n, cas_n, we_n} = 4'b0111;
    drive = 1'b0;
    repeat (idle) @(posedge clk) #1.0;
  endtask

  task automatic write(input logic [1:0] bank, input logic [12:0] address, input logic [15:0] value,
                       input logic [1:0] mask);
    out = value;
    drive = 1'b1;
    dqm = mask;
    send(Write, bank, address, 0);
    dqm = 2'b00;
    @(posedge clk) #1.0;
  endtask

  initial begin
    if ($value$plusargs("case=%d", which) == 0) $fatal(1, "+case= is missing");
    {clk, drive, ba, a, dqm} = '0;
    {cke, cs_n, ras_n, cas_n, we_n} = '1;
    forever #(Period / 2) clk = !clk;
  end

  initial begin
    #(which == 1 ? 1_000.0 : 101_000.0);
    @(posedge clk) #1.0;
    send(Precharge, 0, 13'h400, 1);
    send(Refresh, 0, 0, 3);
    send(Refresh, 0, 0, which == 5 ? 1 : 3);
    if (which != 2)
      send(Mode, 0, which == 3 ? 13'h021 : which == 4 ? 13'h030 : 13'h020, which == 11 ? 0 : 2);
    send(Activate, 1, 13'h123, 2, which == 6 ? 0.5 : 18.75);
    write(which == 7 ? 2 : 1, 13'h045, 16'hCAFE, 2'b00);
    write(1, 13'h046, 16'hFFFF, 2'b10);
    if (which == 8) send(Activate, 1, 13'h124, 2);
    if (which == 9) send(Refresh, 0, 0, 3);
    if (which == 10) begin
      #400_000.0;
      @(posedge clk) #1.0;
    end
    send(Precharge, 1, 0, 0);
    send(Activate, 1, 13'h123, which == 13 ? 0 : 2);
    if (which == 13) send(Precharge, 1, 0, 2);
    send(Read, 1, 13'h045, which == 12 ? 0 : 2);
    if (which == 12) send(Write, 1, 13'h047, 2);
    $write("fault %0d data %h", fault, taken);
    send(Read, 1, 13'h446, 2);  // and precharge
    $write(" masked %h", taken);
    send(Refresh, 0, 0, 3);
    $display(" refreshes %0d, fault %0d", refreshes, fault);
    $finish;
  end

  // As GENSDRPHY takes data at latency 2.
  logic [15:0] taken;
  always @(posedge clk) #18.75 taken = dq;

  // The PLL as it is in the ULX3S at 40 MHz.
  logic clk25, op, os, os2, lock;
  realtime rise[2], period[2];
  EHXPLLL #(
      .CLKI_DIV(1),
      .CLKFB_DIV(16),
      .CLKOP_DIV(10),
      .CLKOP_CPHASE(9),
      .CLKOS_ENABLE("ENABLED"),
      .CLKOS_DIV(10),
      .CLKOS_CPHASE(11),
      .CLKOS_FPHASE(4),
      .CLKOS2_ENABLE("ENABLED"),
      .CLKOS2_DIV(1),
      .CLKOS2_CPHASE(0),
      .FEEDBK_PATH("INT_OS2")
  ) u_pll (
      .CLKI(clk25),
      .RST(1'b0),
      .STDBY(1'b0),
      .CLKOP(op),
      .CLKOS(os),
      .CLKOS2(os2),
      .CLKOS3(),
      .LOCK(lock)
  );
  initial begin
    clk25 = 1'b0;
    forever #20 clk25 = !clk25;
  end
  always @(posedge op) begin
    period[0] = $realtime - rise[0];
    rise[0] = $realtime;
  end
  always @(posedge os) begin
    period[1] = $realtime - rise[1];
    rise[1] = $realtime;
  end
  initial begin
    #50_001;
    $display("pll %0d %0.3f %0.3f %0.3f", lock, period[0], period[1],
             rise[1] > rise[0] ? rise[1] - rise[0] : rise[1] - rise[0] + period[0]);
  end
endmodule
