// SPDX-License-Identifier: Apache-2.0
// Watches both buses of the accelerator in every system simulation (Icarus 11 subset): valid holds
// and its payload is stable until ready on all ten channels, bursts are aligned INCR ones, reads of words
// of BusBytes, writes of 8 bytes with their strobes, inside a 4 KiB page, ID, LOCK, CACHE and PROT are what they should be, WLAST and RLAST are right,
// nothing answers what was not asked. Breaches end the simulation. escapes_o counts bursts that
// write a byte outside the window, or read a word of which no byte is in the window.

module psf_axi_checker #(
    parameter IdWidth = 1,
    parameter AddrWidth = 32,
    parameter BusBytes = 8,
    parameter Id = 0,
    parameter Cache = 3,
    parameter Prot = 0
) (
    input wire clk_i,
    input wire rst_ni,
    input wire [63:0] read_base_i,  // first and last byte that may be touched
    input wire [63:0] read_limit_i,
    input wire [63:0] write_base_i,
    input wire [63:0] write_limit_i,
    output reg [31:0] escapes_o,
    output wire open_o,  // a transaction is under way
    input wire [`PSF_AXI_REQUEST_WIDTH(IdWidth, AddrWidth, BusBytes)-1:0] axi_request_i,
    input wire [`PSF_AXI_RESPONSE_WIDTH(IdWidth, BusBytes)-1:0] axi_response_i,
    input wire [`PSF_LITE_REQUEST_WIDTH-1:0] lite_request_i,
    input wire [`PSF_LITE_RESPONSE_WIDTH-1:0] lite_response_i
);

  `PSF_AXI_REQUEST_WIRES(axi_, IdWidth, AddrWidth, BusBytes);
  `PSF_AXI_RESPONSE_WIRES(axi_, IdWidth, BusBytes);
  `PSF_LITE_REQUEST_WIRES(lite_);
  `PSF_LITE_RESPONSE_WIRES(lite_);
  assign `PSF_AXI_REQUEST(axi_) = axi_request_i;
  assign `PSF_AXI_RESPONSE(axi_) = axi_response_i;
  assign `PSF_LITE_REQUEST(lite_) = lite_request_i;
  assign `PSF_LITE_RESPONSE(lite_) = lite_response_i;

  // One bit per channel; payloads side by side.
  localparam AW = 0, W = 1, B = 2, AR = 3, R = 4, LAW = 5, LW = 6, LB = 7, LAR = 8, LR = 9;
  wire [9:0] valid = {
    lite_rvalid,
    lite_arvalid,
    lite_bvalid,
    lite_wvalid,
    lite_awvalid,
    axi_rvalid,
    axi_arvalid,
    axi_bvalid,
    axi_wvalid,
    axi_awvalid
  };
  wire [9:0] ready = {
    lite_rready,
    lite_arready,
    lite_bready,
    lite_wready,
    lite_awready,
    axi_rready,
    axi_arready,
    axi_bready,
    axi_wready,
    axi_awready
  };
  wire [IdWidth+AddrWidth+20:0] aw = {
    axi_awid, axi_awaddr, axi_awlen, axi_awsize, axi_awburst, axi_awlock, axi_awcache, axi_awprot
  };
  wire [IdWidth+AddrWidth+20:0] ar = {
    axi_arid, axi_araddr, axi_arlen, axi_arsize, axi_arburst, axi_arlock, axi_arcache, axi_arprot
  };
  wire [9*BusBytes:0] w = {axi_wdata, axi_wstrb, axi_wlast};
  wire [8*BusBytes+2:0] r = {axi_rdata, axi_rresp, axi_rlast};
  wire [35:0] lw = {lite_wdata, lite_wstrb};
  wire [33:0] lr = {lite_rdata, lite_rresp};

  reg [9:0] wait_q;
  reg [IdWidth+AddrWidth+20:0] aw_q, ar_q;
  reg [9*BusBytes:0] w_q;
  reg [8*BusBytes+2:0] r_q;
  reg [35:0] lw_q;
  reg [33:0] lr_q;
  reg [1:0] b_q, lb_q;
  reg [11:0] law_q, lar_q;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) wait_q <= 10'd0;
    else wait_q <= valid & ~ready;
  end

  always @(posedge clk_i) begin
    aw_q  <= aw;
    ar_q  <= ar;
    w_q   <= w;
    r_q   <= r;
    b_q   <= axi_bresp;
    lw_q  <= lw;
    lr_q  <= lr;
    lb_q  <= lite_bresp;
    law_q <= lite_awaddr;
    lar_q <= lite_araddr;
    if (rst_ni) begin
      if ((wait_q & ~valid) != 10'd0) begin
        $error("valid fell without ready, channels %b", wait_q & ~valid);
      end
      if (wait_q[AW] && aw_q != aw) $error("AW changed while it waited");
      if (wait_q[W] && w_q != w) $error("W changed while it waited");
      if (wait_q[B] && b_q != axi_bresp) $error("B changed while it waited");
      if (wait_q[AR] && ar_q != ar) $error("AR changed while it waited");
      if (wait_q[R] && r_q != r) $error("R changed while it waited");
      if (wait_q[LAW] && law_q != lite_awaddr) $error("AXI4-Lite AW changed while it waited");
      if (wait_q[LW] && lw_q != lw) $error("AXI4-Lite W changed while it waited");
      if (wait_q[LB] && lb_q != lite_bresp) $error("AXI4-Lite B changed while it waited");
      if (wait_q[LAR] && lar_q != lite_araddr) $error("AXI4-Lite AR changed while it waited");
      if (wait_q[LR] && lr_q != lr) $error("AXI4-Lite R changed while it waited");
      if (axi_arvalid && (32'd1 << axi_arsize != BusBytes || axi_arburst != 2'b01 ||
          ({20'd0, axi_araddr[11:0]} & (BusBytes - 32'd1)) != 32'd0 ||
          {20'd0, axi_araddr[11:0]} + BusBytes * ({24'd0, axi_arlen} + 32'd1) > 32'd4096)) begin
        $error("read burst %h+%0d is not full, aligned words inside 4 KiB", axi_araddr, axi_arlen);
      end
      if (axi_awvalid && (axi_awsize != 3'd3 || axi_awburst != 2'b01 || axi_awaddr[2:0] != 3'd0 ||
          {1'b0, axi_awaddr[11:3]} + {2'd0, axi_awlen} > 10'd511)) begin
        $error("write burst %h+%0d is not full, aligned beats inside 4 KiB", axi_awaddr, axi_awlen);
      end
      if (axi_arvalid && (axi_arid != Id[IdWidth-1:0] || axi_arlock || axi_arcache != Cache[3:0] ||
          axi_arprot != Prot[2:0])) begin
        $error("read with ID %0d, LOCK %b, CACHE %b, PROT %b", axi_arid, axi_arlock, axi_arcache,
               axi_arprot);
      end
      if (axi_awvalid && (axi_awid != Id[IdWidth-1:0] || axi_awlock || axi_awcache != Cache[3:0] ||
          axi_awprot != Prot[2:0])) begin
        $error("write with ID %0d, LOCK %b, CACHE %b, PROT %b", axi_awid, axi_awlock, axi_awcache,
               axi_awprot);
      end
    end
  end

  // Beats against their bursts: lengths wait in queues, as many as can be outstanding.
  reg [7:0] r_len  [0:31];
  reg [7:0] w_len  [0:15];
  reg [4:0] w_place[0:15];  // byte of the first beat in a word
  reg [5:0] r_in_q, r_out_q;
  reg [4:0] w_in_q, w_out_q, b_out_q;
  reg [7:0] r_beat_q, w_beat_q;
  reg l_read_q;
  reg [1:0] l_aw_q, l_w_q;  // addresses and data taken and not yet answered
  wire ar_go = axi_arvalid && axi_arready;
  wire r_go = axi_rvalid && axi_rready;
  wire aw_go = axi_awvalid && axi_awready;
  wire [31:0] w_byte = ({27'd0, w_place[w_out_q[3:0]]} + {21'd0, w_beat_q, 3'd0})
      & (BusBytes - 32'd8);
  wire w_go = axi_wvalid && axi_wready;
  wire b_go = axi_bvalid && axi_bready;
  wire l_b_go = lite_bvalid && lite_bready;
  assign open_o = r_in_q != r_out_q || w_in_q != b_out_q ||
      axi_arvalid || axi_awvalid || axi_wvalid;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {r_in_q, r_out_q, w_in_q, w_out_q, b_out_q}   <= 27'd0;
      {r_beat_q, w_beat_q, l_read_q, l_aw_q, l_w_q} <= 21'd0;
    end else begin
      if (ar_go) r_in_q <= r_in_q + 6'd1;
      if (r_go) r_beat_q <= axi_rlast ? 8'd0 : r_beat_q + 8'd1;
      if (r_go && axi_rlast) r_out_q <= r_out_q + 6'd1;
      if (aw_go) w_in_q <= w_in_q + 5'd1;
      if (w_go) w_beat_q <= axi_wlast ? 8'd0 : w_beat_q + 8'd1;
      if (w_go && axi_wlast) w_out_q <= w_out_q + 5'd1;
      if (b_go) b_out_q <= b_out_q + 5'd1;
      if (lite_arvalid && lite_arready) l_read_q <= 1'b1;
      else if (lite_rvalid && lite_rready) l_read_q <= 1'b0;
      l_aw_q <= l_aw_q + {1'b0, lite_awvalid && lite_awready} - {1'b0, l_b_go};
      l_w_q  <= l_w_q + {1'b0, lite_wvalid && lite_wready} - {1'b0, l_b_go};
    end
  end

  always @(posedge clk_i) begin
    if (ar_go) r_len[r_in_q[4:0]] <= axi_arlen;
    if (aw_go) begin
      w_len[w_in_q[3:0]]   <= axi_awlen;
      w_place[w_in_q[3:0]] <= axi_awaddr[4:0];
    end
    if (rst_ni) begin
      if (r_go && r_in_q == r_out_q) $error("a read beat that nobody asked for");
      else if (r_go && axi_rlast != (r_beat_q == r_len[r_out_q[4:0]])) $error("RLAST is wrong");
      if (w_go && w_in_q != w_out_q && axi_wlast != (w_beat_q == w_len[w_out_q[3:0]])) begin
        $error("WLAST is wrong");
      end
      if (w_go && w_in_q != w_out_q &&
          axi_wstrb != {BusBytes{1'b1}} >> (BusBytes - 8) << w_byte) begin
        $error("write strobes %b", axi_wstrb);
      end
      if (b_go && w_out_q == b_out_q) $error("a write response before its data");
      if (lite_rvalid && !l_read_q) $error("AXI4-Lite: a read response without a request");
      if (lite_bvalid && (l_aw_q == 2'd0 || l_w_q == 2'd0)) begin
        $error("AXI4-Lite: a response without a write");
      end
    end
  end

  // Windows.
  wire [64:0] ar_first = {{(65 - AddrWidth) {1'b0}}, axi_araddr};  // a bit more than a window has
  wire [64:0] aw_first = {{(65 - AddrWidth) {1'b0}}, axi_awaddr};
  wire [64:0] bus_bytes = {33'd0, BusBytes[31:0]};
  wire [64:0] ar_last = ar_first + bus_bytes * {57'd0, axi_arlen};  // its last word
  wire [64:0] aw_last = aw_first + {54'd0, axi_awlen, 3'd7};
  wire ar_out = ar_first + bus_bytes - 65'd1 < {1'b0, read_base_i} ||
      ar_last > {1'b0, read_limit_i};
  wire aw_out = aw_first < {1'b0, write_base_i} || aw_last > {1'b0, write_limit_i};
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) escapes_o <= 32'd0;
    else escapes_o <= escapes_o + {31'd0, axi_arvalid && ar_out} + {31'd0, axi_awvalid && aw_out};
  end

endmodule
