// SPDX-License-Identifier: Apache-2.0
// Proof of psf_registers and psf_axil_slave: one response per request and none without, within the
// cycles that psf_axil_slave promises; responses hold; SLVERR exactly for what is unmapped, read-only
// (writes) or locked; the windows' four addresses take exactly the bytes that are written to them and nothing
// else moves them, WINDOW_LOCK included, until rst_ni; reads show windows, lock and ring head; the
// command pulses come from a write to CTRL, when they may. No assumption on the bus or the inputs.
module psf_registers_formal #(
    parameter int unsigned AddrWidth = 40
) (
    input logic                                  clk_i,
    input logic                                  rst_ni,
    input psf_control_pkg::axil_request_t        axil_i,
    input logic                                  run_i,
    input logic                                  busy_i,
    input logic                                  stuck_i,
    input logic                                  done_i,
    input logic                                  irq_job_i,
    input logic                                  error_i,
    input logic                           [ 7:0] cause_i,
    input logic                           [15:0] index_i,
    input logic                           [63:0] addr_i,
    input logic                           [15:0] job_i,
    input logic                           [15:0] label_i,
    input logic                           [31:0] cycles_i,
    input logic                           [15:0] layers_i,
    input logic                           [15:0] loads_i,
    input logic                           [15:0] ring_tail_i,
    input logic                           [31:0] counter_rdata_i
);

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic irq, start, abort, soft_reset, ring_write;
  psf_control_pkg::axil_response_t axil;
  logic [31:0] watchdog;
  logic [63:3] program_base, weight_base, image_base, result_base;
  logic [63:3] read_base, read_limit, write_base, write_limit;
  logic [15:0] program_count, ring_head;
  logic [63:4] ring_base;
  logic [3:0] ring_size;
  logic counter_re;
  logic [8:0] counter_raddr;

  psf_registers #(
      .AddrWidth(AddrWidth)
  ) u_dut (
      .clk_i,
      .rst_ni(rst_n),
      .irq_o(irq),
      .axil_i,
      .axil_o(axil),
      .start_o(start),
      .abort_o(abort),
      .soft_reset_o(soft_reset),
      .ring_write_o(ring_write),
      .run_i,
      .setup_o({
        program_base,
        weight_base,
        image_base,
        result_base,
        program_count,
        watchdog,
        ring_base,
        ring_size
      }),
      .ring_head_o(ring_head),
      .read_window_o({read_base, read_limit}),
      .write_window_o({write_base, write_limit}),
      .status_i({busy_i, stuck_i, label_i, cycles_i, layers_i, loads_i, ring_tail_i}),
      .ending_i({done_i, irq_job_i, error_i, cause_i, index_i, addr_i, job_i}),
      .counter_re_o(counter_re),
      .counter_raddr_o(counter_raddr),
      .counter_rdata_i
  );

  localparam logic [31:0] HighBits = 32'((64'd1 << (AddrWidth - 32)) - 64'd1);

  // docs/reference/registers.md: word numbers.
  function automatic logic writable(logic [9:0] w);
    return w inside {10'h008, 10'h00A, 10'h00B, [10'h010:10'h013], [10'h018:10'h01C],
                     [10'h020:10'h024], [10'h050:10'h053], 10'h05A, [10'h060:10'h063]};
  endfunction
  function automatic logic readable(logic [9:0] w);
    return w <= 10'h024 || w inside {10'h04E, [10'h050:10'h053], 10'h05A, [10'h060:10'h063]} ||
        w[9];
  endfunction

  // Requests taken and not answered; the oldest write; reads count cycles.
  logic aw, w, b, ar, r, commit, windows, locked_hit;
  logic [1:0] aw_q, w_q;  // at most one answered and one behind it
  logic [9:0] waddr_q, raddr_q;
  logic [31:0] wdata_q, mask;
  logic [3:0] wstrb_q;
  logic [2:0] age_q;  // of a read, from 1
  logic slverr_q, past_ok_q, lock_q;
  logic [3:0][63:0] window_q;  // read base, limit, write base, limit
  logic [31:0] seen_q;  // what a read must show
  logic show_q;

  assign aw = axil_i.awvalid && axil.awready;
  assign w = axil_i.wvalid && axil.wready;
  assign b = axil.bvalid && axil_i.bready;
  assign ar = axil_i.arvalid && axil.arready;
  assign r = axil.rvalid && axil_i.rready;
  assign commit = aw_q != '0 && w_q != '0 && !axil.bvalid;  // the write takes place in this cycle
  assign windows = waddr_q inside {[10'h020 : 10'h023], [10'h060 : 10'h063]};
  assign locked_hit = lock_q && windows;
  assign mask = {{8{wstrb_q[3]}}, {8{wstrb_q[2]}}, {8{wstrb_q[1]}}, {8{wstrb_q[0]}}};

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    past_ok_q <= rst_n;
    if (aw) waddr_q <= axil_i.awaddr[11:2];
    if (w) begin
      wdata_q <= axil_i.wdata;
      wstrb_q <= axil_i.wstrb;
    end
    if (ar) raddr_q <= axil_i.araddr[11:2];
    if (!rst_n) begin
      aw_q   <= '0;
      w_q    <= '0;
      age_q  <= '0;
      lock_q <= 1'b0;
      window_q <= {2{64'h0000_0007, 64'hFFFF_FFF8}};
    end else begin
      aw_q <= aw_q + 2'(aw) - 2'(b);
      w_q  <= w_q + 2'(w) - 2'(b);
      if (ar) age_q <= 3'd1;
      else if (r) age_q <= '0;
      else if (age_q != '0 && !axil.rvalid) age_q <= age_q + 3'd1;
      if (commit) begin
        slverr_q <= !writable(waddr_q) || locked_hit;
        if (waddr_q == 10'h024 && wstrb_q[0] && wdata_q[0]) lock_q <= 1'b1;
        if (windows && !lock_q && waddr_q[6]) begin  // what the bus has of a high word
          window_q[waddr_q[1:0]][63:32] <=
              (window_q[waddr_q[1:0]][63:32] & ~mask | wdata_q & mask) & HighBits;
        end else if (windows && !lock_q) begin
          window_q[waddr_q[1:0]][31:0] <= (window_q[waddr_q[1:0]][31:0] & ~mask | wdata_q & mask) &
              32'hFFFF_FFF8 | (waddr_q[0] ? 32'd7 : 32'd0);
        end
      end
      if (age_q == 3'd1) begin  // the cycle whose words are shown
        show_q <= raddr_q inside {[10'h020 : 10'h024], [10'h060 : 10'h063], 10'h01C};
        unique case (raddr_q)
          10'h01C: seen_q <= 32'(ring_head);
          10'h024: seen_q <= 32'(lock_q);
          default: seen_q <= window_q[raddr_q[1:0]][32*raddr_q[6]+:32];
        endcase
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      // Writes: two cycles behind the later of AW and W, or as soon as B is free.
      if (axil.bvalid) assert (aw_q != '0 && w_q != '0);
      if (axil.bvalid) assert (axil.bresp == {slverr_q, 1'b0});
      if (past_ok_q && $past(commit)) assert (axil.bvalid);
      if (past_ok_q && $past(axil.bvalid && !axil_i.bready)) begin
        assert (axil.bvalid && $stable(axil.bresp));
      end
      assert (axil.awready == (aw_q == 2'(axil.bvalid)) && axil.wready == (w_q == 2'(axil.bvalid)));
      // Reads: three cycles.
      assert (axil.arready == (age_q == '0));
      assert (axil.rvalid == (age_q == 3'd3));
      if (axil.rvalid) assert (axil.rresp == {!readable(raddr_q), 1'b0});
      if (axil.rvalid && show_q) assert (axil.rdata == seen_q);
      if (past_ok_q && $past(axil.rvalid && !axil_i.rready)) begin
        assert (axil.rvalid && $stable(axil.rdata) && $stable(axil.rresp));
      end
      // Windows and lock.
      assert (window_q[0] == {read_base, 3'b000} && window_q[1] == {read_limit, 3'b111});
      assert (window_q[2] == {write_base, 3'b000} && window_q[3] == {write_limit, 3'b111});
      // No bits that the bus has not; the induction needs to know it.
      for (int i = 0; i < 4; i++) assert (window_q[i] >> AddrWidth == '0);
      if (past_ok_q && $past(lock_q)) assert (lock_q && $stable(window_q));
      // Commands.
      if (past_ok_q) begin
        assert (start == $past(
            commit && waddr_q == 10'h008 && wstrb_q[0] && wdata_q[0] &&
                               !wdata_q[2] && !busy_i && !stuck_i
        ));
        assert (abort == $past(
            commit && waddr_q == 10'h008 && wstrb_q[0] && wdata_q[1] && !wdata_q[2] && busy_i
        ));
        assert (soft_reset == $past(commit && waddr_q == 10'h008 && wstrb_q[0] && wdata_q[2]));
        assert (ring_write == $past(commit && waddr_q == 10'h01C && wstrb_q[1:0] != '0));
      end

      // For the induction: the registers inside say the same.
      assert (u_dut.u_slave.aw_q == !axil.awready && u_dut.u_slave.w_q == !axil.wready);
      assert (aw_q == 2'(!axil.awready) + 2'(axil.bvalid));
      assert (w_q == 2'(!axil.wready) + 2'(axil.bvalid));
      if (!axil.awready) assert (u_dut.u_slave.waddr_q == waddr_q);
      if (!axil.wready) begin
        assert (u_dut.u_slave.wdata_q == wdata_q && u_dut.u_slave.wstrb_q == wstrb_q);
      end
      assert (u_dut.u_words.lock_q == lock_q);
      assert (2'(age_q) == u_dut.u_slave.read_q && age_q <= 3'd3);
      if (age_q != '0) assert (u_dut.u_slave.raddr_q == raddr_q);
      if (age_q == 3'd2) assert (u_dut.found == readable(raddr_q));
      if (age_q == 3'd2 && show_q) assert (u_dut.rdata == seen_q);
      cover (axil.rvalid && show_q && axil.rdata == 32'h1234_5670 && lock_q);
      cover (axil.bvalid && slverr_q && locked_hit && aw_q == 2'd2);
      cover (start && window_q[0] == '0 && lock_q);
      cover (soft_reset && lock_q && axil.rvalid);
    end
  end

endmodule
