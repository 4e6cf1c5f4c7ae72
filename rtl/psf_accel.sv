// SPDX-License-Identifier: Apache-2.0
// The accelerator with its trace port, which test benches and trace units listen to; psf_top is the
// same block without it. AXI4-Lite slave for the registers, AXI4 master for everything else, one
// interrupt. The host writes the bases, starts, and waits: docs/reference/registers.md.
module psf_accel #(
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
    input  logic                                        clk_i,
    input  logic                                        rst_ni,
    output logic                                        irq_o,
    // registers
    input  logic [            11:0]                     s_axil_awaddr,
    input  logic                                        s_axil_awvalid,
    output logic                                        s_axil_awready,
    input  logic [            31:0]                     s_axil_wdata,
    input  logic [             3:0]                     s_axil_wstrb,
    input  logic                                        s_axil_wvalid,
    output logic                                        s_axil_wready,
    output logic [             1:0]                     s_axil_bresp,
    output logic                                        s_axil_bvalid,
    input  logic                                        s_axil_bready,
    input  logic [            11:0]                     s_axil_araddr,
    input  logic                                        s_axil_arvalid,
    output logic                                        s_axil_arready,
    output logic [            31:0]                     s_axil_rdata,
    output logic [             1:0]                     s_axil_rresp,
    output logic                                        s_axil_rvalid,
    input  logic                                        s_axil_rready,
    // Memory.
    output logic [  AxiIdWidth-1:0]                     m_axi_awid,
    output logic [AxiAddrWidth-1:0]                     m_axi_awaddr,
    output logic [             7:0]                     m_axi_awlen,
    output logic [             2:0]                     m_axi_awsize,
    output logic [             1:0]                     m_axi_awburst,
    output logic                                        m_axi_awlock,
    output logic [             3:0]                     m_axi_awcache,
    output logic [             2:0]                     m_axi_awprot,
    output logic                                        m_axi_awvalid,
    input  logic                                        m_axi_awready,
    output logic [  8*BusBytes-1:0]                     m_axi_wdata,
    output logic [    BusBytes-1:0]                     m_axi_wstrb,
    output logic                                        m_axi_wlast,
    output logic                                        m_axi_wvalid,
    input  logic                                        m_axi_wready,
    input  logic [  AxiIdWidth-1:0]                     m_axi_bid,
    input  logic [             1:0]                     m_axi_bresp,
    input  logic                                        m_axi_bvalid,
    output logic                                        m_axi_bready,
    output logic [  AxiIdWidth-1:0]                     m_axi_arid,
    output logic [AxiAddrWidth-1:0]                     m_axi_araddr,
    output logic [             7:0]                     m_axi_arlen,
    output logic [             2:0]                     m_axi_arsize,
    output logic [             1:0]                     m_axi_arburst,
    output logic                                        m_axi_arlock,
    output logic [             3:0]                     m_axi_arcache,
    output logic [             2:0]                     m_axi_arprot,
    output logic                                        m_axi_arvalid,
    input  logic                                        m_axi_arready,
    input  logic [  AxiIdWidth-1:0]                     m_axi_rid,
    input  logic [  8*BusBytes-1:0]                     m_axi_rdata,
    input  logic [             1:0]                     m_axi_rresp,
    input  logic                                        m_axi_rlast,
    input  logic                                        m_axi_rvalid,
    output logic                                        m_axi_rready,
    // trace: every drained word of every group
    output logic [      Groups-1:0]                     trace_valid_o,
    output logic [      Groups-1:0][               7:0] trace_layer_o,
    output logic [      Groups-1:0][              15:0] trace_token_o,
    output logic [      Groups-1:0][               7:0] trace_step_o,
    output logic [      Groups-1:0][               7:0] trace_word_o,
    output logic [      Groups-1:0][         Lanes-1:0] trace_spikes_o,
    output logic [      Groups-1:0][Lanes*AccWidth-1:0] trace_value_o
);
  localparam psf_pkg::config_t Cfg = '{
      Groups: Groups,
      Lanes: Lanes,
      Banks: Banks,
      LineWords: LineWords,
      AccDepth: AccDepth,
      Patterns: Patterns,
      AccWidth: AccWidth,
      StreamWidth: StreamWidth,
      BankDepth: BankDepth,
      RowDepth: RowDepth,
      ParamDepth: ParamDepth,
      SpikeLines: SpikeLines,
      StreamDepth: StreamDepth,
      PatchLines: PatchLines,
      Classes: Classes,
      WeightArrays: WeightArrays,
      Parity: Parity,
      BusBytes: BusBytes
  };
  localparam int unsigned SlotWidth = $clog2(AccDepth) + 8;

  logic datapath_rst_n, layer_start, layer_done;
  logic [1:0] fault;
  psf_pkg::layer_t layer;
  logic weight_ready, spike_ready;
  psf_control_pkg::load_write_t write;
  logic [Lanes*SlotWidth-1:0] weight_data;
  logic [32*psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes)-1:0] entry_data;
  logic [31:0] logit_rdata;
  logic [2*Lanes*AccWidth-1:0] param_data;
  logic [LineWords*Lanes-1:0] mask_data, spike_data;
  logic [LineWords-1:0] spike_words;
  logic [15:0] logit_raddr, label;
  logic [5:0][7:0] events;

  if (AxiIdWidth < 1 || AxiIdWidth > 32 || 64'(AxiId) >= 64'd1 << AxiIdWidth) begin : gen_bad_id
    $fatal(1, "psf_accel: AxiId must be a number of AxiIdWidth bits, 1 to 32");
  end
  if (AxiAddrWidth < 32 || AxiAddrWidth > 64) begin : gen_bad_addresses
    $fatal(1, "psf_accel: AxiAddrWidth must be 32 to 64 bits");
  end
  if (AxiOutstanding < 1 || AxiOutstanding > 16 || AxiOutstanding != 2 ** $clog2(
          AxiOutstanding
      )) begin : gen_bad_outstanding
    $fatal(1, "psf_accel: AxiOutstanding must be 1, 2, 4, 8 or 16 bursts");
  end
  if (AxiCache > 15 || (AxiCache > 3 && !AxiCache[1])) begin : gen_bad_cache
    $fatal(1, "psf_accel: AxiCache must have 4 bits, and a cached access must be modifiable");
  end
  if (AxiProt > 7) begin : gen_bad_prot
    $fatal(1, "psf_accel: AxiProt must have 3 bits");
  end

  // Every burst is INCR and not exclusive. Reads are of whole words of the bus, writes of 8 bytes, each
  // in its place of a word.
  assign {m_axi_arid, m_axi_awid} = {2{AxiIdWidth'(AxiId)}};
  assign m_axi_arsize = 3'($clog2(BusBytes));
  assign m_axi_awsize = 3'd3;
  assign {m_axi_arburst, m_axi_awburst} = {2{2'b01}};
  assign {m_axi_arlock, m_axi_awlock} = '0;
  assign {m_axi_arcache, m_axi_awcache} = {2{4'(AxiCache)}};
  assign {m_axi_arprot, m_axi_awprot} = {2{3'(AxiProt)}};

  logic [63:0] wdata;
  logic [ 1:0] wplace;
  assign m_axi_wdata = {BusBytes / 8{wdata}};

  always_comb begin
    for (int unsigned i = 0; i < BusBytes; i++) begin
      m_axi_wstrb[i] = (wplace & 2'(BusBytes / 8 - 1)) == 2'(i / 8);
    end
  end

  logic [63:0] araddr, awaddr;
  logic unused_high;  // of them: what the bus does not have
  assign m_axi_araddr = AxiAddrWidth'(araddr);
  assign m_axi_awaddr = AxiAddrWidth'(awaddr);
  assign unused_high  = ^{araddr, awaddr};

  psf_control #(
      .Cfg(Cfg),
      .AddrWidth(AxiAddrWidth),
      .Outstanding(AxiOutstanding)
  ) u_control (
      .clk_i,
      .rst_ni,
      .irq_o,
      // Structs, each with its fields in the order of psf_control_pkg.
      .axil_i({
        s_axil_awaddr,
        s_axil_awvalid,
        s_axil_wdata,
        s_axil_wstrb,
        s_axil_wvalid,
        s_axil_bready,
        s_axil_araddr,
        s_axil_arvalid,
        s_axil_rready
      }),
      .axil_o({
        s_axil_awready,
        s_axil_wready,
        s_axil_bresp,
        s_axil_bvalid,
        s_axil_arready,
        s_axil_rdata,
        s_axil_rresp,
        s_axil_rvalid
      }),
      .axi_read_o({araddr, m_axi_arlen, m_axi_arvalid, m_axi_rready}),
      .axi_read_i({m_axi_arready, m_axi_rresp, m_axi_rlast, m_axi_rvalid}),
      .axi_rdata_i(m_axi_rdata),
      .axi_write_o({
        awaddr, m_axi_awlen, m_axi_awvalid, wdata, wplace, m_axi_wlast, m_axi_wvalid, m_axi_bready
      }),
      .axi_write_i({m_axi_awready, m_axi_wready, m_axi_bresp, m_axi_bvalid}),
      .datapath_rst_no(datapath_rst_n),
      .fault_i(fault),
      .layer_start_o(layer_start),
      .layer_o(layer),
      .layer_done_i(layer_done),
      .weight_ready_i(weight_ready),
      .spike_ready_i(spike_ready),
      .write_o(write),
      .weight_data_o(weight_data),
      .entry_data_o(entry_data),
      .param_data_o(param_data),
      .mask_data_o(mask_data),
      .spike_words_o(spike_words),
      .spike_data_o(spike_data),
      .label_i(label),
      .logit_raddr_o(logit_raddr),
      .logit_rdata_i(logit_rdata),
      .event_i(events)
  );

  psf_datapath #(
      .Cfg(Cfg)
  ) u_datapath (
      .clk_i,
      .rst_ni        (datapath_rst_n),
      .layer_start_i (layer_start),
      .layer_i       (layer),
      .layer_done_o  (layer_done),
      .weight_ready_o(weight_ready),
      .spike_ready_o (spike_ready),
      .write_i       (write),
      .weight_data_i (weight_data),
      .entry_data_i  (entry_data),
      .param_data_i  (param_data),
      .mask_data_i   (mask_data),
      .spike_words_i (spike_words),
      .spike_data_i  (spike_data),
      .label_o       (label),
      .logit_raddr_i (logit_raddr),
      .logit_rdata_o (logit_rdata),
      .event_o       (events),
      .fault_o       (fault),
      .trace_valid_o,
      .trace_layer_o,
      .trace_token_o,
      .trace_step_o,
      .trace_word_o,
      .trace_spikes_o,
      .trace_value_o
  );

  // A response belongs to one of our bursts.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (m_axi_rvalid) assert (m_axi_rid == AxiIdWidth'(AxiId));
      if (m_axi_bvalid) assert (m_axi_bid == AxiIdWidth'(AxiId));
      if (m_axi_arvalid) assert (araddr == 64'(m_axi_araddr));
      if (m_axi_awvalid) assert (awaddr == 64'(m_axi_awaddr));
    end
  end
endmodule
