// SPDX-License-Identifier: Apache-2.0
// System bench: the accelerator with a behavioural memory, a register master, a bus checker, a trace
// recorder and, under Verilator, monitors of what goes on inside (Icarus 11 subset). Python sees only
// the ports.

module psf_tb_top #(
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
  parameter MemoryBits = 17
) (
  input  wire        clk_i,
  input  wire        rst_ni,
  output wire        irq_o,
  input  wire        host_request_i,
  input  wire        host_write_i,
  input  wire [11:0] host_addr_i,
  input  wire [31:0] host_wdata_i,
  output wire        host_done_o,
  output wire [1:0]  host_resp_o,
  output wire [31:0] host_rdata_o,
  input  wire [7:0]  memory_latency_i,
  input  wire [7:0]  memory_stall_i,
  input  wire [31:0] memory_seed_i,
  input  wire        memory_load_i,
  input  wire        memory_dump_i,
  input  wire [31:0] memory_first_i,
  input  wire [31:0] memory_last_i,
  input  wire        memory_arm_i,
  input  wire [31:0] memory_fail_read_i,
  input  wire [31:0] memory_fail_write_i,
  input  wire [1:0]  memory_fail_resp_i,
  input  wire        memory_hang_i,
  output wire [31:0] memory_bad_o,
  input  wire [31:0] read_base_i,
  input  wire [31:0] read_limit_i,
  input  wire [31:0] write_base_i,
  input  wire [31:0] write_limit_i,
  output wire [31:0] escapes_o,
  output wire        bus_open_o,
  input  wire        trace_open_i,
  input  wire        trace_close_i,
  input  wire        events_i,          // with trace_open_i: record events.bin, too
  input  wire        timeline_i,        // with trace_open_i: record timeline.bin, too
  output wire [31:0] trace_unknown_o,
  output reg  [31:0] bus_unknown_o
);

  wire [11:0] axil_awaddr, axil_araddr;
  wire [31:0] axil_wdata, axil_rdata;
  wire [3:0] axil_wstrb;
  wire [1:0] axil_bresp, axil_rresp;
  wire axil_awvalid, axil_awready, axil_wvalid, axil_wready, axil_bvalid, axil_bready;
  wire axil_arvalid, axil_arready, axil_rvalid, axil_rready;

  wire awid, bid, arid, rid, awvalid, awready, wlast, wvalid, wready, bvalid, bready;
  wire arvalid, arready, rlast, rvalid, rready;
  wire [31:0] awaddr, araddr;
  wire [7:0] awlen, arlen, wstrb;
  wire [2:0] awsize, arsize;
  wire [1:0] awburst, arburst, bresp, rresp;
  wire [63:0] wdata, rdata;

  wire [Groups-1:0] trace_valid;
  wire [Groups*8-1:0] trace_layer, trace_step, trace_word;
  wire [Groups*16-1:0] trace_token;
  wire [Groups*Lanes-1:0] trace_spikes;
  wire [Groups*Lanes*AccWidth-1:0] trace_value;

