// SPDX-License-Identifier: Apache-2.0
// Behavioural AXI4 slave memory, 64-bit data, for system simulations (Icarus 11 subset).
// Bursts INCR of full beats, up to 8 reads outstanding in order, one write at a time. Every read
// burst waits latency_i cycles; each handshake and read beat is held back with a probability of
// stall_i / 256. load_i reads load.hex (with @address lines, in beats), dump_i writes the beats
// dump_first_i .. dump_last_i to dump.hex; both in the simulator's current directory.
// Accesses outside the memory get SLVERR.

module psf_memory #(
  parameter AddrBits = 17,  // log2 of the beats
  parameter IdWidth = 1
) (
  input  wire               clk_i,
  input  wire               rst_ni,
  input  wire [7:0]         latency_i,
  input  wire [7:0]         stall_i,
  input  wire [31:0]        seed_i,       // of the stalls, read during reset
  input  wire               load_i,
  input  wire               dump_i,
  input  wire [31:0]        dump_first_i,
  input  wire [31:0]        dump_last_i,
  input  wire [IdWidth-1:0] awid_i,
  input  wire [31:0]        awaddr_i,
  input  wire [7:0]         awlen_i,
  input  wire [2:0]         awsize_i,
  input  wire [1:0]         awburst_i,
  input  wire               awvalid_i,
  output reg                awready_o,
  input  wire [63:0]        wdata_i,
  input  wire [7:0]         wstrb_i,
  input  wire               wlast_i,
  input  wire               wvalid_i,
  output reg                wready_o,
  output reg  [IdWidth-1:0] bid_o,
  output reg  [1:0]         bresp_o,
  output reg                bvalid_o,
  input  wire               bready_i,
  input  wire [IdWidth-1:0] arid_i,
  input  wire [31:0]        araddr_i,
  input  wire [7:0]         arlen_i,
  input  wire [2:0]         arsize_i,
  input  wire [1:0]         arburst_i,
  input  wire               arvalid_i,
  output reg                arready_o,
  output reg  [IdWidth-1:0] rid_o,
  output reg  [63:0]        rdata_o,
  output reg  [1:0]         rresp_o,
  output reg                rlast_o,
  output reg                rvalid_o,
  input  wire               rready_i
);

  reg [63:0] mem [0:(1<<AddrBits)-1];

  always @(posedge clk_i) begin
    if (load_i) $readmemh("load.hex", mem);
    if (dump_i) $writememh("dump.hex", mem, dump_first_i, dump_last_i);
  end

  // Stalls: slices of an xorshift32 are compared with stall_i.
  reg [31:0] rng_q, rng_a, rng_b;
  always @* begin
    rng_a = rng_q ^ (rng_q << 13);
    rng_b = rng_a ^ (rng_a >> 17);
  end
  always @(posedge clk_i) begin
    if (!rst_ni) rng_q <= seed_i | 32'd1;
    else rng_q <= rng_b ^ (rng_b << 5);
  end

  // Reads: a queue of bursts, each with the cycle in which it may answer.
  reg [31:0] cycle_q;
  reg [31:0] r_addr [0:7];
  reg [7:0] r_len [0:7];
  reg [IdWidth-1:0] r_id [0:7];
  reg [31:0] r_time [0:7];
  reg [3:0] r_in_q, r_out_q;
  reg [7:0] r_beat_q;

  wire [3:0] r_count = r_in_q - r_out_q;
  wire [31:0] r_now = r_addr[r_out_q[2:0]] + {21'd0, r_beat_q, 3'd0};
  wire r_go = r_count != 4'd0 && cycle_q >= r_time[r_out_q[2:0]] && rng_q[7:0] >= stall_i
      && (!rvalid_o || rready_i);
  wire r_last = r_beat_q == r_len[r_out_q[2:0]];

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      cycle_q <= 32'd0;
      arready_o <= 1'b0;
      rvalid_o <= 1'b0;
      r_in_q <= 4'd0;
      r_out_q <= 4'd0;
      r_beat_q <= 8'd0;
    end else begin
      cycle_q <= cycle_q + 32'd1;
      arready_o <= rng_q[15:8] >= stall_i && r_count < 4'd7;
      if (arvalid_i && arready_o) r_in_q <= r_in_q + 4'd1;
      if (r_go) begin
        rvalid_o <= 1'b1;
        r_beat_q <= r_last ? 8'd0 : r_beat_q + 8'd1;
        if (r_last) r_out_q <= r_out_q + 4'd1;
      end else if (rready_i) begin
        rvalid_o <= 1'b0;
      end
    end
  end

  always @(posedge clk_i) begin
    if (arvalid_i && arready_o) begin
      r_addr[r_in_q[2:0]] <= araddr_i;
      r_len[r_in_q[2:0]] <= arlen_i;
      r_id[r_in_q[2:0]] <= arid_i;
      r_time[r_in_q[2:0]] <= cycle_q + {24'd0, latency_i};
    end
    if (r_go) begin
      rid_o <= r_id[r_out_q[2:0]];
      rdata_o <= mem[r_now[AddrBits+2:3]];
      rresp_o <= r_now >> (AddrBits + 3) != 32'd0 ? 2'b10 : 2'b00;
      rlast_o <= r_last;
    end else if (!rvalid_o || rready_i) begin
      rdata_o <= {2{rng_q}};  // garbage while nothing is valid
      rlast_o <= rng_q[3];
    end
  end

  // Writes: address, data, response, one after the other.
  reg w_busy_q, w_done_q, w_error_q;
  reg [31:0] w_addr_q;
  wire w_take = wvalid_i && wready_o;
  wire w_bad = w_addr_q >> (AddrBits + 3) != 32'd0;
  integer i;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      awready_o <= 1'b0;
      wready_o <= 1'b0;
      bvalid_o <= 1'b0;
      w_busy_q <= 1'b0;
      w_done_q <= 1'b0;
    end else begin
      awready_o <= !awready_o && !w_busy_q && !w_done_q && !bvalid_o
          && rng_q[23:16] >= stall_i;
      if (awvalid_i && awready_o) w_busy_q <= 1'b1;
      wready_o <= w_busy_q && !(w_take && wlast_i) && rng_q[31:24] >= stall_i;
      if (w_take && wlast_i) begin
        w_busy_q <= 1'b0;
        w_done_q <= 1'b1;
      end
      if (w_done_q && rng_q[27:20] >= stall_i) begin
        w_done_q <= 1'b0;
        bvalid_o <= 1'b1;
      end else if (bready_i) begin
        bvalid_o <= 1'b0;
      end
    end
  end

  always @(posedge clk_i) begin
    if (awvalid_i && awready_o) begin
      bid_o <= awid_i;
      w_addr_q <= awaddr_i;
      w_error_q <= 1'b0;
    end else if (w_take) begin
      w_addr_q <= w_addr_q + 32'd8;
      w_error_q <= w_error_q | w_bad;
      for (i = 0; i < 8; i = i + 1) begin
        if (wstrb_i[i] && !w_bad) mem[w_addr_q[AddrBits+2:3]][8*i+:8] <= wdata_i[8*i+:8];
      end
    end
    if (w_done_q) bresp_o <= w_error_q ? 2'b10 : 2'b00;
  end

  // Protocol: full beats, INCR, aligned, inside 4 KiB, and what waits holds.
  reg ar_wait_q, aw_wait_q, w_wait_q;
  reg [39:0] ar_q, aw_q;
  reg [72:0] w_q;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      ar_wait_q <= 1'b0;
      aw_wait_q <= 1'b0;
      w_wait_q <= 1'b0;
    end else begin
      ar_wait_q <= arvalid_i && !arready_o;
      aw_wait_q <= awvalid_i && !awready_o;
      w_wait_q <= wvalid_i && !wready_o;
    end
  end
  always @(posedge clk_i) begin
    ar_q <= {araddr_i, arlen_i};
    aw_q <= {awaddr_i, awlen_i};
    w_q <= {wdata_i, wstrb_i, wlast_i};
    if (rst_ni) begin
      if (arvalid_i && (arsize_i != 3'd3 || arburst_i != 2'b01 || araddr_i[2:0] != 3'd0 ||
          {1'b0, araddr_i[11:3]} + {2'd0, arlen_i} > 10'd511)) begin
        $error("read burst %h+%0d is not full, aligned beats inside 4 KiB", araddr_i, arlen_i);
      end
      if (awvalid_i && (awsize_i != 3'd3 || awburst_i != 2'b01 || awaddr_i[2:0] != 3'd0 ||
          {1'b0, awaddr_i[11:3]} + {2'd0, awlen_i} > 10'd511)) begin
        $error("write burst %h+%0d is not full, aligned beats inside 4 KiB", awaddr_i, awlen_i);
      end
      if (ar_wait_q && (!arvalid_i || ar_q != {araddr_i, arlen_i})) $error("AR does not hold");
      if (aw_wait_q && (!awvalid_i || aw_q != {awaddr_i, awlen_i})) $error("AW does not hold");
      if (w_wait_q && (!wvalid_i || w_q != {wdata_i, wstrb_i, wlast_i})) $error("W does not hold");
    end
  end

endmodule
