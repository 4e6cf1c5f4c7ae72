// SPDX-License-Identifier: Apache-2.0
//
// The first eight registers: what this hardware is and how large (psf_regs.rdl: ID, VERSION, CAP0 to
// CAP5; CAP6 is in psf_registers). Constants, combinational.

module psf_capabilities #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    localparam logic [31:0] Version = 32'h0006_0001  // major<<16 | minor
) (
    input  logic [ 4:2] raddr_i,
    output logic [31:0] rdata_o
);

  if (Cfg.Groups > 255 || Cfg.Lanes > 255 || Cfg.Banks > 255 || Cfg.LineWords > 255 ||
      Cfg.AccWidth > 255 || Cfg.StreamWidth > 255) begin : gen_bad_bytes
    $fatal(1, "psf_capabilities: Groups, Lanes, Banks, LineWords and the widths must be below 256");
  end
  if (Cfg.AccDepth > 65535 || Cfg.BankDepth > 65535 || Cfg.RowDepth > 65535 ||
      Cfg.ParamDepth > 65535 || Cfg.SpikeLines > 65535 || Cfg.StreamDepth > 65535 ||
      Cfg.PatchLines > 65535) begin : gen_bad_depths
    $fatal(1, "psf_capabilities: every depth must be below 65536 to fit its capability field");
  end

  if (Cfg.Patterns < 2 || Cfg.Patterns > 16 || Cfg.Patterns != 2 ** $clog2(
          Cfg.Patterns
      )) begin : gen_bad_patterns
    $fatal(1, "psf_capabilities: Patterns must be 2, 4, 8 or 16");
  end

  if (Cfg.Parity > 1) begin : gen_bad_parity
    $fatal(1, "psf_capabilities: Parity must be 0 or 1");
  end

  // Bit 0 of the features is the parity.
  localparam logic [15:0] Features = 16'(psf_pkg::Features) & ~16'(Cfg.Parity == 0);
  localparam logic [31:0] Cap5 = {Features, 8'(Cfg.BusBytes), 8'(psf_pkg::DescriptorFormat)};

  always_comb begin
    unique case (raddr_i)
      3'd0:    rdata_o = 32'h5053_4631;  // "PSF1"
      3'd1:    rdata_o = Version;
      3'd2:    rdata_o = {8'(Cfg.LineWords), 8'(Cfg.Banks), 8'(Cfg.Lanes), 8'(Cfg.Groups)};
      3'd3:    rdata_o = {8'(Cfg.StreamWidth), 8'(Cfg.AccWidth), 16'(Cfg.AccDepth)};
      3'd4:    rdata_o = {16'(Cfg.RowDepth), 16'(Cfg.BankDepth)};
      3'd5:    rdata_o = {16'(Cfg.PatchLines), 16'(Cfg.ParamDepth)};
      3'd6:    rdata_o = {16'(Cfg.StreamDepth), 16'(Cfg.SpikeLines)};
      default: rdata_o = Cap5;
    endcase
  end

endmodule
