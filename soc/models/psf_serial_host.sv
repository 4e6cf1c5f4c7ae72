// SPDX-License-Identifier: Apache-2.0
//
// The host's end of a serial line, 8 data bits, no parity, one stop bit, in the host's own time. Bytes
// come from and go to soc/models/host.cpp.
`timescale 1ns / 1ps

module psf_serial_host #(
    parameter real AwakeNs = 100_000.0  // a board is configured before one opens its port
) (
    input  logic rx_i,  // what the board sends
    output logic tx_o
);
  import "DPI-C" function int psf_host_read();  // the next byte, -1: none
  import "DPI-C" function void psf_host_write(input byte unsigned value);
  import "DPI-C" function void psf_host_stop(input string words);

  realtime bit_ns;
  int baud;
  logic [7:0] got;
  int next;

  initial begin : send
    tx_o = 1'b1;
    if ($value$plusargs("baud=%d", baud) == 0) $fatal(1, "+baud= is missing");
    bit_ns = 1.0e9 / baud;
    #(AwakeNs);
    forever begin
      next = psf_host_read();
      if (next >= 0) begin
        tx_o = 1'b0;
        for (int i = 0; i < 8; i++) #(bit_ns) tx_o = next[i];
        #(bit_ns) tx_o = 1'b1;
      end
      #(bit_ns);
    end
  end

  initial begin : receive
    #1;
    forever begin
      @(negedge rx_i);
      #(bit_ns / 2);
      if (!rx_i) begin  // else a start bit that was none
        for (int i = 0; i < 8; i++) #(bit_ns) got[i] = rx_i;
        #(bit_ns);
        if (!rx_i) psf_host_stop("a byte from the board has no stop bit");
        psf_host_write(got);
      end
    end
  end
endmodule