`ifdef NETLIST
  psf_accel u_accel (
`else
  psf_accel #(
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
    .PatchLines(PatchLines)
  ) u_accel (
`endif
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .irq_o(irq_o),
    .s_axil_awaddr(axil_awaddr),
    .s_axil_awvalid(axil_awvalid),
    .s_axil_awready(axil_awready),
    .s_axil_wdata(axil_wdata),
    .s_axil_wstrb(axil_wstrb),
    .s_axil_wvalid(axil_wvalid),
    .s_axil_wready(axil_wready),
    .s_axil_bresp(axil_bresp),
    .s_axil_bvalid(axil_bvalid),
    .s_axil_bready(axil_bready),
    .s_axil_araddr(axil_araddr),
    .s_axil_arvalid(axil_arvalid),
    .s_axil_arready(axil_arready),
    .s_axil_rdata(axil_rdata),
    .s_axil_rresp(axil_rresp),
    .s_axil_rvalid(axil_rvalid),
    .s_axil_rready(axil_rready),
    .m_axi_awid(awid),
    .m_axi_awaddr(awaddr),
    .m_axi_awlen(awlen),
    .m_axi_awsize(awsize),
    .m_axi_awburst(awburst),
    .m_axi_awvalid(awvalid),
    .m_axi_awready(awready),
    .m_axi_wdata(wdata),
    .m_axi_wstrb(wstrb),
    .m_axi_wlast(wlast),
    .m_axi_wvalid(wvalid),
    .m_axi_wready(wready),
    .m_axi_bid(bid),
    .m_axi_bresp(bresp),
    .m_axi_bvalid(bvalid),
    .m_axi_bready(bready),
    .m_axi_arid(arid),
    .m_axi_araddr(araddr),
    .m_axi_arlen(arlen),
    .m_axi_arsize(arsize),
    .m_axi_arburst(arburst),
    .m_axi_arvalid(arvalid),
    .m_axi_arready(arready),
    .m_axi_rid(rid),
    .m_axi_rdata(rdata),
    .m_axi_rresp(rresp),
    .m_axi_rlast(rlast),
    .m_axi_rvalid(rvalid),
    .m_axi_rready(rready),
    .trace_valid_o(trace_valid),
    .trace_layer_o(trace_layer),
    .trace_token_o(trace_token),
    .trace_step_o(trace_step),
    .trace_word_o(trace_word),
    .trace_spikes_o(trace_spikes),
    .trace_value_o(trace_value)
  );

  psf_host u_host (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .request_i(host_request_i),
    .write_i(host_write_i),
    .addr_i(host_addr_i),
    .wdata_i(host_wdata_i),
    .done_o(host_done_o),
    .resp_o(host_resp_o),
    .rdata_o(host_rdata_o),
    .axil_awaddr_o(axil_awaddr),
    .axil_awvalid_o(axil_awvalid),
    .axil_awready_i(axil_awready),
    .axil_wdata_o(axil_wdata),
    .axil_wstrb_o(axil_wstrb),
    .axil_wvalid_o(axil_wvalid),
    .axil_wready_i(axil_wready),
    .axil_bresp_i(axil_bresp),
    .axil_bvalid_i(axil_bvalid),
    .axil_bready_o(axil_bready),
    .axil_araddr_o(axil_araddr),
    .axil_arvalid_o(axil_arvalid),
    .axil_arready_i(axil_arready),
    .axil_rdata_i(axil_rdata),
    .axil_rresp_i(axil_rresp),
    .axil_rvalid_i(axil_rvalid),
    .axil_rready_o(axil_rready)
  );

  psf_memory #(
    .AddrBits(MemoryBits),
    .IdWidth(1)
  ) u_memory (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .latency_i(memory_latency_i),
    .stall_i(memory_stall_i),
    .seed_i(memory_seed_i),
    .load_i(memory_load_i),
    .dump_i(memory_dump_i),
    .dump_first_i(memory_first_i),
    .dump_last_i(memory_last_i),
    .arm_i(memory_arm_i),
    .fail_read_i(memory_fail_read_i),
    .fail_write_i(memory_fail_write_i),
    .fail_resp_i(memory_fail_resp_i),
    .hang_i(memory_hang_i),
    .bad_o(memory_bad_o),
    .awid_i(awid),
    .awaddr_i(awaddr),
    .awvalid_i(awvalid),
    .awready_o(awready),
    .wdata_i(wdata),
    .wstrb_i(wstrb),
    .wlast_i(wlast),
    .wvalid_i(wvalid),
    .wready_o(wready),
    .bid_o(bid),
    .bresp_o(bresp),
    .bvalid_o(bvalid),
    .bready_i(bready),
    .arid_i(arid),
    .araddr_i(araddr),
    .arlen_i(arlen),
    .arvalid_i(arvalid),
    .arready_o(arready),
    .rid_o(rid),
    .rdata_o(rdata),
    .rresp_o(rresp),
    .rlast_o(rlast),
    .rvalid_o(rvalid),
    .rready_i(rready)
  );

  psf_axi_checker #(
    .IdWidth(1)
  ) u_checker (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .read_base_i(read_base_i),
    .read_limit_i(read_limit_i),
    .write_base_i(write_base_i),
    .write_limit_i(write_limit_i),
    .escapes_o(escapes_o),
    .open_o(bus_open_o),
    .awid_i(awid),
    .awaddr_i(awaddr),
    .awlen_i(awlen),
    .awsize_i(awsize),
    .awburst_i(awburst),
    .awvalid_i(awvalid),
    .awready_i(awready),
    .wdata_i(wdata),
    .wstrb_i(wstrb),
    .wlast_i(wlast),
    .wvalid_i(wvalid),
    .wready_i(wready),
    .bresp_i(bresp),
    .bvalid_i(bvalid),
    .bready_i(bready),
    .arid_i(arid),
    .araddr_i(araddr),
    .arlen_i(arlen),
    .arsize_i(arsize),
    .arburst_i(arburst),
    .arvalid_i(arvalid),
    .arready_i(arready),
    .rdata_i(rdata),
    .rresp_i(rresp),
    .rlast_i(rlast),
    .rvalid_i(rvalid),
    .rready_i(rready),
    .axil_awaddr_i(axil_awaddr),
    .axil_awvalid_i(axil_awvalid),
    .axil_awready_i(axil_awready),
    .axil_wdata_i(axil_wdata),
    .axil_wstrb_i(axil_wstrb),
    .axil_wvalid_i(axil_wvalid),
    .axil_wready_i(axil_wready),
    .axil_bresp_i(axil_bresp),
    .axil_bvalid_i(axil_bvalid),
    .axil_bready_i(axil_bready),
    .axil_araddr_i(axil_araddr),
    .axil_arvalid_i(axil_arvalid),
    .axil_arready_i(axil_arready),
    .axil_rdata_i(axil_rdata),
    .axil_rresp_i(axil_rresp),
    .axil_rvalid_i(axil_rvalid),
    .axil_rready_i(axil_rready)
  );

  psf_trace #(
    .Groups(Groups),
    .Lanes(Lanes),
    .AccWidth(AccWidth)
  ) u_trace (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .open_i(trace_open_i),
    .close_i(trace_close_i),
    .unknown_o(trace_unknown_o),
    .valid_i(trace_valid),
    .layer_i(trace_layer),
    .token_i(trace_token),
    .step_i(trace_step),
    .word_i(trace_word),
    .spikes_i(trace_spikes),
    .value_i(trace_value)
  );

`ifndef NETLIST
  psf_monitors #(
    .Groups(Groups),
    .Lanes(Lanes),
    .Banks(Banks),
    .LineWords(LineWords),
    .AccDepth(AccDepth)
  ) u_monitors (
    .clk_i(clk_i),
    .events_open_i(trace_open_i && events_i),
    .timeline_open_i(trace_open_i && timeline_i),
    .close_i(trace_close_i)
  );
`endif

  // Unknown bits at the outputs (four-state simulators only).
  wire unknown = ^{irq_o, awvalid, wvalid, bready, arvalid, rready} === 1'bx ||
      (awvalid && ^{awid, awaddr, awlen, awsize, awburst} === 1'bx) ||
      (wvalid && ^{wdata, wstrb, wlast} === 1'bx) ||
      (arvalid && ^{arid, araddr, arlen, arsize, arburst} === 1'bx) ||
      ^{axil_awready, axil_wready, axil_bvalid, axil_arready, axil_rvalid} === 1'bx ||
      (axil_rvalid && ^{axil_rdata, axil_rresp} === 1'bx);
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) bus_unknown_o <= 32'd0;
    else if (unknown) bus_unknown_o <= bus_unknown_o + 32'd1;
  end

endmodule
