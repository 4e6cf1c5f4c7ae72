// SPDX-License-Identifier: Apache-2.0
// What the test tops and the models around the accelerator share: its parameters and its two buses.
// Compiled before all others (Icarus 11 subset, which has no structs). A bus goes from module to
// module as two vectors, one for what each side drives, the fields in the order below, the first one
// in the high bits; p is the prefix of the names that the fields have in a module, id the bits of
// an AXI4 ID, addr those of an address, bytes those of a word of the AXI4 bus.

// generated: parameters (python -m golden.hardware.interface)
`define PSF_HARDWARE_PARAMETERS \
  parameter Groups = 4, \
  parameter Lanes = 16, \
  parameter Banks = 8, \
  parameter LineWords = 8, \
  parameter AccDepth = 16, \
  parameter Patterns = 4, \
  parameter AccWidth = 20, \
  parameter StreamWidth = 16, \
  parameter BankDepth = 1024, \
  parameter RowDepth = 1024, \
  parameter ParamDepth = 128, \
  parameter SpikeLines = 2048, \
  parameter StreamDepth = 512, \
  parameter PatchLines = 64, \
  parameter Classes = 128, \
  parameter WeightArrays = 2, \
  parameter Parity = 1, \
  parameter BusBytes = 8

`define PSF_HARDWARE \
  .Groups(Groups), \
  .Lanes(Lanes), \
  .Banks(Banks), \
  .LineWords(LineWords), \
  .AccDepth(AccDepth), \
  .Patterns(Patterns), \
  .AccWidth(AccWidth), \
  .StreamWidth(StreamWidth), \
  .BankDepth(BankDepth), \
  .RowDepth(RowDepth), \
  .ParamDepth(ParamDepth), \
  .SpikeLines(SpikeLines), \
  .StreamDepth(StreamDepth), \
  .PatchLines(PatchLines), \
  .Classes(Classes), \
  .WeightArrays(WeightArrays), \
  .Parity(Parity), \
  .BusBytes(BusBytes)
// end generated
// How psf_accel and psf_top use their AXI4 master.
`define PSF_ACCEL_HARDWARE \
  `PSF_HARDWARE, .AxiOutstanding(AxiOutstanding), .AxiAddrWidth(AxiAddrWidth)
`define PSF_AXI_USE \
  .AxiIdWidth(AxiIdWidth), .AxiId(AxiId), .AxiAddrWidth(AxiAddrWidth), \
  .AxiOutstanding(AxiOutstanding), .AxiCache(AxiCache), .AxiProt(AxiProt)
`define PSF_TOP_HARDWARE `PSF_HARDWARE, `PSF_AXI_USE

// AXI4-Lite, 32 bits of data, and AXI4.
`define PSF_LITE_REQUEST_WIDTH 65
`define PSF_LITE_REQUEST(p) { \
  p``awaddr, p``awvalid, p``wdata, p``wstrb, p``wvalid, p``bready, p``araddr, p``arvalid, p``rready}
`define PSF_LITE_RESPONSE_WIDTH 41
`define PSF_LITE_RESPONSE(p) { \
  p``awready, p``wready, p``bresp, p``bvalid, p``arready, p``rdata, p``rresp, p``rvalid}
`define PSF_AXI_REQUEST_WIDTH(id, addr, bytes) (2 * (id) + 2 * (addr) + 9 * (bytes) + 48)
`define PSF_AXI_REQUEST(p) { \
  p``awid, p``awaddr, p``awlen, p``awsize, p``awburst, p``awlock, p``awcache, p``awprot, \
  p``awvalid, p``wdata, p``wstrb, p``wlast, p``wvalid, p``bready, \
  p``arid, p``araddr, p``arlen, p``arsize, p``arburst, p``arlock, p``arcache, p``arprot, \
  p``arvalid, p``rready}
`define PSF_AXI_RESPONSE_WIDTH(id, bytes) (2 * (id) + 8 * (bytes) + 10)
`define PSF_AXI_RESPONSE(p) { \
  p``awready, p``wready, p``bid, p``bresp, p``bvalid, p``arready, p``rid, p``rdata, p``rresp, \
  p``rlast, p``rvalid}

