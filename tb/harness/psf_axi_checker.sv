// SPDX-License-Identifier: Apache-2.0
// Watches both buses of the accelerator in every system simulation (Icarus 11 subset): valid holds
// and its payload is stable until ready on all ten channels, bursts are full aligned INCR beats
// inside a 4 KiB page, WLAST and RLAST are right, nothing answers what was not asked. Breaches end
// the simulation. escapes_o counts bursts that touch a byte outside the window of their direction.

module psf_axi_checker #(
    parameter IdWidth = 1
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire [       31:0] read_base_i,     // first and last byte that may be touched
    input  wire [       31:0] read_limit_i,
    input  wire [       31:0] write_base_i,
    input  wire [       31:0] write_limit_i,
    output reg  [       31:0] escapes_o,
    output wire               open_o,          // a transaction is under way
    input  wire [IdWidth-1:0] awid_i,
    input  wire [       31:0] awaddr_i,
    input  wire [        7:0] awlen_i,
    input  wire [        2:0] awsize_i,
    input  wire [        1:0] awburst_i,
    input  wire               awvalid_i,
    input  wire               awready_i,
    input  wire [       63:0] wdata_i,
    input  wire [        7:0] wstrb_i,
    input  wire               wlast_i,
    input  wire               wvalid_i,
    input  wire               wready_i,
    input  wire [        1:0] bresp_i,
    input  wire               bvalid_i,
    input  wire               bready_i,
    input  wire [IdWidth-1:0] arid_i,
    input  wire [       31:0] araddr_i,
    input  wire [        7:0] arlen_i,
    input  wire [        2:0] arsize_i,
    input  wire [        1:0] arburst_i,
    input  wire               arvalid_i,
    input  wire               arready_i,
    input  wire [       63:0] rdata_i,
    input  wire [        1:0] rresp_i,
    input  wire               rlast_i,
    input  wire               rvalid_i,
    input  wire               rready_i,
    input  wire [       11:0] axil_awaddr_i,
    input  wire               axil_awvalid_i,
    input  wire               axil_awready_i,
    input  wire [       31:0] axil_wdata_i,
    input  wire [        3:0] axil_wstrb_i,
    input  wire               axil_wvalid_i,
    input  wire               axil_wready_i,
    input  wire [        1:0] axil_bresp_i,
    input  wire               axil_bvalid_i,
    input  wire               axil_bready_i,
    input  wire [       11:0] axil_araddr_i,
    input  wire               axil_arvalid_i,
    input  wire               axil_arready_i,
    input  wire [       31:0] axil_rdata_i,
    input  wire [        1:0] axil_rresp_i,
    input  wire               axil_rvalid_i,
    input  wire               axil_rready_i
);

  // One bit per channel; payloads side by side.
  localparam AW = 0, W = 1, B = 2, AR = 3, R = 4, LAW = 5, LW = 6, LB = 7, LAR = 8, LR = 9;
  wire [9:0] valid = {
    axil_rvalid_i,
    axil_arvalid_i,
    axil_bvalid_i,
    axil_wvalid_i,
    axil_awvalid_i,
    rvalid_i,
    arvalid_i,
    bvalid_i,
    wvalid_i,
    awvalid_i
  };
  wire [9:0] ready = {
    axil_rready_i,
    axil_arready_i,
    axil_bready_i,
    axil_wready_i,
    axil_awready_i,
    rready_i,
    arready_i,
    bready_i,
    wready_i,
    awready_i
  };
  wire [45+IdWidth-1:0] aw = {awid_i, awaddr_i, awlen_i, awsize_i, awburst_i};
  wire [45+IdWidth-1:0] ar = {arid_i, araddr_i, arlen_i, arsize_i, arburst_i};
  wire [72:0] w = {wdata_i, wstrb_i, wlast_i};
  wire [66:0] r = {rdata_i, rresp_i, rlast_i};
  wire [35:0] lw = {axil_wdata_i, axil_wstrb_i};
  wire [33:0] lr = {axil_rdata_i, axil_rresp_i};

  reg [9:0] wait_q;
  reg [45+IdWidth-1:0] aw_q, ar_q;
  reg [72:0] w_q;
  reg [66:0] r_q;
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
    b_q   <= bresp_i;
    lw_q  <= lw;
    lr_q  <= lr;
    lb_q  <= axil_bresp_i;
    law_q <= axil_awaddr_i;
    lar_q <= axil_araddr_i;
    if (rst_ni) begin
      if ((wait_q & ~valid) != 10'd0) begin
        $error("valid fell without ready, channels %b", wait_q & ~valid);
      end
      if (wait_q[AW] && aw_q != aw) $error("AW changed while it waited");
      if (wait_q[W] && w_q != w) $error("W changed while it waited");
      if (wait_q[B] && b_q != bresp_i) $error("B changed while it waited");
      if (wait_q[AR] && ar_q != ar) $error("AR changed while it waited");
      if (wait_q[R] && r_q != r) $error("R changed while it waited");
      if (wait_q[LAW] && law_q != axil_awaddr_i) $error("AXI4-Lite AW changed while it waited");
      if (wait_q[LW] && lw_q != lw) $error("AXI4-Lite W changed while it waited");
      if (wait_q[LB] && lb_q != axil_bresp_i) $error("AXI4-Lite B changed while it waited");
      if (wait_q[LAR] && lar_q != axil_araddr_i) $error("AXI4-Lite AR changed while it waited");
      if (wait_q[LR] && lr_q != lr) $error("AXI4-Lite R changed while it waited");
      if (arvalid_i && (arsize_i != 3'd3 || arburst_i != 2'b01 || araddr_i[2:0] != 3'd0 ||
          {1'b0, araddr_i[11:3]} + {2'd0, arlen_i} > 10'd511)) begin
        $error("read burst %h+%0d is not full, aligned beats inside 4 KiB", araddr_i, arlen_i);
      end
      if (awvalid_i && (awsize_i != 3'd3 || awburst_i != 2'b01 || awaddr_i[2:0] != 3'd0 ||
          {1'b0, awaddr_i[11:3]} + {2'd0, awlen_i} > 10'd511)) begin
        $error("write burst %h+%0d is not full, aligned beats inside 4 KiB", awaddr_i, awlen_i);
      end
    end
  end

  // Beats against their bursts: lengths wait in queues, as many as can be outstanding.
  reg [7:0] r_len[0:15];
  reg [7:0] w_len[0:15];
  reg [4:0] r_in_q, r_out_q, w_in_q, w_out_q, b_out_q;
  reg [7:0] r_beat_q, w_beat_q;
  reg l_read_q;
  reg [1:0] l_aw_q, l_w_q;  // addresses and data taken and not yet answered
  wire ar_go = arvalid_i && arready_i;
  wire r_go = rvalid_i && rready_i;
  wire aw_go = awvalid_i && awready_i;
  wire w_go = wvalid_i && wready_i;
  wire b_go = bvalid_i && bready_i;
  wire l_b_go = axil_bvalid_i && axil_bready_i;
  assign open_o = r_in_q != r_out_q || w_in_q != b_out_q || arvalid_i || awvalid_i || wvalid_i;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      r_in_q <= 5'd0;
      r_out_q <= 5'd0;
      w_in_q <= 5'd0;
      w_out_q <= 5'd0;
      b_out_q <= 5'd0;
      r_beat_q <= 8'd0;
      w_beat_q <= 8'd0;
      l_read_q <= 1'b0;
      l_aw_q <= 2'd0;
      l_w_q <= 2'd0;
    end else begin
      if (ar_go) r_in_q <= r_in_q + 5'd1;
      if (r_go) r_beat_q <= rlast_i ? 8'd0 : r_beat_q + 8'd1;
      if (r_go && rlast_i) r_out_q <= r_out_q + 5'd1;
      if (aw_go) w_in_q <= w_in_q + 5'd1;
      if (w_go) w_beat_q <= wlast_i ? 8'd0 : w_beat_q + 8'd1;
      if (w_go && wlast_i) w_out_q <= w_out_q + 5'd1;
      if (b_go) b_out_q <= b_out_q + 5'd1;
      if (axil_arvalid_i && axil_arready_i) l_read_q <= 1'b1;
      else if (axil_rvalid_i && axil_rready_i) l_read_q <= 1'b0;
      l_aw_q <= l_aw_q + {1'b0, axil_awvalid_i && axil_awready_i} - {1'b0, l_b_go};
      l_w_q  <= l_w_q + {1'b0, axil_wvalid_i && axil_wready_i} - {1'b0, l_b_go};
    end
  end

  always @(posedge clk_i) begin
    if (ar_go) r_len[r_in_q[3:0]] <= arlen_i;
    if (aw_go) w_len[w_in_q[3:0]] <= awlen_i;
    if (rst_ni) begin
      if (r_go && r_in_q == r_out_q) $error("a read beat that nobody asked for");
      else if (r_go && rlast_i != (r_beat_q == r_len[r_out_q[3:0]])) $error("RLAST is wrong");
      if (w_go && w_in_q != w_out_q && wlast_i != (w_beat_q == w_len[w_out_q[3:0]])) begin
        $error("WLAST is wrong");
      end
      if (b_go && w_out_q == b_out_q) $error("a write response before its data");
      if (axil_rvalid_i && !l_read_q) $error("AXI4-Lite: a read response without a request");
      if (axil_bvalid_i && (l_aw_q == 2'd0 || l_w_q == 2'd0)) begin
        $error("AXI4-Lite: a response without a write");
      end
    end
  end

  // Windows.
  wire [32:0] ar_last = {1'b0, araddr_i} + {22'd0, arlen_i, 3'd7};
  wire [32:0] aw_last = {1'b0, awaddr_i} + {22'd0, awlen_i, 3'd7};
  wire ar_out = araddr_i < read_base_i || ar_last > {1'b0, read_limit_i};
  wire aw_out = awaddr_i < write_base_i || aw_last > {1'b0, write_limit_i};
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) escapes_o <= 32'd0;
    else escapes_o <= escapes_o + {31'd0, arvalid_i && ar_out} + {31'd0, awvalid_i && aw_out};
  end

endmodule
