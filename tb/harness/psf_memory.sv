// SPDX-License-Identifier: Apache-2.0
// Behavioural AXI4 slave memory for system simulations (Icarus 11 subset).
// Bursts INCR, reads of whole words of BusBytes, writes of 8 bytes, up to most_i (1 to 31) reads outstanding in order, one write at a time.
// Every read burst waits latency_i cycles; each handshake and read beat is held back with a probability of
// stall_i / 256. load_i reads load.hex (with @address lines, in beats), dump_i writes the beats
// dump_first_i .. dump_last_i to dump.hex; both in the simulator's current directory.
// Byte 0 lies at base_i, a multiple of 8; addresses wrap. Accesses outside the memory get SLVERR. Faults on request: fail_read_i = n > 0 answers the n-th
// read beat after arm_i with fail_resp_i, fail_write_i the n-th write response; hang_i stops all
// answers. bad_o counts responses other than OKAY. psf_axi_checker watches the protocol.

module psf_memory #(
    parameter AddrBits  = 17,  // log2 of the beats
    parameter IdWidth   = 1,
    parameter AddrWidth = 32,
    parameter BusBytes  = 8
) (
    input wire clk_i,
    input wire rst_ni,
    input wire [AddrWidth-1:0] base_i,
    input wire [15:0] latency_i,
    input wire [4:0] most_i,
    input wire [7:0] stall_i,
    input wire [31:0] seed_i,  // of the stalls, read during reset
    input wire load_i,
    input wire dump_i,
    input wire [31:0] dump_first_i,
    input wire [31:0] dump_last_i,
    input wire arm_i,
    input wire [31:0] fail_read_i,
    input wire [31:0] fail_write_i,
    input wire [1:0] fail_resp_i,
    input wire hang_i,
    output reg [31:0] bad_o,
    input wire [`PSF_AXI_REQUEST_WIDTH(IdWidth, AddrWidth, BusBytes)-1:0] axi_request_i,
    output wire [`PSF_AXI_RESPONSE_WIDTH(IdWidth, BusBytes)-1:0] axi_response_o
);

  `PSF_AXI_REQUEST_WIRES(axi_, IdWidth, AddrWidth, BusBytes);
  assign `PSF_AXI_REQUEST(axi_) = axi_request_i;

  reg axi_awready, axi_wready, axi_bvalid, axi_arready, axi_rvalid, axi_rlast;
  reg [IdWidth-1:0] axi_bid, axi_rid;
  reg [1:0] axi_bresp, axi_rresp;
  reg [8*BusBytes-1:0] axi_rdata;
  assign axi_response_o = `PSF_AXI_RESPONSE(axi_);

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
  reg [AddrWidth-1:0] r_addr[0:31];  // from byte 0 of the memory on
  reg [7:0] r_len[0:31];
  reg [IdWidth-1:0] r_id[0:31];
  reg [31:0] r_time[0:31];
  reg [5:0] r_in_q, r_out_q;
  reg [7:0] r_beat_q;

  wire [5:0] r_count = r_in_q - r_out_q;
  wire ar_go = axi_arvalid && axi_arready;
  wire [AddrWidth-1:0] r_now = r_addr[r_out_q[4:0]]
      + {{(AddrWidth - 8) {1'b0}}, r_beat_q} * BusBytes[AddrWidth-1:0];
  integer r;
  wire r_go = r_count != 6'd0 && cycle_q >= r_time[r_out_q[4:0]] && rng_q[7:0] >= stall_i
      && (!axi_rvalid || axi_rready) && !hang_i;
  wire r_last = r_beat_q == r_len[r_out_q[4:0]];
  wire [AddrWidth-1:0] r_last_beat = r_now + BusBytes[AddrWidth-1:0]
      - {{(AddrWidth - 4) {1'b0}}, 4'd8};
  wire r_outside = r_now >> (AddrBits + 3) != {AddrWidth{1'b0}}
      && r_last_beat >> (AddrBits + 3) != {AddrWidth{1'b0}};

  // The beats until a response fails on request.
  reg [31:0] fail_read_q, fail_write_q;
  wire b_go;
  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {fail_read_q, fail_write_q, bad_o} <= 96'd0;
    end else begin
      if (arm_i) fail_read_q <= fail_read_i;
      else if (r_go && fail_read_q != 32'd0) fail_read_q <= fail_read_q - 32'd1;
      if (arm_i) fail_write_q <= fail_write_i;
      else if (b_go && fail_write_q != 32'd0) fail_write_q <= fail_write_q - 32'd1;
      bad_o <= bad_o + {31'd0, axi_rvalid && axi_rready && axi_rresp != 2'b00}
          + {31'd0, axi_bvalid && axi_bready && axi_bresp != 2'b00};
    end
  end

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {cycle_q, axi_arready, axi_rvalid, r_in_q, r_out_q, r_beat_q} <= 54'd0;
    end else begin
      cycle_q <= cycle_q + 32'd1;
      axi_arready <= rng_q[15:8] >= stall_i && r_count + {5'd0, ar_go} < {1'b0, most_i} && !hang_i;
      if (ar_go) r_in_q <= r_in_q + 6'd1;
      if (r_go) begin
        axi_rvalid <= 1'b1;
        r_beat_q   <= r_last ? 8'd0 : r_beat_q + 8'd1;
        if (r_last) r_out_q <= r_out_q + 6'd1;
      end else if (axi_rready) begin
        axi_rvalid <= 1'b0;
      end
    end
  end

  always @(posedge clk_i) begin
    if (ar_go) begin
      r_addr[r_in_q[4:0]] <= axi_araddr - base_i;
      r_len[r_in_q[4:0]]  <= axi_arlen;
      r_id[r_in_q[4:0]]   <= axi_arid;
      r_time[r_in_q[4:0]] <= cycle_q + {16'd0, latency_i};
    end
    if (r_go) begin
      axi_rid <= r_id[r_out_q[4:0]];
      for (r = 0; r < BusBytes / 8; r = r + 1) begin
        axi_rdata[64*r+:64] <= mem[r_now[AddrBits+2:3]+r[AddrBits-1:0]];
      end
      axi_rresp <= fail_read_q == 32'd1 ? fail_resp_i : r_outside ? 2'b10 : 2'b00;
      axi_rlast <= r_last;
    end else if (!axi_rvalid || axi_rready) begin
      axi_rdata <= {BusBytes / 4{rng_q}};  // garbage while nothing is valid
      axi_rlast <= rng_q[3];
    end
  end

  // Writes: address, data, response, one after the other.
  reg w_busy_q, w_done_q, w_error_q;
  reg [AddrWidth-1:0] w_addr_q;
  wire w_take = axi_wvalid && axi_wready;
  wire [4:0] w_bus = w_addr_q[4:0] + base_i[4:0];
  wire [31:0] w_from = {27'd0, w_bus} & (BusBytes - 32'd1);  // byte of the word of the bus
  wire w_bad = w_addr_q >> (AddrBits + 3) != {AddrWidth{1'b0}};
  assign b_go = w_done_q && rng_q[27:20] >= stall_i && !hang_i;
  integer i;

  always @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {axi_awready, axi_wready, axi_bvalid, w_busy_q, w_done_q} <= 5'd0;
    end else begin
      axi_awready <= !axi_awready && !w_busy_q && !w_done_q && !axi_bvalid
          && rng_q[23:16] >= stall_i && !hang_i;
      if (axi_awvalid && axi_awready) w_busy_q <= 1'b1;
      axi_wready <= w_busy_q && !(w_take && axi_wlast) && rng_q[31:24] >= stall_i && !hang_i;
      if (w_take && axi_wlast) begin
        w_busy_q <= 1'b0;
        w_done_q <= 1'b1;
      end
      if (b_go) begin
        w_done_q   <= 1'b0;
        axi_bvalid <= 1'b1;
      end else if (axi_bready) begin
        axi_bvalid <= 1'b0;
      end
    end
  end

  always @(posedge clk_i) begin
    if (axi_awvalid && axi_awready) begin
      axi_bid   <= axi_awid;
      w_addr_q  <= axi_awaddr - base_i;
      w_error_q <= 1'b0;
    end else if (w_take) begin
      w_addr_q  <= w_addr_q + {{(AddrWidth - 4) {1'b0}}, 4'd8};
      w_error_q <= w_error_q | w_bad;
      for (i = 0; i < 8; i = i + 1) begin
        if (axi_wstrb[w_from+i] && !w_bad) begin
          mem[w_addr_q[AddrBits+2:3]][8*i+:8] <= axi_wdata[8*(w_from+i)+:8];
        end
      end
    end
    if (b_go) begin
      axi_bresp <= fail_write_q == 32'd1 ? fail_resp_i : w_error_q ? 2'b10 : 2'b00;
    end
  end

endmodule