// The fields as wires.
`define PSF_LITE_REQUEST_WIRES(p) \
  wire [11:0] p``awaddr, p``araddr; \
  wire [31:0] p``wdata; \
  wire [3:0] p``wstrb; \
  wire p``awvalid, p``wvalid, p``bready, p``arvalid, p``rready
`define PSF_LITE_RESPONSE_WIRES(p) \
  wire [31:0] p``rdata; \
  wire [1:0] p``bresp, p``rresp; \
  wire p``awready, p``wready, p``bvalid, p``arready, p``rvalid
`define PSF_AXI_REQUEST_WIRES(p, id, addr, bytes) \
  wire [id-1:0] p``awid, p``arid; \
  wire [addr-1:0] p``awaddr, p``araddr; \
  wire p``awlock, p``arlock; \
  wire [3:0] p``awcache, p``arcache; \
  wire [2:0] p``awprot, p``arprot; \
  wire [7:0] p``awlen, p``arlen; \
  wire [2:0] p``awsize, p``arsize; \
  wire [1:0] p``awburst, p``arburst; \
  wire [8*(bytes)-1:0] p``wdata; \
  wire [(bytes)-1:0] p``wstrb; \
  wire p``awvalid, p``wlast, p``wvalid, p``bready, p``arvalid, p``rready
`define PSF_AXI_RESPONSE_WIRES(p, id, bytes) \
  wire [id-1:0] p``bid, p``rid; \
  wire [1:0] p``bresp, p``rresp; \
  wire [8*(bytes)-1:0] p``rdata; \
  wire p``awready, p``wready, p``bvalid, p``arready, p``rlast, p``rvalid

// The ports of psf_accel and psf_top, to signals of the same names.
`define PSF_PORTS \
  .clk_i(clk_i), .rst_ni(rst_ni), .irq_o(irq_o), \
  .s_axil_awaddr(s_axil_awaddr), .s_axil_awvalid(s_axil_awvalid), \
  .s_axil_awready(s_axil_awready), .s_axil_wdata(s_axil_wdata), .s_axil_wstrb(s_axil_wstrb), \
  .s_axil_wvalid(s_axil_wvalid), .s_axil_wready(s_axil_wready), .s_axil_bresp(s_axil_bresp), \
  .s_axil_bvalid(s_axil_bvalid), .s_axil_bready(s_axil_bready), .s_axil_araddr(s_axil_araddr), \
  .s_axil_arvalid(s_axil_arvalid), .s_axil_arready(s_axil_arready), \
  .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp), .s_axil_rvalid(s_axil_rvalid), \
  .s_axil_rready(s_axil_rready), \
  .m_axi_awid(m_axi_awid), .m_axi_awaddr(m_axi_awaddr), .m_axi_awlen(m_axi_awlen), \
  .m_axi_awsize(m_axi_awsize), .m_axi_awburst(m_axi_awburst), .m_axi_awlock(m_axi_awlock), \
  .m_axi_awcache(m_axi_awcache), .m_axi_awprot(m_axi_awprot), .m_axi_awvalid(m_axi_awvalid), \
  .m_axi_awready(m_axi_awready), .m_axi_wdata(m_axi_wdata), .m_axi_wstrb(m_axi_wstrb), \
  .m_axi_wlast(m_axi_wlast), .m_axi_wvalid(m_axi_wvalid), .m_axi_wready(m_axi_wready), \
  .m_axi_bid(m_axi_bid), .m_axi_bresp(m_axi_bresp), .m_axi_bvalid(m_axi_bvalid), \
  .m_axi_bready(m_axi_bready), .m_axi_arid(m_axi_arid), .m_axi_araddr(m_axi_araddr), \
  .m_axi_arlen(m_axi_arlen), .m_axi_arsize(m_axi_arsize), .m_axi_arburst(m_axi_arburst), \
  .m_axi_arlock(m_axi_arlock), .m_axi_arcache(m_axi_arcache), .m_axi_arprot(m_axi_arprot), \
  .m_axi_arvalid(m_axi_arvalid), .m_axi_arready(m_axi_arready), .m_axi_rid(m_axi_rid), \
  .m_axi_rdata(m_axi_rdata), .m_axi_rresp(m_axi_rresp), .m_axi_rlast(m_axi_rlast), \
  .m_axi_rvalid(m_axi_rvalid), .m_axi_rready(m_axi_rready)
