// SPDX-License-Identifier: Apache-2.0
// Proof of psf_read_dma for all commands, every window (it may change at any time) and any timing of
// the bus and the clients: no word without a beat of the window that is set when ARVALID rises, no
// wrap-around, no burst across 4 KiB or longer than MaxBurst words, valid and payload hold, at most
// Outstanding bursts in flight; nothing new from stop_i or a fault on; with stop_i every beat is
// taken at once, and what the bus has finished is forgotten: idle. idle_o means that nothing is in
// flight. Beats hold until taken. Assumed: the bus answers only what was asked (a burst after its
// address, as many beats as it asked for, in order). The data: psf_read_dma_data_formal.
module psf_read_dma_formal #(
    parameter int unsigned Clients = 3,
    parameter int unsigned Outstanding = 4,
    parameter int unsigned MaxBurst = 64,
    parameter int unsigned BusBytes = 8,
    parameter int unsigned AddrWidth = 64,
    localparam int unsigned Beats = BusBytes / 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic stop_i,
    input logic [63:3] window_base_i,
    input logic [63:3] window_limit_i,
    input logic [Clients-1:0] cmd_valid_i,
    input logic [Clients-1:0][63:3] cmd_addr_i,
    input logic [Clients-1:0][28:0] cmd_beats_i,
    input logic [Clients-1:0][15:0] cmd_tag_i,
    input logic [Clients-1:0] beat_ready_i,
    input psf_control_pkg::axi_read_response_t axi_i,
    input logic [8*BusBytes-1:0] rdata_i,
    input logic [9:0] any_i  // any beat of a burst
);

  localparam int unsigned OpenWidth = $clog2(Outstanding) + 1;

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic idle, fault_valid;
  psf_control_pkg::axi_read_request_t axi;
  logic [Clients-1:0] cmd_ready, beat_valid;
  logic [8*BusBytes-1:0] beat_data;
  logic [(BusBytes > 8 ? $clog2(Beats) : 1)-1:0] beat_first, beat_last;
  logic [7:0] fault_cause;
  logic [63:0] fault_addr;
  logic [15:0] fault_tag;

  psf_control_pkg::read_command_t [Clients-1:0] cmd;
  for (genvar c = 0; c < Clients; c++) begin : gen_cmd
    assign cmd[c] = '{addr: cmd_addr_i[c], beats: cmd_beats_i[c], tag: cmd_tag_i[c]};
  end

  psf_read_dma #(
      .Clients    (Clients),
      .Outstanding(Outstanding),
      .MaxBurst   (MaxBurst),
      .BusBytes   (BusBytes),
      .AddrWidth  (AddrWidth)
  ) u_dut (
      .clk_i,
      .rst_ni       (rst_n),
      .stop_i,
      .idle_o       (idle),
      .window_i     ({window_base_i, window_limit_i}),
      .cmd_valid_i,
      .cmd_ready_o  (cmd_ready),
      .cmd_i        (cmd),
      .beat_valid_o (beat_valid),
      .beat_ready_i,
      .beat_data_o  (beat_data),
      .beat_first_o (beat_first),
      .beat_last_o  (beat_last),
      .fault_valid_o(fault_valid),
      .fault_o      ({fault_cause, fault_tag, fault_addr}),
      .axi_read_o   (axi),
      .axi_read_i   (axi_i),
      .axi_rdata_i  (rdata_i)
  );

  // The bus: bursts it has to answer with their lengths (the oldest in place 0), beats given.
  logic [OpenWidth-1:0] open_q, place;
  logic [Outstanding-1:0][7:0] len_q;
  logic [7:0] given_q;
  logic ar, r, end_burst, mid_q;
  assign ar        = axi.arvalid && axi_i.arready;
  assign r         = axi_i.rvalid && axi.rready;
  assign end_burst = r && axi_i.rlast;
  assign place     = open_q - OpenWidth'(end_burst);

  // The cycle before, and how long stop_i has met a quiet bus.
  logic past_ok_q, stop_q, failed_q, held_q;
  logic [63:3] any;
  logic [1:0][63:3] base_q, limit_q;  // of the last cycle, and the one before
  logic [3:0] quiet_q;
  assign any = axi.araddr[63:3] + 61'(any_i);

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    past_ok_q <= rst_n;
    stop_q    <= stop_i;
    held_q    <= axi.arvalid && !axi_i.arready;
    base_q    <= {base_q[0], window_base_i};
    limit_q   <= {limit_q[0], window_limit_i};
    if (!rst_n) begin
      open_q   <= '0;
      given_q  <= '0;
      mid_q    <= 1'b0;
      failed_q <= 1'b0;
      quiet_q  <= '0;
    end else begin
      open_q <= open_q + OpenWidth'(ar) - OpenWidth'(end_burst);
      if (end_burst) len_q <= len_q >> 8;
      if (ar) len_q[place] <= axi.arlen;
      if (r) given_q <= axi_i.rlast ? '0 : given_q + 8'd1;
      if (r) mid_q <= !axi_i.rlast;
      failed_q <= !stop_i && (failed_q || fault_valid);
      if (!stop_i || axi.arvalid || open_q != '0) quiet_q <= '0;
      else if (quiet_q != 4'd8) quiet_q <= quiet_q + 4'd1;
    end
  end

  // Inside: bursts waiting in the queue, ends of bursts in the slice, its newest beat.
  logic [OpenWidth-1:0] queued, ends;
  logic newest_last;
  assign queued = u_dut.u_bursts.write_q - u_dut.u_bursts.read_q;
  assign ends = OpenWidth'(u_dut.u_beats.valid_q && u_dut.u_beats.data_q.last) +
      OpenWidth'(u_dut.u_beats.spare_q && u_dut.u_beats.spare_data_q.last);
  assign newest_last = u_dut.u_beats.spare_q ? u_dut.u_beats.spare_data_q.last
                                             : u_dut.u_beats.data_q.last;

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      if (axi_i.rvalid) begin
        assume (open_q != '0 && axi_i.rlast == (given_q == len_q[0]));
      end
      // Addresses.
      if (axi.arvalid && !(past_ok_q && held_q)) begin
        assert (past_ok_q && !stop_q && !failed_q);
        if (32'(any_i) < Beats * (32'(axi.arlen) + 32'd1)) begin
          assert ((any | 61'(Beats - 1)) >= base_q[1] && (any & ~61'(Beats - 1)) <= limit_q[1]);
          assert (any >= axi.araddr[63:3]);
        end
      end
      if (axi.arvalid) begin
        assert (32'(axi.araddr[11:3]) + Beats * (32'(axi.arlen) + 32'd1) <= 32'd512);
        assert ((axi.araddr & 64'(BusBytes - 1)) == '0);
        assert (32'(axi.arlen) < MaxBurst);
        assert (open_q < OpenWidth'(Outstanding));
      end
      if (past_ok_q && held_q) assert (axi.arvalid && $stable(axi.araddr) && $stable(axi.arlen));
      // Stop, idle.
      if (idle) assert (!axi.arvalid && open_q == '0 && beat_valid == '0);
      if (stop_i && past_ok_q && stop_q && $past(idle)) assert (idle);
      if (quiet_q >= 4'd5) assert (idle);
      if (stop_i && past_ok_q && stop_q) assert (axi.rready || !axi_i.rvalid);
      if (past_ok_q && stop_q) assert (!fault_valid);
      if (stop_i) assert (cmd_ready == '0 && beat_valid == '0);
      // Beats.
      assert ($onehot0(beat_valid));
      if (beat_valid != '0) assert (32'(beat_last) < Beats);
      for (int unsigned c = 0; c < Clients; c++) begin
        if (past_ok_q && $past(
                beat_valid[c] && !beat_ready_i[c]
            ) && !stop_i && !failed_q && !fault_valid) begin
          assert (beat_valid[c] && $stable({beat_data, beat_first, beat_last}));
        end
      end

      // For the induction: what the registers inside hold.
      for (int unsigned c = 0; c < Clients; c++) begin
        if (u_dut.busy_q[c]) assert (u_dut.left_q[c] != '0);
      end
      assert (u_dut.next_q || !u_dut.checked_q);
      if (u_dut.split) assert (u_dut.busy_q[u_dut.client_q]);
      if (u_dut.next_q) begin
        assert (32'(u_dut.next_addr[11:3]) + Beats * (32'(u_dut.next_len_q) + 32'd1) <= 32'd512);
        assert (32'(u_dut.next_len_q) == (32'(u_dut.next_burst_q.addr & 61'(Beats - 1)) +
            32'(u_dut.next_beats_q)) / Beats);
        assert (32'(u_dut.next_len_q) < MaxBurst);
      end
      assert (failed_q || fault_valid == u_dut.failed_q || (stop_q && !u_dut.failed_q));
      assert (!failed_q || u_dut.failed_q);
      assert (u_dut.open_q <= OpenWidth'(Outstanding) && open_q <= OpenWidth'(Outstanding));
      assert (u_dut.open_q == OpenWidth'(axi.arvalid) + open_q + ends);
      assert (u_dut.open_q == queued + OpenWidth'(u_dut.front_q));
      assert (mid_q == (given_q != '0));
      if (mid_q) assert (open_q != '0);
      if (mid_q) assert (given_q <= len_q[0]);
      if (u_dut.u_beats.valid_q) assert (newest_last == !mid_q);
      if (u_dut.u_beats.spare_q && !u_dut.u_beats.data_q.last) assert (u_dut.open_q != '0);
      cover (beat_valid[Clients-1] && open_q == OpenWidth'(Outstanding - 1));
      cover (fault_valid && fault_cause == psf_pkg::ERROR_READ);
      cover (fault_valid && fault_cause == psf_pkg::ERROR_READ_WINDOW && open_q != '0);
      cover (quiet_q == 4'd1 && !idle);
      cover (quiet_q == 4'd8);
      cover (axi.arvalid && axi.arlen == 8'(MaxBurst - 1) &&
             32'(axi.araddr[11:3]) + Beats * (32'(axi.arlen) + 32'd1) == 32'd512);
    end
  end

endmodule
