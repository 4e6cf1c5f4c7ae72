// SPDX-License-Identifier: Apache-2.0
// AXI4-Lite master for benches: one access per toggle of request_i, done_o toggles when it is over
// (Icarus 11 subset). Python wakes once per access and never per cycle.

module psf_host (
    input  wire        clk_i,
    input  wire        rst_ni,
    input  wire        request_i,       // toggles
    input  wire        write_i,
    input  wire [11:0] addr_i,
    input  wire [31:0] wdata_i,
    output reg         done_o,          // toggles
    output reg  [ 1:0] resp_o,
    output reg  [31:0] rdata_o,
    output wire [11:0] axil_awaddr_o,
    output reg         axil_awvalid_o,
    input  wire        axil_awready_i,
    output wire [31:0] axil_wdata_o,
    output wire [ 3:0] axil_wstrb_o,
    output reg         axil_wvalid_o,
    input  wire        axil_wready_i,
    input  wire [ 1:0] axil_bresp_i,
    input  wire        axil_bvalid_i,
    output wire        axil_bready_o,
    output wire [11:0] axil_araddr_o,
    output reg         axil_arvalid_o,
    input  wire        axil_arready_i,
    input  wire [31:0] axil_rdata_i,
    input  wire [ 1:0] axil_rresp_i,
    input  wire        axil_rvalid_i,
    output wire        axil_rready_o
);

  reg busy_q;
  assign axil_awaddr_o = addr_i;
  assign axil_araddr_o = addr_i;
  assign axil_wdata_o  = wdata_i;
  assign axil_wstrb_o  = 4'hf;
  assign axil_bready_o = 1'b1;
  assign axil_rready_o = 1'b1;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      busy_q <= 1'b0;
      done_o <= 1'b0;
      axil_awvalid_o <= 1'b0;
      axil_wvalid_o <= 1'b0;
      axil_arvalid_o <= 1'b0;
    end else begin
      if (axil_awready_i) axil_awvalid_o <= 1'b0;
      if (axil_wready_i) axil_wvalid_o <= 1'b0;
      if (axil_arready_i) axil_arvalid_o <= 1'b0;
      if (!busy_q && request_i != done_o) begin
        busy_q <= 1'b1;
        axil_awvalid_o <= write_i;
        axil_wvalid_o <= write_i;
        axil_arvalid_o <= !write_i;
      end else if (busy_q && (axil_bvalid_i || axil_rvalid_i)) begin
        busy_q  <= 1'b0;
        done_o  <= request_i;
        resp_o  <= axil_bvalid_i ? axil_bresp_i : axil_rresp_i;
        rdata_o <= axil_rdata_i;
      end
    end
  end

endmodule
