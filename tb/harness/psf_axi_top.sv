// SPDX-License-Identifier: Apache-2.0
// Bench of the block as it is delivered: psf_top with both buses at the ports, for the models of
// cocotbext-axi, and the bus checker (Icarus 11 subset). stalled_o says which channels were held
// back since reset: AXI4 AW, W, B, AR, R, AXI4-Lite B and R, and its AW and W by the other one.

module psf_axi_top #(
  // generated: parameters (python -m golden.hardware.interface)
  parameter Groups = 4,
  parameter Lanes = 16,
  parameter Banks = 8,
  parameter LineWords = 8,
  parameter AccDepth = 16,
  parameter AccWidth = 20,
  parameter StreamWidth = 16,
  parameter BankDepth = 1024,
  parameter RowDepth = 1024,
  parameter ParamDepth = 128,
  parameter SpikeLines = 2048,
  parameter StreamDepth = 512,
  parameter PatchLines = 64,
  // end generated
  parameter AxiIdWidth = 4
) (
  input  wire                  clk_i,
  input  wire                  rst_ni,
  output wire                  irq_o,
  input  wire [11:0]           s_axil_awaddr,
  input  wire                  s_axil_awvalid,
  output wire                  s_axil_awready,
  input  wire [31:0]           s_axil_wdata,
  input  wire [3:0]            s_axil_wstrb,
  input  wire                  s_axil_wvalid,
  output wire                  s_axil_wready,
  output wire [1:0]            s_axil_bresp,
  output wire                  s_axil_bvalid,
  input  wire                  s_axil_bready,
  input  wire [11:0]           s_axil_araddr,
  input  wire                  s_axil_arvalid,
  output wire                  s_axil_arready,
  output wire [31:0]           s_axil_rdata,
  output wire [1:0]            s_axil_rresp,
  output wire                  s_axil_rvalid,
  input  wire                  s_axil_rready,
  output wire [AxiIdWidth-1:0] m_axi_awid,
  output wire [31:0]           m_axi_awaddr,
  output wire [7:0]            m_axi_awlen,
  output wire [2:0]            m_axi_awsize,
  output wire [1:0]            m_axi_awburst,
  output wire                  m_axi_awvalid,
  input  wire                  m_axi_awready,
  output wire [63:0]           m_axi_wdata,
  output wire [7:0]            m_axi_wstrb,
  output wire                  m_axi_wlast,
  output wire                  m_axi_wvalid,
  input  wire                  m_axi_wready,
  input  wire [AxiIdWidth-1:0] m_axi_bid,
  input  wire [1:0]            m_axi_bresp,
  input  wire                  m_axi_bvalid,
  output wire                  m_axi_bready,
  output wire [AxiIdWidth-1:0] m_axi_arid,
  output wire [31:0]           m_axi_araddr,
  output wire [7:0]            m_axi_arlen,
  output wire [2:0]            m_axi_arsize,
  output wire [1:0]            m_axi_arburst,
  output wire                  m_axi_arvalid,
  input  wire                  m_axi_arready,
  input  wire [AxiIdWidth-1:0] m_axi_rid,
  input  wire [63:0]           m_axi_rdata,
  input  wire [1:0]            m_axi_rresp,
  input  wire                  m_axi_rlast,
  input  wire                  m_axi_rvalid,
  output wire                  m_axi_rready,
  input  wire [31:0]           read_base_i,
  input  wire [31:0]           read_limit_i,
  input  wire [31:0]           write_base_i,
  input  wire [31:0]           write_limit_i,
  output wire [31:0]           escapes_o,
  output wire                  bus_open_o,
  output reg  [8:0]            stalled_o  // see below
);

