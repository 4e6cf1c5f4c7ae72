// SPDX-License-Identifier: Apache-2.0
//
// AXI4-Lite slave: the protocol of psf_registers, which has the registers.
// Writes: AW and W in any order, one in flight; write_o is high for the one cycle in which word
// waddr_o takes the bytes of wdata_o that wstrb_o names, and write_error_i says in that cycle if B is
// SLVERR. B comes 2 cycles after the later of AW and W. Reads: one in flight, independent of
// writes; read_o is high for one cycle with the word raddr_o, rdata_i and read_error_i are those of
// the cycle after it, and R comes 3 cycles after AR. No output depends on an input of its cycle.

module psf_axil_slave (
    input logic clk_i,
    input logic rst_ni,
    input psf_control_pkg::axil_request_t axil_i,  // bits 1:0 of addresses are ignored
    output psf_control_pkg::axil_response_t axil_o,
    output logic write_o,
    output logic [11:2] waddr_o,
    output logic [31:0] wdata_o,
    output logic [3:0] wstrb_o,
    input logic write_error_i,
    output logic read_o,
    output logic [11:2] raddr_o,
    input logic [31:0] rdata_i,
    input logic read_error_i
);

  localparam logic [1:0] OKAY = 2'b00;
  localparam logic [1:0] SLVERR = 2'b10;

  // ---- Writes: whatever of AW and W comes first waits in its register.
  logic aw_q, w_q, bvalid_q, bad_write_q;
  logic [11:2] waddr_q;
  logic [31:0] wdata_q;
  logic [ 3:0] wstrb_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {aw_q, w_q, bvalid_q} <= '0;
    end else begin
      if (axil_i.awvalid && axil_o.awready) aw_q <= 1'b1;
      if (axil_i.wvalid && axil_o.wready) w_q <= 1'b1;
      if (axil_i.bready) bvalid_q <= 1'b0;
      if (write_o) begin
        aw_q     <= 1'b0;
        w_q      <= 1'b0;
        bvalid_q <= 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (axil_i.awvalid && axil_o.awready) waddr_q <= axil_i.awaddr[11:2];
    if (axil_i.wvalid && axil_o.wready) begin
      wdata_q <= axil_i.wdata;
      wstrb_q <= axil_i.wstrb;
    end
    if (write_o) bad_write_q <= write_error_i;
  end

  assign write_o        = aw_q && w_q && !bvalid_q;
  assign waddr_o        = waddr_q;
  assign wdata_o        = wdata_q;
  assign wstrb_o        = wstrb_q;
  assign axil_o.awready = !aw_q;
  assign axil_o.wready  = !w_q;
  assign axil_o.bvalid  = bvalid_q;
  assign axil_o.bresp   = bad_write_q ? SLVERR : OKAY;

  // ---- Reads.
  typedef enum logic [1:0] {
    IDLE,
    LOOK,    // read_o
    TAKE,    // the data arrive
    RESPOND
  } read_e;

  read_e read_q;
  logic [11:2] raddr_q;
  logic [31:0] rdata_q;
  logic bad_read_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read_q <= IDLE;
    end else begin
      unique case (read_q)
        IDLE: if (axil_i.arvalid) read_q <= LOOK;
        LOOK: read_q <= TAKE;
        TAKE: read_q <= RESPOND;
        default: if (axil_i.rready) read_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (read_q == IDLE) raddr_q <= axil_i.araddr[11:2];
    if (read_q == TAKE) begin
      rdata_q    <= rdata_i;
      bad_read_q <= read_error_i;
    end
  end

  assign read_o         = read_q == LOOK;
  assign raddr_o        = raddr_q;
  assign axil_o.arready = read_q == IDLE;
  assign axil_o.rvalid  = read_q == RESPOND;
  assign axil_o.rdata   = rdata_q;
  assign axil_o.rresp   = bad_read_q ? SLVERR : OKAY;

  logic unused_address_bits;
  assign unused_address_bits = ^{axil_i.awaddr[1:0], axil_i.araddr[1:0]};

  // Valid holds and its payload is stable until it is taken; a response answers a request.
  always_ff @(posedge clk_i) begin
    if (rst_ni && $past(rst_ni)) begin
      if ($past(axil_o.bvalid && !axil_i.bready)) begin
        assert (axil_o.bvalid && axil_o.bresp == $past(axil_o.bresp));
      end
      if ($past(axil_o.rvalid && !axil_i.rready)) begin
        assert (axil_o.rvalid && axil_o.rdata == $past(axil_o.rdata));
        assert (axil_o.rresp == $past(axil_o.rresp));
      end
      if (axil_o.bvalid && $past(!axil_o.bvalid)) assert ($past(!axil_o.awready && !axil_o.wready));
      if (axil_o.rvalid) assert (!axil_o.arready);
      if (axil_o.bvalid && $past(axil_o.bvalid)) assert ($past(!axil_i.bready));
    end
  end

endmodule
