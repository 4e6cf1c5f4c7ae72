// SPDX-License-Identifier: Apache-2.0
// Bench of the block as it is delivered: psf_top with both buses at the ports, for the models of
// cocotbext-axi, and the bus checker (Icarus 11 subset). stalled_o says which channels were held
// back since reset: AXI4 AW, W, B, AR, R, AXI4-Lite B and R, and its AW and W by the other one.

module psf_axi_top #(
  `PSF_HARDWARE_PARAMETERS,
  parameter AxiIdWidth = 4,
  parameter AxiId = 5,
  parameter AxiAddrWidth = 40,
  parameter AxiOutstanding = 4,
  parameter AxiCache = 15,
  parameter AxiProt = 2
) (
  input  wire                  clk_i, rst_ni,
  output wire                  irq_o,
  input  wire [11:0]           s_axil_awaddr, s_axil_araddr,
  input  wire [31:0]           s_axil_wdata,
  input  wire [3:0]            s_axil_wstrb,
  input  wire                  s_axil_awvalid, s_axil_wvalid, s_axil_arvalid,
  input  wire                  s_axil_bready, s_axil_rready,
  output wire [31:0]           s_axil_rdata,
  output wire [1:0]            s_axil_bresp, s_axil_rresp,
  output wire                  s_axil_awready, s_axil_wready, s_axil_arready,
  output wire                  s_axil_bvalid, s_axil_rvalid,
  output wire [AxiIdWidth-1:0] m_axi_awid, m_axi_arid,
  output wire [AxiAddrWidth-1:0] m_axi_awaddr, m_axi_araddr,
  output wire [7:0]            m_axi_awlen, m_axi_arlen,
  output wire [2:0]            m_axi_awsize, m_axi_arsize,
  output wire [1:0]            m_axi_awburst, m_axi_arburst,
  output wire                  m_axi_awlock, m_axi_arlock,
  output wire [3:0]            m_axi_awcache, m_axi_arcache,
  output wire [2:0]            m_axi_awprot, m_axi_arprot,
  output wire [8*BusBytes-1:0] m_axi_wdata,
  output wire [BusBytes-1:0]   m_axi_wstrb,
  output wire                  m_axi_awvalid, m_axi_wlast, m_axi_wvalid, m_axi_arvalid,
  output wire                  m_axi_bready, m_axi_rready,
  input  wire [AxiIdWidth-1:0] m_axi_bid, m_axi_rid,
  input  wire [8*BusBytes-1:0] m_axi_rdata,
  input  wire [1:0]            m_axi_bresp, m_axi_rresp,
  input  wire                  m_axi_awready, m_axi_wready, m_axi_arready,
  input  wire                  m_axi_bvalid, m_axi_rlast, m_axi_rvalid,
  input  wire [63:0]           read_base_i, read_limit_i, write_base_i, write_limit_i,
  output wire [31:0]           escapes_o,
  output wire                  bus_open_o,
  output reg  [8:0]            stalled_o  // see below
);

`ifdef NETLIST
  psf_top u_top (
`else
  psf_top #(`PSF_TOP_HARDWARE) u_top (
`endif
    `PSF_PORTS
  );

  psf_axi_checker #(
    .IdWidth(AxiIdWidth),
    .AddrWidth(AxiAddrWidth),
    .BusBytes(BusBytes),
    .Id(AxiId),
    .Cache(AxiCache),
    .Prot(AxiProt)
  ) u_checker (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .read_base_i(read_base_i),
    .read_limit_i(read_limit_i),
    .write_base_i(write_base_i),
    .write_limit_i(write_limit_i),
    .escapes_o(escapes_o),
    .open_o(bus_open_o),
    .axi_request_i(`PSF_AXI_REQUEST(m_axi_)),
    .axi_response_i(`PSF_AXI_RESPONSE(m_axi_)),
    .lite_request_i(`PSF_LITE_REQUEST(s_axil_)),
    .lite_response_i(`PSF_LITE_RESPONSE(s_axil_))
  );

  reg r_amid_q;  // in a read burst
  reg l_aw_q, l_w_q;  // one of both is here

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {stalled_o, r_amid_q, l_aw_q, l_w_q} <= 12'd0;
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

  // What AXI4 leaves open and our header promises: at most 64 words a burst.
  always @(posedge clk_i) begin
    if (rst_ni) begin
      if (m_axi_arvalid && m_axi_arlen > 8'd63) begin
        $error("read burst of %0d beats", m_axi_arlen + 9'd1);
      end
      if (m_axi_awvalid && m_axi_awlen > 8'd63) begin
        $error("write burst of %0d beats", m_axi_awlen + 9'd1);
      end
    end
  end

endmodule
