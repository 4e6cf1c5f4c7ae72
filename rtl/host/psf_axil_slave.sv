// SPDX-License-Identifier: Apache-2.0
//
// AXI4-Lite slave: the protocol of psf_registers, which has the registers.
// Writes: AW and W in any order, one in flight; write_o is high for the one cycle in which word
// waddr_o takes wdata_o where wmask_o is 1, and write_error_i says in that cycle whether B is
// SLVERR. B comes 2 cycles after the later of AW and W. Reads: one in flight, independent of
// writes; read_o is high for one cycle with the word raddr_o, rdata_i and read_error_i are those of
// the cycle after it, and R comes 3 cycles after AR. No output depends on an input of its cycle.

module psf_axil_slave #(
    parameter int unsigned AddrWidth = 12  // bits of a byte address; its bits 1:0 are ignored
) (
    input  logic                 clk_i,
    input  logic                 rst_ni,
    input  logic [AddrWidth-1:0] s_axil_awaddr,
    input  logic                 s_axil_awvalid,
    output logic                 s_axil_awready,
    input  logic [         31:0] s_axil_wdata,
    input  logic [          3:0] s_axil_wstrb,
    input  logic                 s_axil_wvalid,
    output logic                 s_axil_wready,
    output logic [          1:0] s_axil_bresp,
    output logic                 s_axil_bvalid,
    input  logic                 s_axil_bready,
    input  logic [AddrWidth-1:0] s_axil_araddr,
    input  logic                 s_axil_arvalid,
    output logic                 s_axil_arready,
    output logic [         31:0] s_axil_rdata,
    output logic [          1:0] s_axil_rresp,
    output logic                 s_axil_rvalid,
    input  logic                 s_axil_rready,
    output logic                 write_o,
    output logic [AddrWidth-1:2] waddr_o,
    output logic [         31:0] wdata_o,
    output logic [         31:0] wmask_o,
    input  logic                 write_error_i,
    output logic                 read_o,
    output logic [AddrWidth-1:2] raddr_o,
    input  logic [         31:0] rdata_i,
    input  logic                 read_error_i
);

  localparam logic [1:0] OKAY = 2'b00;
  localparam logic [1:0] SLVERR = 2'b10;

  // ---- Writes: whatever of AW and W comes first waits in its register.
  logic aw_q, w_q, bvalid_q, bad_write_q;
  logic [AddrWidth-1:2] waddr_q;
  logic [31:0] wdata_q;
  logic [3:0] wstrb_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      aw_q     <= 1'b0;
      w_q      <= 1'b0;
      bvalid_q <= 1'b0;
    end else begin
      if (s_axil_awvalid && s_axil_awready) aw_q <= 1'b1;
      if (s_axil_wvalid && s_axil_wready) w_q <= 1'b1;
      if (s_axil_bready) bvalid_q <= 1'b0;
      if (write_o) begin
        aw_q     <= 1'b0;
        w_q      <= 1'b0;
        bvalid_q <= 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axil_awvalid && s_axil_awready) waddr_q <= s_axil_awaddr[AddrWidth-1:2];
    if (s_axil_wvalid && s_axil_wready) begin
      wdata_q <= s_axil_wdata;
      wstrb_q <= s_axil_wstrb;
    end
    if (write_o) bad_write_q <= write_error_i;
  end

  assign write_o        = aw_q && w_q && !bvalid_q;
  assign waddr_o        = waddr_q;
  assign wdata_o        = wdata_q;
  assign wmask_o        = {{8{wstrb_q[3]}}, {8{wstrb_q[2]}}, {8{wstrb_q[1]}}, {8{wstrb_q[0]}}};
  assign s_axil_awready = !aw_q;
  assign s_axil_wready  = !w_q;
  assign s_axil_bvalid  = bvalid_q;
  assign s_axil_bresp   = bad_write_q ? SLVERR : OKAY;

  // ---- Reads.
  typedef enum logic [1:0] {
    IDLE,
    LOOK,    // read_o
    TAKE,    // the data arrive
    RESPOND
  } read_e;

  read_e read_q;
  logic [AddrWidth-1:2] raddr_q;
  logic [31:0] rdata_q;
  logic bad_read_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read_q <= IDLE;
    end else begin
      unique case (read_q)
        IDLE: if (s_axil_arvalid) read_q <= LOOK;
        LOOK: read_q <= TAKE;
        TAKE: read_q <= RESPOND;
        default: if (s_axil_rready) read_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (read_q == IDLE) raddr_q <= s_axil_araddr[AddrWidth-1:2];
    if (read_q == TAKE) begin
      rdata_q    <= rdata_i;
      bad_read_q <= read_error_i;
    end
  end

  assign read_o         = read_q == LOOK;
  assign raddr_o        = raddr_q;
  assign s_axil_arready = read_q == IDLE;
  assign s_axil_rvalid  = read_q == RESPOND;
  assign s_axil_rdata   = rdata_q;
  assign s_axil_rresp   = bad_read_q ? SLVERR : OKAY;

  logic unused_address_bits;
  assign unused_address_bits = ^{s_axil_awaddr[1:0], s_axil_araddr[1:0]};

  // Valid holds and its payload is stable until it is taken; a response answers a request.
  always_ff @(posedge clk_i) begin
    if (rst_ni && $past(rst_ni)) begin
      if ($past(s_axil_bvalid && !s_axil_bready)) begin
        assert (s_axil_bvalid && s_axil_bresp == $past(s_axil_bresp));
      end
      if ($past(s_axil_rvalid && !s_axil_rready)) begin
        assert (s_axil_rvalid && s_axil_rdata == $past(s_axil_rdata));
        assert (s_axil_rresp == $past(s_axil_rresp));
      end
      if (s_axil_bvalid && $past(!s_axil_bvalid)) assert ($past(!s_axil_awready && !s_axil_wready));
      if (s_axil_rvalid) assert (!s_axil_arready);
      if (s_axil_bvalid && $past(s_axil_bvalid)) assert ($past(!s_axil_bready));
    end
  end

endmodule
