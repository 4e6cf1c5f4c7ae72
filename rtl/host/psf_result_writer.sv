// SPDX-License-Identifier: Apache-2.0
//
// OP_STORE: writes {cycles[63:32], label[31:0]} and then `logits` int32, two per beat (the upper
// half of an odd last beat is zero), over AXI4: INCR bursts of at most 64 beats, never across a
// 4 KiB boundary, each checked against the window before AWVALID, one in flight. Addresses count
// modulo 2^AddrWidth. Cycles and label are sampled when the store is taken. 3 cycles per beat. done_o pulses with the last response. A
// bad response, or a burst outside the window, ends the store with a fault in place of done_o.
// stop_i: the burst in flight is finished and its response ignored, then idle; no done, no fault.

module psf_result_writer #(
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
) (
    input logic clk_i,
    input logic rst_ni,
    input logic stop_i,
    output logic idle_o,  // no store, no burst in flight
    input psf_control_pkg::window_t window_i,  // that may be written
    input logic store_valid_i,
    output logic store_ready_o,
    input psf_control_pkg::store_command_t store_i,
    input logic [31:0] cycles_i,
    input logic [15:0] label_i,
    output logic [15:0] logit_raddr_o,
    input logic [31:0] logit_rdata_i,  // of the address in the cycle before
    output logic done_o,
    output logic fault_valid_o,
    output psf_control_pkg::fault_t fault_o,  // ERROR_WRITE, _WRITE_WINDOW; of the burst, index 0
    output psf_control_pkg::axi_write_request_t axi_write_o,
    input psf_control_pkg::axi_write_response_t axi_write_i
);

  typedef enum logic [2:0] {
    IDLE,
    MEASURE,  // where the next burst is
    ADDRESS,  // open it
    LOW,  // take the even logit
    HIGH,  // and the odd one
    SEND,
    RESPONSE,
    CHECK  // the burst that was measured, before ADDRESS
  } state_e;

  state_e state_q;
  logic [63:3] addr_q, awaddr_q;
  logic [7:0] awlen_q;
  logic awvalid_q;
  logic first_q;  // beat 0 of the store is ready in data_q
  logic [15:0] left_q;  // beats to send
  logic [6:0] burst_q;  // beats to send in this burst
  logic [15:0] index_q;  // next logit
  logic odd_q;  // the last beat carries one logit
  logic [63:0] data_q;

  logic [9:0] to_page, page_limit;
  logic [6:0] burst;
  logic half, allowed, allowed_q, outside, response, bad_response;

  assign to_page    = 10'd512 - {1'b0, addr_q[11:3]};
  assign page_limit = (to_page < 10'd64) ? to_page : 10'd64;
  assign burst      = (left_q < 16'(page_limit)) ? left_q[6:0] : page_limit[6:0];
  assign half       = odd_q && left_q == 16'd1;

  psf_window_check u_window (
      .addr_i  (awaddr_q),
      .beats_i ({2'b00, awlen_q}),
      .base_i  (window_i.base),
      .limit_i (window_i.limit),
      .inside_o(allowed)
  );

  assign outside      = state_q == ADDRESS && !allowed_q && !stop_i;
  assign response     = axi_write_i.bvalid && axi_write_o.bready;
  assign bad_response = response && axi_write_i.bresp != 2'b00;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {awvalid_q, fault_valid_o} <= '0;
      state_q                    <= IDLE;
    end else begin
      if (axi_write_i.awready) awvalid_q <= 1'b0;
      fault_valid_o <= outside || (bad_response && !stop_i);
      unique case (state_q)
        IDLE: if (store_valid_i && !stop_i) state_q <= MEASURE;
        MEASURE: state_q <= stop_i ? IDLE : CHECK;
        CHECK: state_q <= stop_i ? IDLE : ADDRESS;
        ADDRESS: begin
          if (allowed_q && !stop_i) begin
            awvalid_q <= 1'b1;
            state_q   <= first_q ? SEND : LOW;
          end else begin
            state_q <= IDLE;
          end
        end
        LOW: state_q <= HIGH;
        HIGH: state_q <= SEND;
        SEND: if (axi_write_i.wready) state_q <= axi_write_o.wlast ? RESPONSE : LOW;
        default: begin
          if (response) begin
            state_q <= (left_q == '0 || bad_response || stop_i) ? IDLE : MEASURE;
          end
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    unique case (state_q)
      IDLE: begin
        addr_q  <= store_i.addr;
        left_q  <= 16'd1 + {1'b0, store_i.logits[15:1]} + 16'(store_i.logits[0]);
        odd_q   <= store_i.logits[0];
        data_q  <= {cycles_i, 16'd0, label_i};
        first_q <= 1'b1;
        index_q <= '0;
      end
      MEASURE: begin
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
        if (axi_write_i.wready) begin
          first_q <= 1'b0;
          addr_q  <= 61'((AddrWidth - 3)'(addr_q + 61'd1));
          left_q  <= left_q - 16'd1;
          burst_q <= burst_q - 7'd1;
        end
      end
      default: ;
    endcase
    allowed_q     <= allowed;
    fault_o.cause <= (state_q == RESPONSE) ? psf_pkg::ERROR_WRITE : psf_pkg::ERROR_WRITE_WINDOW;
    fault_o.index <= '0;
    fault_o.addr  <= {awaddr_q, 3'b000};
  end

  assign idle_o              = state_q == IDLE;
  assign store_ready_o       = state_q == IDLE && !stop_i;
  assign logit_raddr_o       = (state_q == LOW && !half) ? index_q + 16'd1 : index_q;
  assign done_o              = response && left_q == '0 && !bad_response && !stop_i;

  assign axi_write_o.awaddr  = {awaddr_q, 3'b000};
  assign axi_write_o.awlen   = awlen_q;
  assign axi_write_o.awvalid = awvalid_q;
  assign axi_write_o.wdata   = data_q;
  assign axi_write_o.wplace  = addr_q[4:3];
  assign axi_write_o.wlast   = burst_q == 7'd1;
  assign axi_write_o.wvalid  = state_q == SEND;
  assign axi_write_o.bready  = state_q == RESPONSE && !awvalid_q;

  // Address and data hold until taken; a burst crosses no page, stays in the window that was set
  // when it was checked, and ends with WLAST after AWLEN + 1 beats. A response belongs to us.
  logic [7:0] sent_q;  // beats of this burst

  always_ff @(posedge clk_i) begin
    if (state_q == ADDRESS) sent_q <= '0;
    else if (axi_write_o.wvalid && axi_write_i.wready) sent_q <= sent_q + 8'd1;
    if (rst_ni) begin
      if ($past(rst_ni && axi_write_o.awvalid && !axi_write_i.awready)) begin
        assert (axi_write_o.awvalid && axi_write_o.awaddr == $past(axi_write_o.awaddr));
        assert (axi_write_o.awlen == $past(axi_write_o.awlen));
      end
      if ($past(rst_ni && !axi_write_o.awvalid) && axi_write_o.awvalid) begin
        assert (awaddr_q >= $past(window_i.base, 2));
        assert (62'(awaddr_q) + 62'(awlen_q) <= 62'($past(window_i.limit, 2)));
        assert (10'(awaddr_q[11:3]) + 10'(awlen_q) < 10'd512);
      end
      if ($past(rst_ni && axi_write_o.wvalid && !axi_write_i.wready)) begin
        assert (axi_write_o.wvalid && axi_write_o.wdata == $past(axi_write_o.wdata));
        assert (axi_write_o.wlast == $past(axi_write_o.wlast));
        assert (axi_write_o.wplace == $past(axi_write_o.wplace));
      end
      if (axi_write_o.wvalid) assert (axi_write_o.wlast == (sent_q == awlen_q));
      if (axi_write_i.bvalid) assert (state_q == RESPONSE);
    end
  end

endmodule
