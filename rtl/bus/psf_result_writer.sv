// SPDX-License-Identifier: Apache-2.0
//
// OP_STORE: writes {cycles[63:32], label[31:0]} and then `logits` int32, two per beat (the upper
// half of an odd last beat is zero), over AXI4: INCR bursts of at most 64 beats, never across a
// 4 KiB boundary, one burst in flight. Cycles and label are sampled when the store is taken.
// 3 cycles per beat. done_o pulses with the last response; error_o: one of them was not OKAY.

module psf_result_writer #(
  parameter int unsigned AxiIdWidth = 1
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic                  store_valid_i,
  output logic                  store_ready_o,
  input  logic [31:3]           store_addr_i,    // byte address, a multiple of 8
  input  logic [15:0]           store_logits_i,
  input  logic [31:0]           cycles_i,
  input  logic [15:0]           label_i,
  output logic [15:0]           logit_raddr_o,
  input  logic [31:0]           logit_rdata_i,   // of the address in the cycle before
  output logic                  done_o,
  output logic                  error_o,
  output logic [AxiIdWidth-1:0] m_axi_awid,
  output logic [31:0]           m_axi_awaddr,
  output logic [ 7:0]           m_axi_awlen,
  output logic [ 2:0]           m_axi_awsize,
  output logic [ 1:0]           m_axi_awburst,
  output logic                  m_axi_awvalid,
  input  logic                  m_axi_awready,
  output logic [63:0]           m_axi_wdata,
  output logic [ 7:0]           m_axi_wstrb,
  output logic                  m_axi_wlast,
  output logic                  m_axi_wvalid,
  input  logic                  m_axi_wready,
  input  logic [AxiIdWidth-1:0] m_axi_bid,
  input  logic [ 1:0]           m_axi_bresp,
  input  logic                  m_axi_bvalid,
  output logic                  m_axi_bready
);

  typedef enum logic [2:0] {
    IDLE,
    ADDRESS,  // open a burst
    LOW,  // take the even logit
    HIGH,  // and the odd one
    SEND,
    RESPONSE
  } state_e;

  state_e state_q;
  logic [31:3] addr_q, awaddr_q;
  logic [7:0] awlen_q;
  logic awvalid_q;
  logic first_q;  // beat 0 of the store is ready in data_q
  logic error_q;
  logic [15:0] left_q;  // beats to send
  logic [6:0] burst_q;  // beats to send in this burst
  logic [15:0] index_q;  // next logit
  logic odd_q;  // the last beat carries one logit
  logic [63:0] data_q;

  logic [9:0] to_page, page_limit;
  logic [6:0] burst;
  logic half;

  assign to_page    = 10'd512 - {1'b0, addr_q[11:3]};
  assign page_limit = (to_page < 10'd64) ? to_page : 10'd64;
  assign burst      = (left_q < 16'(page_limit)) ? left_q[6:0] : page_limit[6:0];
  assign half       = odd_q && left_q == 16'd1;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q   <= IDLE;
      awvalid_q <= 1'b0;
    end else begin
      if (m_axi_awready) awvalid_q <= 1'b0;
      unique case (state_q)
        IDLE: if (store_valid_i) state_q <= ADDRESS;
        ADDRESS: begin
          awvalid_q <= 1'b1;
          state_q   <= first_q ? SEND : LOW;
        end
        LOW: state_q <= HIGH;
        HIGH: state_q <= SEND;
        SEND: if (m_axi_wready) state_q <= m_axi_wlast ? RESPONSE : LOW;
        default: if (m_axi_bvalid) state_q <= (left_q == '0) ? IDLE : ADDRESS;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      IDLE: begin
        addr_q  <= store_addr_i;
        left_q  <= 16'd1 + {1'b0, store_logits_i[15:1]} + 16'(store_logits_i[0]);
        odd_q   <= store_logits_i[0];
        data_q  <= {cycles_i, 16'd0, label_i};
        first_q <= 1'b1;
        error_q <= 1'b0;
        index_q <= '0;
      end
      ADDRESS: begin
        awaddr_q <= addr_q;
        awlen_q  <= {1'b0, burst - 7'd1};
        burst_q  <= burst;
      end
      LOW: data_q[31:0] <= logit_rdata_i;
      HIGH: begin
        data_q[63:32] <= half ? '0 : logit_rdata_i;
        if (left_q != 16'd1) index_q <= index_q + 16'd2;  // stays on an existing logit at the end
      end
      SEND: begin
        if (m_axi_wready) begin
          first_q <= 1'b0;
          addr_q  <= addr_q + 29'd1;
          left_q  <= left_q - 16'd1;
          burst_q <= burst_q - 7'd1;
        end
      end
      default: if (m_axi_bvalid && m_axi_bresp != 2'b00) error_q <= 1'b1;
    endcase
  end

  assign store_ready_o = state_q == IDLE;
  assign logit_raddr_o = (state_q == LOW && !half) ? index_q + 16'd1 : index_q;
  assign done_o        = state_q == RESPONSE && m_axi_bvalid && left_q == '0;
  assign error_o       = error_q || m_axi_bresp != 2'b00;

  assign m_axi_awid    = '0;
  assign m_axi_awaddr  = {awaddr_q, 3'b000};
  assign m_axi_awlen   = awlen_q;
  assign m_axi_awsize  = 3'd3;  // 8 bytes
  assign m_axi_awburst = 2'b01;  // INCR
  assign m_axi_awvalid = awvalid_q;
  assign m_axi_wdata   = data_q;
  assign m_axi_wstrb   = '1;
  assign m_axi_wlast   = burst_q == 7'd1;
  assign m_axi_wvalid  = state_q == SEND;
  assign m_axi_bready  = state_q == RESPONSE;

  // Valid holds with its payload; a response belongs to us.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && m_axi_awvalid && !m_axi_awready)) begin
        assert (m_axi_awvalid && m_axi_awaddr == $past(m_axi_awaddr));
      end
      if ($past(rst_ni && m_axi_wvalid && !m_axi_wready)) begin
        assert (m_axi_wvalid && m_axi_wdata == $past(m_axi_wdata));
      end
      if (m_axi_bvalid) assert (m_axi_bid == '0);
    end
  end

endmodule
