// SPDX-License-Identifier: Apache-2.0
// Behavioural AXI4 slave memory, 64-bit data, for system simulations (Icarus 11 subset).
// Bursts INCR of full beats, up to 8 reads outstanding in order, one write at a time. Every read
// burst waits latency_i cycles; each handshake and read beat is held back with a probability of
// stall_i / 256. load_i reads load.hex (with @address lines, in beats), dump_i writes the beats
// dump_first_i .. dump_last_i to dump.hex; both in the simulator's current directory.
// Accesses outside the memory get SLVERR. Faults on request: fail_read_i = n > 0 answers the n-th
// read beat after arm_i with fail_resp_i, fail_write_i the n-th write response; hang_i stops all
// answers. bad_o counts responses other than OKAY. psf_axi_checker watches the protocol.

module psf_memory #(
    parameter AddrBits = 17,  // log2 of the beats
    parameter IdWidth  = 1
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire [        7:0] latency_i,
    input  wire [        7:0] stall_i,
    input  wire [       31:0] seed_i,        // of the stalls, read during reset
    input  wire               load_i,
    input  wire               dump_i,
    input  wire [       31:0] dump_first_i,
    input  wire [       31:0] dump_last_i,
    input  wire               arm_i,
    input  wire [       31:0] fail_read_i,
    input  wire [       31:0] fail_write_i,
    input  wire [        1:0] fail_resp_i,
    input  wire               hang_i,
    output reg  [       31:0] bad_o,
    input  wire [IdWidth-1:0] awid_i,
    input  wire [       31:0] awaddr_i,
    input  wire               awvalid_i,
    output reg                awready_o,
    input  wire [       63:0] wdata_i,
    input  wire [        7:0] wstrb_i,
    input  wire               wlast_i,
    input  wire               wvalid_i,
    output reg                wready_o,
    output reg  [IdWidth-1:0] bid_o,
    output reg  [        1:0] bresp_o,
    output reg                bvalid_o,
    input  wire               bready_i,
    input  wire [IdWidth-1:0] arid_i,
    input  wire [       31:0] araddr_i,
    input  wire [        7:0] arlen_i,
    input  wire               arvalid_i,
    output reg                arready_o,
    output reg  [IdWidth-1:0] rid_o,
    output reg  [       63:0] rdata_o,
    output reg  [        1:0] rresp_o,
    output reg                rlast_o,
    output reg                rvalid_o,
    input  wire               rready_i
);

  reg [63:0] mem[0:(1<<AddrBits)-1];

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
  reg [31:0] r_addr[0:7];
  reg [7:0] r_len[0:7];
  reg [IdWidth-1:0] r_id[0:7];
  reg [31:0] r_time[0:7];
  reg [3:0] r_in_q, r_out_q;
  reg [7:0] r_beat_q;

  wire [3:0] r_count = r_in_q - r_out_q;
  wire [31:0] r_now = r_addr[r_out_q[2:0]] + {21'd0, r_beat_q, 3'd0};
  wire r_go = r_count != 4'd0 && cycle_q >= r_time[r_out_q[2:0]] && rng_q[7:0] >= stall_i
      && (!rvalid_o || rready_i) && !hang_i;
  wire r_last = r_beat_q == r_len[r_out_q[2:0]];
  wire r_outside = r_now >> (AddrBits + 3) != 32'd0;

  // The beats until a response fails on request.
  reg [31:0] fail_read_q, fail_write_q;
  wire b_go;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      fail_read_q <= 32'd0;
      fail_write_q <= 32'd0;
      bad_o <= 32'd0;
    end else begin
      if (arm_i) fail_read_q <= fail_read_i;
      else if (r_go && fail_read_q != 32'd0) fail_read_q <= fail_read_q - 32'd1;
      if (arm_i) fail_write_q <= fail_write_i;
      else if (b_go && fail_write_q != 32'd0) fail_write_q <= fail_write_q - 32'd1;
      bad_o <= bad_o + {31'd0, rvalid_o && rready_i && rresp_o != 2'b00}
          + {31'd0, bvalid_o && bready_i && bresp_o != 2'b00};
    end
  end

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      cycle_q <= 32'd0;
      arready_o <= 1'b0;
      rvalid_o <= 1'b0;
      r_in_q <= 4'd0;
      r_out_q <= 4'd0;
      r_beat_q <= 8'd0;
    end else begin
      cycle_q   <= cycle_q + 32'd1;
      arready_o <= rng_q[15:8] >= stall_i && r_count < 4'd7 && !hang_i;
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
      r_len[r_in_q[2:0]]  <= arlen_i;
      r_id[r_in_q[2:0]]   <= arid_i;
      r_time[r_in_q[2:0]] <= cycle_q + {24'd0, latency_i};
    end
    if (r_go) begin
      rid_o   <= r_id[r_out_q[2:0]];
      rdata_o <= mem[r_now[AddrBits+2:3]];
      rresp_o <= fail_read_q == 32'd1 ? fail_resp_i : r_outside ? 2'b10 : 2'b00;
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
  assign b_go = w_done_q && rng_q[27:20] >= stall_i && !hang_i;
  integer i;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      awready_o <= 1'b0;
      wready_o  <= 1'b0;
      bvalid_o  <= 1'b0;
      w_busy_q  <= 1'b0;
      w_done_q  <= 1'b0;
    end else begin
      awready_o <= !awready_o && !w_busy_q && !w_done_q && !bvalid_o
          && rng_q[23:16] >= stall_i && !hang_i;
      if (awvalid_i && awready_o) w_busy_q <= 1'b1;
      wready_o <= w_busy_q && !(w_take && wlast_i) && rng_q[31:24] >= stall_i && !hang_i;
      if (w_take && wlast_i) begin
        w_busy_q <= 1'b0;
        w_done_q <= 1'b1;
      end
      if (b_go) begin
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
      w_addr_q  <= w_addr_q + 32'd8;
      w_error_q <= w_error_q | w_bad;
      for (i = 0; i < 8; i = i + 1) begin
        if (wstrb_i[i] && !w_bad) mem[w_addr_q[AddrBits+2:3]][8*i+:8] <= wdata_i[8*i+:8];
      end
    end
    if (b_go) begin
      bresp_o <= fail_write_q == 32'd1 ? fail_resp_i : w_error_q ? 2'b10 : 2'b00;
    end
  end

endmodule
