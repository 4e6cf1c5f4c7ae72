// SPDX-License-Identifier: Apache-2.0
// AXI4-Lite master for benches: one access per toggle of request_i, done_o toggles when it is over
// (Icarus 11 subset). Python wakes once per access and never per cycle.

module psf_host (
    input  wire                                clk_i,
    input  wire                                rst_ni,
    input  wire                                request_i,       // toggles
    input  wire                                write_i,
    input  wire [                        11:0] addr_i,
    input  wire [                        31:0] wdata_i,
    output reg                                 done_o,          // toggles
    output reg  [                         1:0] resp_o,
    output reg  [                        31:0] rdata_o,
    output wire [ `PSF_LITE_REQUEST_WIDTH-1:0] lite_request_o,
    input  wire [`PSF_LITE_RESPONSE_WIDTH-1:0] lite_response_i
);

  `PSF_LITE_RESPONSE_WIRES(lite_);
  assign `PSF_LITE_RESPONSE(lite_) = lite_response_i;

  wire [11:0] lite_awaddr = addr_i, lite_araddr = addr_i;
  wire [31:0] lite_wdata = wdata_i;
  wire [3:0] lite_wstrb = 4'hf;
  wire lite_bready = 1'b1, lite_rready = 1'b1;
  reg lite_awvalid, lite_wvalid, lite_arvalid;
  assign lite_request_o = `PSF_LITE_REQUEST(lite_);

  reg busy_q;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {busy_q, done_o, lite_awvalid, lite_wvalid, lite_arvalid} <= 5'd0;
    end else begin
      if (lite_awready) lite_awvalid <= 1'b0;
      if (lite_wready) lite_wvalid <= 1'b0;
      if (lite_arready) lite_arvalid <= 1'b0;
      if (!busy_q && request_i != done_o) begin
        busy_q <= 1'b1;
        lite_awvalid <= write_i;
        lite_wvalid <= write_i;
        lite_arvalid <= !write_i;
      end else if (busy_q && (lite_bvalid || lite_rvalid)) begin
        busy_q  <= 1'b0;
        done_o  <= request_i;
        resp_o  <= lite_bvalid ? lite_bresp : lite_rresp;
        rdata_o <= lite_rdata;
      end
    end
  end

endmodule
