// SPDX-License-Identifier: Apache-2.0
//
// The board: 25 MHz, the FPGA, its SDRAM, and the host at the serial port. What the SDRAM forbids ends
// the simulation. The SDRAM holds sdram.init from the beginning on.
`timescale 1ns / 1ps

module psf_board;
  import "DPI-C" function void psf_host_stop(input string words);

  logic clk, rx, tx, sdram_clk, cke, cs_n, ras_n, cas_n, we_n;
  logic [1:0] ba, dm;
  logic [12:0] a;
  wire [15:0] dq;
  logic [3:0] fault;
  int refreshes;

  initial begin
    clk = 1'b0;
    $readmemh("sdram.init", u_sdram.mem);
    forever #20 clk = ~clk;
  end

  psf_ulx3s u_fpga (
      .clk25(clk),
      .sdram_a(a),
      .sdram_ba(ba),
      .sdram_cas_n(cas_n),
      .sdram_cke(cke),
      .sdram_clock(sdram_clk),
      .sdram_cs_n(cs_n),
      .sdram_dm(dm),
      .sdram_dq(dq),
      .sdram_ras_n(ras_n),
      .sdram_we_n(we_n),
      .serial_rx(tx),
      .serial_tx(rx),
      .user_btn1(1'b0),
      .wifi_gpio0()
  );

  psf_sdram_chip u_sdram (
      .clk_i(sdram_clk),
      .cke_i(cke),
      .cs_ni(cs_n),
      .ras_ni(ras_n),
      .cas_ni(cas_n),
      .we_ni(we_n),
      .ba_i(ba),
      .a_i(a),
      .dqm_i(dm),
      .dq_io(dq),
      .fault_o(fault),
      .refreshes_o(refreshes)
  );

  psf_serial_host u_host (
      .rx_i(rx),
      .tx_o(tx)
  );

  always @(fault) if (fault != 0) psf_host_stop($sformatf("the SDRAM: fault %0d", fault));
endmodule
