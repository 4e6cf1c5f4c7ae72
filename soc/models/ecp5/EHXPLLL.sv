// SPDX-License-Identifier: Apache-2.0
//
// The PLL of an ECP5, as Lattice's data sheet and technical note TN1263 have it: the oscillator runs
// at CLKI / CLKI_DIV * CLKFB_DIV * (divider of the output that is fed back); an output divides that
// and comes CPHASE + FPHASE / 8 - (DIV - 1) of its periods late. It measures CLKI. Feedback by an
// internal path only; no dynamic phase. Ends the simulation if a frequency is out of range.
`timescale 1ns / 1ps

module EHXPLLL #(
    parameter int CLKI_DIV = 1,
    parameter int CLKFB_DIV = 1,
    parameter int CLKOP_DIV = 8,
    parameter int CLKOS_DIV = 8,
    parameter int CLKOS2_DIV = 8,
    parameter int CLKOS3_DIV = 8,
    parameter int CLKOP_CPHASE = 0,
    parameter int CLKOS_CPHASE = 0,
    parameter int CLKOS2_CPHASE = 0,
    parameter int CLKOS3_CPHASE = 0,
    parameter int CLKOP_FPHASE = 0,
    parameter int CLKOS_FPHASE = 0,
    parameter int CLKOS2_FPHASE = 0,
    parameter int CLKOS3_FPHASE = 0,
    parameter CLKOP_ENABLE = "ENABLED",
    parameter CLKOS_ENABLE = "DISABLED",
    parameter CLKOS2_ENABLE = "DISABLED",
    parameter CLKOS3_ENABLE = "DISABLED",
    parameter FEEDBK_PATH = "CLKOP"
) (
    input  logic CLKI,
    input  logic RST,
    input  logic STDBY,
    output logic CLKOP,
    output logic CLKOS,
    output logic CLKOS2,
    output logic CLKOS3,
    output logic LOCK
);
  localparam int Div[4] = '{CLKOP_DIV, CLKOS_DIV, CLKOS2_DIV, CLKOS3_DIV};
  localparam int Late[4] = '{  // eighths of a period of the oscillator
      8 * (CLKOP_CPHASE - CLKOP_DIV + 1) + CLKOP_FPHASE,
      8 * (CLKOS_CPHASE - CLKOS_DIV + 1) + CLKOS_FPHASE,
      8 * (CLKOS2_CPHASE - CLKOS2_DIV + 1) + CLKOS2_FPHASE,
      8 * (CLKOS3_CPHASE - CLKOS3_DIV + 1) + CLKOS3_FPHASE
  };
  localparam bit Enabled[4] = '{
      CLKOP_ENABLE == "ENABLED",
      CLKOS_ENABLE == "ENABLED",
      CLKOS2_ENABLE == "ENABLED",
      CLKOS3_ENABLE == "ENABLED"
  };
  localparam int Feedback =
      FEEDBK_PATH == "INT_OP" ? 0 : FEEDBK_PATH == "INT_OS" ? 1 :
      FEEDBK_PATH == "INT_OS2" ? 2 : FEEDBK_PATH == "INT_OS3" ? 3 : -1;
  localparam int Periods = 64;  // of CLKI until it locks; silicon takes longer

  if (Feedback < 0 || !Enabled[Feedback]) begin : gen_feedback
    $fatal(1, "EHXPLLL: FEEDBK_PATH has to be an internal path of an output that is enabled");
  end

  realtime edge_at, vco, start;
  int seen;
  logic [3:0] out;

  always @(posedge CLKI or posedge RST or posedge STDBY) begin
    if (RST || STDBY) begin
      seen = 0;
      LOCK = 1'b0;
    end else begin
      if (seen > 0) vco = ($realtime - edge_at) * CLKI_DIV / (CLKFB_DIV * Div[Feedback]);
      edge_at = $realtime;
      seen = seen + 1;
      if (seen == Periods) begin  // 400 to 800 MHz; phase detector 10 to 400 MHz
        if (vco < 1.249 || vco > 2.501) $fatal(1, "EHXPLLL: oscillator of %f MHz", 1000.0 / vco);
        if (vco * CLKFB_DIV * Div[Feedback] > 100.0) $fatal(1, "EHXPLLL: below 10 MHz compared");
        start = $realtime;
        LOCK  = 1'b1;
      end
    end
  end

  for (genvar i = 0; i < 4; i++) begin : gen_output
    if (Enabled[i]) begin : gen_clock
      realtime next;
      longint halves;
      initial begin
        out[i] = 1'b0;
        forever begin
          wait (LOCK);
          halves = 0;
          while (LOCK) begin
            next = start + vco * (Late[i] / 8.0 + Div[i] * (1 + halves / 2.0));
            #(next - $realtime);
            out[i] = !halves[0];
            halves = halves + 1;
          end
          out[i] = 1'b0;
        end
      end
    end else begin : gen_off
      initial out[i] = 1'b0;
    end
  end
  assign {CLKOS3, CLKOS2, CLKOS, CLKOP} = out;
endmodule
