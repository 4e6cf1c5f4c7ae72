// SPDX-License-Identifier: Apache-2.0
// PruneSpikformer accelerator, the block to instantiate: AXI4-Lite slave, AXI4 master, interrupt.
module psf_top #(
    // generated: parameters (python -m golden.hardware.interface)
    parameter int unsigned Groups = 4,  // groups of lanes, G
    parameter int unsigned Lanes = 16,  // lanes of a group, P
    parameter int unsigned Banks = 8,  // weight banks, B
    parameter int unsigned LineWords = 8,  // words of a spike line
    parameter int unsigned AccDepth = 16,  // accumulators of a lane
    // sets of accumulators, for the firing patterns of a window
    parameter int unsigned Patterns = 4,
    parameter int unsigned AccWidth = 20,  // bits of an accumulator, a bias and a threshold
    parameter int unsigned StreamWidth = 16,  // bits of a residual value
    parameter int unsigned BankDepth = 1024,  // weight words of a bank
    parameter int unsigned RowDepth = 1024,  // row-table entries of a bank
    parameter int unsigned ParamDepth = 128,  // parameter words
    parameter int unsigned SpikeLines = 2048,  // lines of the spike memory
    parameter int unsigned StreamDepth = 512,  // residual words of a bank (G banks)
    parameter int unsigned PatchLines = 64,  // lines of a token's patch (half of the patch buffer)
    parameter int unsigned Classes = 128,  // logit accumulators
    // memory arrays of a weight bank, of which a read wakes one
    parameter int unsigned WeightArrays = 2,
    parameter int unsigned Parity = 1,  // parity beside every word in a memory, or none
    parameter int unsigned BusBytes = 8,  // bytes of a word of the AXI4 bus
    // end generated
    parameter int unsigned AxiIdWidth = 1,  // bits of an ID, 1 to 32
    parameter int unsigned AxiId = 0,  // the ID of every transaction
    parameter int unsigned AxiAddrWidth = 32,  // bits of an address, 32 to 64
    parameter int unsigned AxiOutstanding = 4,  // read bursts in flight, 1, 2, 4, 8 or 16
    parameter int unsigned AxiCache = 3,  // AxCACHE of every transaction: normal, not cached
    parameter int unsigned AxiProt = 0  // AxPROT: data, secure, not privileged
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    output logic                    irq_o,
    // registers
    input  logic [            11:0] s_axil_awaddr,
    input  logic                    s_axil_awvalid,
    output logic                    s_axil_awready,
    input  logic [            31:0] s_axil_wdata,
    input  logic [             3:0] s_axil_wstrb,
    input  logic                    s_axil_wvalid,
    output logic                    s_axil_wready,
    output logic [             1:0] s_axil_bresp,
    output logic                    s_axil_bvalid,
    input  logic                    s_axil_bready,
    input  logic [            11:0] s_axil_araddr,
    input  logic                    s_axil_arvalid,
    output logic                    s_axil_arready,
    output logic [            31:0] s_axil_rdata,
    output logic [             1:0] s_axil_rresp,
    output logic                    s_axil_rvalid,
    input  logic                    s_axil_rready,
    // Memory.
    output logic [  AxiIdWidth-1:0] m_axi_awid,
    output logic [AxiAddrWidth-1:0] m_axi_awaddr,
    output logic [             7:0] m_axi_awlen,
    output logic [             2:0] m_axi_awsize,
    output logic [             1:0] m_axi_awburst,
    output logic                    m_axi_awlock,
    output logic [             3:0] m_axi_awcache,
    output logic [             2:0] m_axi_awprot,
    output logic                    m_axi_awvalid,
    input  logic                    m_axi_awready,
    output logic [  8*BusBytes-1:0] m_axi_wdata,
    output logic [    BusBytes-1:0] m_axi_wstrb,
    output logic                    m_axi_wlast,
    output logic                    m_axi_wvalid,
    input  logic                    m_axi_wready,
    input  logic [  AxiIdWidth-1:0] m_axi_bid,
    input  logic [             1:0] m_axi_bresp,
    input  logic                    m_axi_bvalid,
    output logic                    m_axi_bready,
    output logic [  AxiIdWidth-1:0] m_axi_arid,
    output logic [AxiAddrWidth-1:0] m_axi_araddr,
    output logic [             7:0] m_axi_arlen,
    output logic [             2:0] m_axi_arsize,
    output logic [             1:0] m_axi_arburst,
    output logic                    m_axi_arlock,
    output logic [             3:0] m_axi_arcache,
    output logic [             2:0] m_axi_arprot,
    output logic                    m_axi_arvalid,
    input  logic                    m_axi_arready,
    input  logic [  AxiIdWidth-1:0] m_axi_rid,
    input  logic [  8*BusBytes-1:0] m_axi_rdata,
    input  logic [             1:0] m_axi_rresp,
    input  logic                    m_axi_rlast,
    input  logic                    m_axi_rvalid,
    output logic                    m_axi_rready
);
  psf_accel #(
      .Groups(Groups),
      .Lanes(Lanes),
      .Banks(Banks),
      .LineWords(LineWords),
      .AccDepth(AccDepth),
      .Patterns(Patterns),
      .AccWidth(AccWidth),
      .StreamWidth(StreamWidth),
      .BankDepth(BankDepth),
      .RowDepth(RowDepth),
      .ParamDepth(ParamDepth),
      .SpikeLines(SpikeLines),
      .StreamDepth(StreamDepth),
      .PatchLines(PatchLines),
      .Classes(Classes),
      .WeightArrays(WeightArrays),
      .Parity(Parity),
      .BusBytes(BusBytes),
      .AxiIdWidth(AxiIdWidth),
      .AxiId(AxiId),
      .AxiAddrWidth(AxiAddrWidth),
      .AxiOutstanding(AxiOutstanding),
      .AxiCache(AxiCache),
      .AxiProt(AxiProt)
  ) u_accel (
      .clk_i,
      .rst_ni,
      .irq_o,
      .s_axil_awaddr,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .m_axi_awid,
      .m_axi_awaddr,
      .m_axi_awlen,
      .m_axi_awsize,
      .m_axi_awburst,
      .m_axi_awlock,
      .m_axi_awcache,
      .m_axi_awprot,
      .m_axi_awvalid,
      .m_axi_awready,
      .m_axi_wdata,
      .m_axi_wstrb,
      .m_axi_wlast,
      .m_axi_wvalid,
      .m_axi_wready,
      .m_axi_bid,
      .m_axi_bresp,
      .m_axi_bvalid,
      .m_axi_bready,
      .m_axi_arid,
      .m_axi_araddr,
      .m_axi_arlen,
      .m_axi_arsize,
      .m_axi_arburst,
      .m_axi_arlock,
      .m_axi_arcache,
      .m_axi_arprot,
      .m_axi_arvalid,
      .m_axi_arready,
      .m_axi_rid,
      .m_axi_rdata,
      .m_axi_rresp,
      .m_axi_rlast,
      .m_axi_rvalid,
      .m_axi_rready,
      .trace_valid_o (),
      .trace_layer_o (),
      .trace_token_o (),
      .trace_step_o  (),
      .trace_word_o  (),
      .trace_spikes_o(),
      .trace_value_o ()
  );
endmodule
