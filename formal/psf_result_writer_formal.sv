// SPDX-License-Identifier: Apache-2.0
// Proof of psf_result_writer for every store, every window (it may change at any time) and any
// timing of the bus: no address outside the window that was set two cycles before AWVALID rises, no wrap-around,
// no burst across 4 KiB, valid and payload hold, WLAST at the last of AWLEN + 1 beats, one burst in
// flight, responses taken at once. The beats of a store follow each other in the memory and carry
// {cycles, label} and the logits, each once; done_o exactly behind the last good response. idle_o
// means that nothing is in flight; from stop_i on nothing new, no done, no fault. Assumed: the bus
// answers a burst after its address and its last beat, once; and to be able to see which logit goes
// where, logit n is n.
module psf_result_writer_formal (
    input logic                                        clk_i,
    input logic                                        rst_ni,
    input logic                                        stop_i,
    input logic                                 [63:3] window_base_i,
    input logic                                 [63:3] window_limit_i,
    input logic                                        store_valid_i,
    input logic                                 [63:3] store_addr_i,
    input logic                                 [15:0] store_logits_i,
    input logic                                 [31:0] cycles_i,
    input logic                                 [15:0] label_i,
    input psf_control_pkg::axi_write_response_t        axi_i,
    input logic                                 [ 7:0] any_i            // any beat of a burst
);

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic idle, store_ready, done, fault_valid;
  psf_control_pkg::axi_write_request_t axi;
  logic [15:0] logit_raddr, raddr_q, fault_index;
  logic [ 7:0] fault_cause;
  logic [63:0] fault_addr;

  psf_result_writer #(
      .AddrWidth(64)
  ) u_dut (
      .clk_i,
      .rst_ni       (rst_n),
      .stop_i,
      .idle_o       (idle),
      .window_i     ({window_base_i, window_limit_i}),
      .store_valid_i,
      .store_ready_o(store_ready),
      .store_i      ({store_addr_i, store_logits_i}),
      .cycles_i,
      .label_i,
      .logit_raddr_o(logit_raddr),
      .logit_rdata_i({16'd0, raddr_q}),
      .done_o       (done),
      .fault_valid_o(fault_valid),
      .fault_o      ({fault_cause, fault_index, fault_addr}),
      .axi_write_o  (axi),
      .axi_write_i  (axi_i)
  );

  // The bus: a burst whose address, whose last beat was taken; beats of the burst so far.
  logic aw_out_q, w_out_q, awvalid_q, response;
  logic [7:0] beats_q, len_q, len;
  // The store: beats sent, where the next burst begins, what goes into beat 0, and how it stands.
  logic active_q;
  logic [15:0] sent_q, logits_q, total;
  logic [63:3] addr_q;
  logic [63:0] head_q, expected;
  // The cycle before.
  logic past_ok_q, stop_q;
  logic [63:3] any, measured;
  logic [1:0][63:3] base_q, limit_q;  // of the last cycle, and the one before

  assign response = axi_i.bvalid && axi.bready;
  assign len = axi.awvalid ? axi.awlen : len_q;
  assign total = 16'd1 + {1'b0, logits_q[15:1]} + 16'(logits_q[0]);
  assign any = axi.awaddr[63:3] + 61'(any_i);
  assign measured = u_dut.awaddr_q + 61'(any_i);

  always_comb begin
    logic [15:0] even;
    even = {sent_q[14:0] - 15'd1, 1'b0};
    expected = {16'd0, even + 16'd1, 16'd0, even};
    if (logits_q[0] && sent_q == total - 16'd1) expected[63:32] = '0;
    if (sent_q == '0) expected = head_q;
  end

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    raddr_q   <= logit_raddr;
    past_ok_q <= rst_n;
    stop_q    <= stop_i;
    base_q    <= {base_q[0], window_base_i};
    limit_q   <= {limit_q[0], window_limit_i};
    awvalid_q <= rst_n && axi.awvalid;
    if (!rst_n) begin
      aw_out_q <= 1'b0;
      w_out_q  <= 1'b0;
      active_q <= 1'b0;
      beats_q  <= '0;
    end else begin
      if (axi.awvalid) len_q <= axi.awlen;
      if (axi.awvalid && axi_i.awready) aw_out_q <= 1'b1;
      if (axi.awvalid && !awvalid_q) addr_q <= addr_q + 61'(axi.awlen) + 61'd1;
      if (axi.wvalid && axi_i.wready) begin
        beats_q <= axi.wlast ? '0 : beats_q + 8'd1;
        sent_q  <= sent_q + 16'd1;
        if (axi.wlast) w_out_q <= 1'b1;
      end
      if (response) begin
        aw_out_q <= 1'b0;
        w_out_q  <= 1'b0;
      end
      if (done || idle) active_q <= 1'b0;
      if (store_valid_i && store_ready) begin
        active_q <= 1'b1;
        sent_q   <= '0;
        logits_q <= store_logits_i;
        addr_q   <= store_addr_i;
        head_q   <= {cycles_i, 16'd0, label_i};
      end
    end
  end

  logic measure, check, address, found, low, high, send, respond;
  assign measure = u_dut.state_q == 3'd1;
  assign address = u_dut.state_q == 3'd2;
  assign low     = u_dut.state_q == 3'd3;
  assign high    = u_dut.state_q == 3'd4;
  assign send    = u_dut.state_q == 3'd5;
  assign respond = u_dut.state_q == 3'd6;
  assign check   = u_dut.state_q == 3'd7;
  assign found   = measure || check || address;  // a burst is to come

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      assume (!axi_i.bvalid || (aw_out_q && w_out_q));
      // Addresses.
      if (axi.awvalid && !awvalid_q) begin
        assert (past_ok_q && !stop_q);
        if (any_i <= axi.awlen)
          assert (any >= base_q[1] && any <= limit_q[1] && any >= axi.awaddr[63:3]);
        assert (axi.awaddr[63:3] == addr_q);  // the next of the store
      end
      if (axi.awvalid) begin
        assert ({1'b0, axi.awaddr[11:3]} + 10'(axi.awlen) < 10'd512 && axi.awaddr[2:0] == '0);
        assert (axi.awlen < 8'd64);
        assert (!aw_out_q);  // one in flight
      end
      if (past_ok_q && $past(axi.awvalid && !axi_i.awready)) begin
        assert (axi.awvalid && $stable(axi.awaddr) && $stable(axi.awlen));
      end
      // Data.
      if (axi.wvalid) begin
        assert (axi.awvalid || aw_out_q);
        assert (!w_out_q && axi.wlast == (beats_q == len));
        assert (axi.wdata == expected && sent_q < total);
      end
      if (past_ok_q && $past(axi.wvalid && !axi_i.wready)) begin
        assert (axi.wvalid && $stable(axi.wdata) && $stable(axi.wlast));
      end
      // Responses, done, stop.
      if (axi_i.bvalid) assert (axi.bready);
      if (done) assert (active_q && response && axi_i.bresp == '0 && sent_q == total && !stop_i);
      if (response && sent_q == total && axi_i.bresp == '0 && !stop_i) assert (done);
      if (idle) assert (!axi.awvalid && !axi.wvalid && !aw_out_q && !w_out_q && beats_q == '0);
      if (past_ok_q && stop_q && $past(idle)) assert (idle);
      if (past_ok_q && stop_q) assert (!fault_valid);
      if (fault_valid) begin
        assert (idle && past_ok_q && $past(!idle && !stop_i && !done));
        assert (fault_cause == ($past(
            response
        ) ? psf_pkg::ERROR_WRITE : psf_pkg::ERROR_WRITE_WINDOW));
        assert (fault_addr == {$past(u_dut.awaddr_q), 3'b000});
      end
      if (past_ok_q && $past(response && axi_i.bresp != '0 && !stop_i)) assert (fault_valid);

      // For the induction: the registers inside say the same.
      if (!idle) begin
        assert (active_q && u_dut.left_q == total - sent_q && sent_q <= total);
        assert (u_dut.odd_q == logits_q[0] && u_dut.first_q == (sent_q == '0));
      end
      if (found) assert (sent_q < total && u_dut.addr_q == addr_q && !axi.awvalid);
      if (found || low || high) assert (sent_q < total && !w_out_q);
      if (low || high) assert (sent_q != '0);
      if (low) assert (raddr_q == u_dut.index_q);
      if (high) assert (u_dut.data_q[31:0] == expected[31:0]);
      if (high && !u_dut.half) assert (raddr_q == u_dut.index_q + 16'd1);
      if (low || high) assert (u_dut.index_q == {sent_q[14:0] - 15'd1, 1'b0});
      if (send || respond || found) begin
        if (sent_q == '0)
          assert (u_dut.index_q == '0);
          else if (sent_q != total) begin
            assert (u_dut.index_q == {sent_q[14:0] - 15'(!send), 1'b0} ||
                  (send && sent_q == total - 16'd1));
          end
      end
      if (found && sent_q == '0) assert (u_dut.data_q == head_q);
      if (address && u_dut.allowed_q && any_i <= u_dut.awlen_q) begin
        assert (past_ok_q && measured >= base_q[0] && measured <= limit_q[0]);
        assert (measured >= u_dut.awaddr_q);
      end
      if (check || address) begin
        assert (u_dut.awaddr_q == addr_q && u_dut.awlen_q < 8'd64);
        assert ({1'b0, u_dut.awaddr_q[11:3]} + 10'(u_dut.awlen_q) < 10'd512);
        assert (16'(u_dut.awlen_q) < u_dut.left_q && u_dut.burst_q == u_dut.awlen_q[6:0] + 7'd1);
      end
      if (low || high || send) begin
        assert (axi.awvalid || aw_out_q);
        assert (len == u_dut.awlen_q && beats_q <= len && !w_out_q);
        assert (u_dut.burst_q == 7'(len - beats_q) + 7'd1);
        assert (len < 8'd64 && u_dut.left_q >= 16'(u_dut.burst_q));
        assert (u_dut.sent_q == beats_q);
      end else begin
        assert (beats_q == '0);
      end
      if (low || high || send || respond) begin
        assert (axi.awvalid ^ aw_out_q);
        if (axi.awvalid && !awvalid_q)
          assert (u_dut.addr_q == addr_q && beats_q == '0 && !respond);
          else assert (u_dut.addr_q + 61'(u_dut.burst_q) == addr_q);
      end else begin
        assert (!axi.awvalid && !aw_out_q);
      end
      if (respond) assert (u_dut.burst_q == '0 && sent_q != '0);
      assert (w_out_q == respond);

      cover (done && logits_q == 16'd3);
      cover (done && logits_q == '0);
      cover (respond && axi.awvalid && awvalid_q);  // the data went before the address
      cover (fault_valid && fault_cause == psf_pkg::ERROR_WRITE_WINDOW);
      cover (fault_valid && fault_cause == psf_pkg::ERROR_WRITE && stop_i);
      cover (idle && past_ok_q && stop_q && $past(response) && sent_q == 16'd2 && total == 16'd2);
      cover (axi.awvalid && !awvalid_q && sent_q == 16'd1);  // a second burst
    end
  end

endmodule
