// SPDX-License-Identifier: Apache-2.0
// System bench: the accelerator with a behavioural memory, a register master, a bus checker, a trace
// recorder and, under Verilator, monitors of what goes on inside (Icarus 11 subset). Python sees only
// the ports.

module psf_tb_top #(
  `PSF_HARDWARE_PARAMETERS,
  parameter AxiOutstanding = 4,
  parameter AxiAddrWidth = 32,
  parameter MemoryBits = 17
) (
  input  wire        clk_i, rst_ni,
  output wire        irq_o,
  // psf_host
  input  wire        host_request_i, host_write_i,
  input  wire [11:0] host_addr_i,
  input  wire [31:0] host_wdata_i,
  output wire        host_done_o,
  output wire [1:0]  host_resp_o,
  output wire [31:0] host_rdata_o,
  // psf_memory
  input  wire [AxiAddrWidth-1:0] memory_base_i,
  input  wire [15:0] memory_latency_i,
  input  wire [7:0]  memory_stall_i,
  input  wire [4:0]  memory_most_i,
  input  wire [31:0] memory_seed_i,
  input  wire        memory_load_i, memory_dump_i,
  input  wire [31:0] memory_first_i, memory_last_i,
  input  wire        memory_arm_i,
  input  wire [31:0] memory_fail_read_i, memory_fail_write_i,
  input  wire [1:0]  memory_fail_resp_i,
  input  wire        memory_hang_i,
  output wire [31:0] memory_bad_o,
  // psf_axi_checker
  input  wire [63:0] read_base_i, read_limit_i, write_base_i, write_limit_i,
  output wire [31:0] escapes_o,
  output wire        bus_open_o,
  // psf_trace; with trace_open_i events.bin and timeline.bin are recorded, too, if they are wanted
  input  wire        trace_open_i, trace_close_i, events_i, timeline_i,
  output wire [31:0] trace_unknown_o,
  output reg  [31:0] bus_unknown_o
);

  `PSF_LITE_REQUEST_WIRES(s_axil_);
  `PSF_LITE_RESPONSE_WIRES(s_axil_);
  `PSF_AXI_REQUEST_WIRES(m_axi_, 1, AxiAddrWidth, BusBytes);
  `PSF_AXI_RESPONSE_WIRES(m_axi_, 1, BusBytes);
  wire [`PSF_LITE_REQUEST_WIDTH-1:0] lite_request;
  wire [`PSF_LITE_RESPONSE_WIDTH-1:0] lite_response = `PSF_LITE_RESPONSE(s_axil_);
  wire [`PSF_AXI_REQUEST_WIDTH(1, AxiAddrWidth, BusBytes)-1:0] axi_request =
      `PSF_AXI_REQUEST(m_axi_);
  wire [`PSF_AXI_RESPONSE_WIDTH(1, BusBytes)-1:0] axi_response;
  assign `PSF_LITE_REQUEST(s_axil_) = lite_request;
  assign `PSF_AXI_RESPONSE(m_axi_) = axi_response;

  wire [Groups-1:0] trace_valid;
  wire [Groups*8-1:0] trace_layer, trace_step, trace_word;
  wire [Groups*16-1:0] trace_token;
  wire [Groups*Lanes-1:0] trace_spikes;
  wire [Groups*Lanes*AccWidth-1:0] trace_value;

`ifdef NETLIST
  psf_accel u_accel (
`else
  psf_accel #(`PSF_ACCEL_HARDWARE) u_accel (
`endif
    `PSF_PORTS,
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
    .lite_request_o(lite_request),
    .lite_response_i(lite_response)
  );

  psf_memory #(
    .AddrBits(MemoryBits),
    .IdWidth(1),
    .AddrWidth(AxiAddrWidth),
    .BusBytes(BusBytes)
  ) u_memory (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .base_i(memory_base_i),
    .latency_i(memory_latency_i),
    .most_i(memory_most_i),
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
    .axi_request_i(axi_request),
    .axi_response_o(axi_response)
  );

  psf_axi_checker #(.AddrWidth(AxiAddrWidth), .BusBytes(BusBytes)) u_checker (
    .clk_i(clk_i),
    .rst_ni(rst_ni),
    .read_base_i(read_base_i),
    .read_limit_i(read_limit_i),
    .write_base_i(write_base_i),
    .write_limit_i(write_limit_i),
    .escapes_o(escapes_o),
    .open_o(bus_open_o),
    .axi_request_i(axi_request),
    .axi_response_i(axi_response),
    .lite_request_i(lite_request),
    .lite_response_i(lite_response)
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
    .AccDepth(AccDepth),
    .BusBytes(BusBytes)
  ) u_monitors (
    .clk_i(clk_i),
    .events_open_i(trace_open_i && events_i),
    .timeline_open_i(trace_open_i && timeline_i),
    .close_i(trace_close_i)
  );
`endif

  // Unknown bits at the outputs (four-state simulators only).
  wire unknown = ^{irq_o, m_axi_awvalid, m_axi_wvalid, m_axi_bready} === 1'bx ||
      ^{m_axi_arvalid, m_axi_rready} === 1'bx ||
      (m_axi_awvalid &&
       ^{m_axi_awid, m_axi_awaddr, m_axi_awlen, m_axi_awsize, m_axi_awburst, m_axi_awlock,
         m_axi_awcache, m_axi_awprot} === 1'bx) ||
      (m_axi_wvalid && ^{m_axi_wdata, m_axi_wstrb, m_axi_wlast} === 1'bx) ||
      (m_axi_arvalid &&
       ^{m_axi_arid, m_axi_araddr, m_axi_arlen, m_axi_arsize, m_axi_arburst, m_axi_arlock,
         m_axi_arcache, m_axi_arprot} === 1'bx) ||
      ^{s_axil_awready, s_axil_wready, s_axil_bvalid, s_axil_arready, s_axil_rvalid} === 1'bx ||
      (s_axil_rvalid && ^{s_axil_rdata, s_axil_rresp} === 1'bx);
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) bus_unknown_o <= 32'd0;
    else if (unknown) bus_unknown_o <= bus_unknown_o + 32'd1;
  end

endmodule