`ifdef NETLIST
  psf_top u_top (
`else
  psf_top #(
    .Groups(Groups),
    .Lanes(Lanes),
    .Banks(Banks),
    .LineWords(LineWords),
    .AccDepth(AccDepth),
    .AccWidth(AccWidth),
    .StreamWidth(StreamWidth),
    .BankDepth(BankDepth),
    .RowDepth(RowDepth),
    .ParamDepth(ParamDepth),
    .SpikeLines(SpikeLines),
    .StreamDepth(StreamDepth),
    .PatchLines(PatchLines),
    .AxiIdWidth(AxiIdWidth)
  ) u_top (
`endif
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .irq_o(irq_o),
    .s_axil_awaddr(s_axil_awaddr),
    .s_axil_awvalid(s_axil_awvalid),
    .s_axil_awready(s_axil_awready),
    .s_axil_wdata(s_axil_wdata),
    .s_axil_wstrb(s_axil_wstrb),
    .s_axil_wvalid(s_axil_wvalid),
    .s_axil_wready(s_axil_wready),
    .s_axil_bresp(s_axil_bresp),
    .s_axil_bvalid(s_axil_bvalid),
    .s_axil_bready(s_axil_bready),
    .s_axil_araddr(s_axil_araddr),
    .s_axil_arvalid(s_axil_arvalid),
    .s_axil_arready(s_axil_arready),
    .s_axil_rdata(s_axil_rdata),
    .s_axil_rresp(s_axil_rresp),
    .s_axil_rvalid(s_axil_rvalid),
    .s_axil_rready(s_axil_rready),
    .m_axi_awid(m_axi_awid),
    .m_axi_awaddr(m_axi_awaddr),
    .m_axi_awlen(m_axi_awlen),
    .m_axi_awsize(m_axi_awsize),
    .m_axi_awburst(m_axi_awburst),
    .m_axi_awvalid(m_axi_awvalid),
    .m_axi_awready(m_axi_awready),
    .m_axi_wdata(m_axi_wdata),
    .m_axi_wstrb(m_axi_wstrb),
    .m_axi_wlast(m_axi_wlast),
    .m_axi_wvalid(m_axi_wvalid),
    .m_axi_wready(m_axi_wready),
    .m_axi_bid(m_axi_bid),
    .m_axi_bresp(m_axi_bresp),
    .m_axi_bvalid(m_axi_bvalid),
    .m_axi_bready(m_axi_bready),
    .m_axi_arid(m_axi_arid),
    .m_axi_araddr(m_axi_araddr),
    .m_axi_arlen(m_axi_arlen),
    .m_axi_arsize(m_axi_arsize),
    .m_axi_arburst(m_axi_arburst),
    .m_axi_arvalid(m_axi_arvalid),
    .m_axi_arready(m_axi_arready),
    .m_axi_rid(m_axi_rid),
    .m_axi_rdata(m_axi_rdata),
    .m_axi_rresp(m_axi_rresp),
    .m_axi_rlast(m_axi_rlast),
    .m_axi_rvalid(m_axi_rvalid),
    .m_axi_rready(m_axi_rready)
  );

  psf_axi_checker #(
    .IdWidth(AxiIdWidth)
  ) u_checker (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .read_base_i(read_base_i),
    .read_limit_i(read_limit_i),
    .write_base_i(write_base_i),
    .write_limit_i(write_limit_i),
    .escapes_o(escapes_o),
    .open_o(bus_open_o),
    .awid_i(m_axi_awid),
    .awaddr_i(m_axi_awaddr),
    .awlen_i(m_axi_awlen),
    .awsize_i(m_axi_awsize),
    .awburst_i(m_axi_awburst),
    .awvalid_i(m_axi_awvalid),
    .awready_i(m_axi_awready),
    .wdata_i(m_axi_wdata),
    .wstrb_i(m_axi_wstrb),
    .wlast_i(m_axi_wlast),
    .wvalid_i(m_axi_wvalid),
    .wready_i(m_axi_wready),
    .bresp_i(m_axi_bresp),
    .bvalid_i(m_axi_bvalid),
    .bready_i(m_axi_bready),
    .arid_i(m_axi_arid),
    .araddr_i(m_axi_araddr),
    .arlen_i(m_axi_arlen),
    .arsize_i(m_axi_arsize),
    .arburst_i(m_axi_arburst),
    .arvalid_i(m_axi_arvalid),
    .arready_i(m_axi_arready),
    .rdata_i(m_axi_rdata),
    .rresp_i(m_axi_rresp),
    .rlast_i(m_axi_rlast),
    .rvalid_i(m_axi_rvalid),
    .rready_i(m_axi_rready),
    .axil_awaddr_i(s_axil_awaddr),
    .axil_awvalid_i(s_axil_awvalid),
    .axil_awready_i(s_axil_awready),
    .axil_wdata_i(s_axil_wdata),
    .axil_wstrb_i(s_axil_wstrb),
    .axil_wvalid_i(s_axil_wvalid),
    .axil_wready_i(s_axil_wready),
    .axil_bresp_i(s_axil_bresp),
    .axil_bvalid_i(s_axil_bvalid),
    .axil_bready_i(s_axil_bready),
    .axil_araddr_i(s_axil_araddr),
    .axil_arvalid_i(s_axil_arvalid),
    .axil_arready_i(s_axil_arready),
    .axil_rdata_i(s_axil_rdata),
    .axil_rresp_i(s_axil_rresp),
    .axil_rvalid_i(s_axil_rvalid),
    .axil_rready_i(s_axil_rready)
  );

  reg r_amid_q;  // in a read burst
  reg l_aw_q, l_w_q;  // one of both is here

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      stalled_o <= 9'd0;
      r_amid_q <= 1'b0;
      l_aw_q <= 1'b0;
      l_w_q <= 1'b0;
    end else begin
      stalled_o <= stalled_o | {
          l_aw_q && !l_w_q && s_axil_wready && !s_axil_wvalid,
          l_w_q && !l_aw_q && s_axil_awready && !s_axil_awvalid,
          s_axil_rvalid && !s_axil_rready,
          s_axil_bvalid && !s_axil_bready,
          r_amid_q && m_axi_rready && !m_axi_rvalid,
          m_axi_arvalid && !m_axi_arready,
          m_axi_bready && !m_axi_bvalid,
          m_axi_wvalid && !m_axi_wready,
          m_axi_awvalid && !m_axi_awready};
      if (m_axi_rvalid && m_axi_rready) r_amid_q <= !m_axi_rlast;
      if (s_axil_bvalid) begin
        l_aw_q <= 1'b0;
        l_w_q <= 1'b0;
      end else begin
        if (s_axil_awvalid && s_axil_awready) l_aw_q <= 1'b1;
        if (s_axil_wvalid && s_axil_wready) l_w_q <= 1'b1;
      end
    end
  end

  // What AXI4 leaves open and our header promises: at most 64 beats, all IDs 0, full strobes.
  always @(posedge clk_i) begin
    if (rst_ni) begin
      if (m_axi_arvalid && (m_axi_arlen > 8'd63 || |m_axi_arid)) begin
        $error("read burst of %0d beats, ID %0d", m_axi_arlen + 9'd1, m_axi_arid);
      end
      if (m_axi_awvalid && (m_axi_awlen > 8'd63 || |m_axi_awid)) begin
        $error("write burst of %0d beats, ID %0d", m_axi_awlen + 9'd1, m_axi_awid);
      end
      if (m_axi_wvalid && m_axi_wstrb != 8'hFF) $error("write strobes %b", m_axi_wstrb);
    end
  end

endmodule
