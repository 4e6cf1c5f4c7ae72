// SPDX-License-Identifier: Apache-2.0
//
// AXI4 read master for several clients (the lowest has priority): a command {address, beats, tag},
// in beats of 64 bits, becomes a stream of bus words of BusBytes, in order; the beats of the command
// in a word are those from beat_first_o to beat_last_o. Bursts are INCR, at most MaxBurst whole
// words, never across a 4 KiB boundary, and the beats of each are checked against the window before
// ARVALID; up to Outstanding are in flight, all with ID 0. Latency 5 from a command to ARVALID, a
// burst every 3 cycles, 1 from R to a word. One word per cycle while MaxBurst * Outstanding exceeds
// the memory latency. Stalls with beat_ready_i of the client whose burst is at the front: a client
// that waits for another one before it takes its beats stops both. A command of 0 beats does nothing. A fault (bad response, burst outside the window, parity
// of the burst queue) is reported once, in one cycle; then nothing is issued and all beats are
// thrown away until stop_i has been high. stop_i also forgets all commands; no fault while it is
// high. An ARVALID that is out stays until it is accepted. Addresses count modulo 2^AddrWidth.

module psf_read_dma #(
    parameter int unsigned Clients = 3,  // >= 2
    parameter int unsigned Outstanding = 4,  // bursts in flight, a power of two
    parameter int unsigned MaxBurst = 64,  // words, 1 to 256
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus, 32 to 64
    parameter int unsigned BusBytes = 8,  // of a word: 8, 16 or 32
    parameter bit Parity = 1'b1,  // 0: the queue of bursts has none
    localparam int unsigned ClientWidth = $clog2(Clients),
    localparam int unsigned PlaceWidth = BusBytes > 8 ? $clog2(BusBytes / 8) : 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic stop_i,
    output logic idle_o,  // no burst in flight, none about to be
    input psf_control_pkg::window_t window_i,  // that may be read
    input logic [Clients-1:0] cmd_valid_i,
    output logic [Clients-1:0] cmd_ready_o,
    input psf_control_pkg::read_command_t [Clients-1:0] cmd_i,
    output logic [Clients-1:0] beat_valid_o,
    input logic [Clients-1:0] beat_ready_i,
    output logic [8*BusBytes-1:0] beat_data_o,
    output logic [PlaceWidth-1:0] beat_first_o,
    output logic [PlaceWidth-1:0] beat_last_o,
    output logic fault_valid_o,
    output psf_control_pkg::fault_t fault_o,  // address: of the beat, of the burst, 0 (parity)
    output psf_control_pkg::axi_read_request_t axi_read_o,
    input psf_control_pkg::axi_read_response_t axi_read_i,
    input logic [8*BusBytes-1:0] axi_rdata_i
);

  localparam int unsigned OpenWidth = $clog2(Outstanding) + 1;
  localparam int unsigned Beats = BusBytes / 8;  // of a word
  localparam int unsigned Most = Beats * MaxBurst < 512 ? Beats * MaxBurst : 512;  // of a burst

  typedef logic [PlaceWidth-1:0] place_t;  // of a beat in a word
  localparam place_t Last = place_t'(Beats - 1);

  if (Clients < 2) begin : gen_bad_clients
    $fatal(1, "psf_read_dma: Clients must be at least 2");
  end
  if (MaxBurst < 1 || MaxBurst > 256) begin : gen_bad_burst
    $fatal(1, "psf_read_dma: MaxBurst must be 1 to 256 words");
  end
  if (BusBytes != 8 && BusBytes != 16 && BusBytes != 32) begin : gen_bad_bus
    $fatal(1, "psf_read_dma: BusBytes must be 8, 16 or 32");
  end

  typedef struct packed {
    logic [ClientWidth-1:0] client;
    logic [15:0]            tag;
    place_t                 last;    // beat of the command in the last word
    logic [63:3]            addr;    // first beat of it
  } burst_t;

  typedef struct packed {
    logic [1:0] resp;
    logic last;
    logic [8*BusBytes-1:0] data;
  } answer_t;

  logic failed_q;  // a fault was reported: wait for stop_i
  logic halt;

  assign halt = stop_i || failed_q;

  // ---- What is left of each client's command, and its next burst: as long as the command,
  // MaxBurst and the 4 KiB page allow.
  logic [Clients-1:0] busy_q;
  logic [Clients-1:0][63:3] addr_q;
  logic [Clients-1:0][28:0] left_q;
  logic [Clients-1:0][15:0] tag_q;
  logic [ClientWidth-1:0] client_q;
  logic [28:0] left;
  logic [63:3] addr;
  logic [9:0] to_page, most, page_limit, beats, ahead;
  logic last, split;
  place_t first;

  // Whose turn is next is known a cycle before.
  always_ff @(posedge clk_i) begin
    for (int c = Clients - 1; c >= 0; c--) if (busy_q[c]) client_q <= ClientWidth'(c);
  end

  assign left       = left_q[client_q];
  assign addr       = 61'((AddrWidth - 3)'(addr_q[client_q]));
  assign first      = place_t'(addr) & Last;
  assign to_page    = 10'd512 - {1'b0, addr[11:3]};
  assign most       = 10'(Most) - 10'(first);
  assign page_limit = (to_page < most) ? to_page : most;
  assign last       = left <= 29'(page_limit);
  assign beats      = last ? left[9:0] : page_limit;
  assign ahead      = beats - 10'd1 + 10'(first);  // from the word's begin to the last beat

  // ---- That burst in registers, checked in a cycle of its own; then it goes out, or it is a fault.
  logic ready_q, next_q, checked_q, allowed, allowed_q, issue, outside;
  logic [63:3] next_addr;  // of its first word
  burst_t next_burst_q;
  logic [7:0] next_len_q;
  logic [9:0] next_beats_q;  // of the command in it, less one
  logic arvalid_q;
  logic [63:3] araddr_q;
  logic [7:0] arlen_q;
  logic [OpenWidth-1:0] open_q;  // bursts issued, last beat not yet here
  logic out, end_beat;

  assign next_addr = next_burst_q.addr & ~61'(Last);

  psf_window_check u_window (
      .addr_i  (next_burst_q.addr),
      .beats_i (next_beats_q),
      .base_i  (window_i.base),
      .limit_i (window_i.limit),
      .inside_o(allowed)
  );

  assign out     = checked_q && !halt && open_q != OpenWidth'(Outstanding) &&
      (!arvalid_q || axi_read_i.arready);
  assign issue = out && allowed_q;
  assign outside = out && !allowed_q;
  assign split = ready_q && !next_q;

  assign cmd_ready_o = ~busy_q & {Clients{!stop_i}};

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {busy_q, ready_q, next_q, checked_q, arvalid_q, open_q} <= '0;
    end else begin
      for (int c = 0; c < int'(Clients); c++) begin
        if (cmd_valid_i[c] && cmd_ready_o[c]) busy_q[c] <= cmd_i[c].beats != '0;
      end
      if (split && last) busy_q[client_q] <= 1'b0;
      ready_q <= |busy_q;  // of no meaning while next_q is set
      if (split) next_q <= 1'b1;
      else if (out) next_q <= 1'b0;
      checked_q <= next_q && !out;
      if (stop_i) begin
        {busy_q, ready_q, next_q, checked_q} <= '0;
      end
      if (issue) arvalid_q <= 1'b1;
      else if (axi_read_i.arready) arvalid_q <= 1'b0;
      open_q <= open_q + OpenWidth'(issue) - OpenWidth'(end_beat);
    end
  end

  always_ff @(posedge clk_i) begin
    for (int c = 0; c < int'(Clients); c++) begin
      if (cmd_valid_i[c] && cmd_ready_o[c]) begin
        addr_q[c] <= cmd_i[c].addr;
        left_q[c] <= cmd_i[c].beats;
        tag_q[c]  <= cmd_i[c].tag;
      end
    end
    if (split) begin
      addr_q[client_q] <= addr + 61'(beats);
      left_q[client_q] <= left - 29'(beats);
      next_burst_q     <= {client_q, tag_q[client_q], place_t'(ahead) & Last, addr};
      next_len_q       <= 8'(ahead / 10'(Beats));
      next_beats_q     <= beats - 10'd1;
    end
    allowed_q <= allowed;
    if (issue) begin
      araddr_q <= next_addr;
      arlen_q  <= next_len_q;
    end
  end

  assign axi_read_o.araddr  = {araddr_q, 3'b000};
  assign axi_read_o.arlen   = arlen_q;
  assign axi_read_o.arvalid = arvalid_q;

  // ---- Answers, and whose they are: bursts wait in a queue, the front one in front_q.
  logic queue_room, queue_valid, queue_error, front_q, front_bad_q, front_move;
  burst_t queued, front_burst_q;
  answer_t answer;
  logic r_valid, r_ready, r_bad, discard;

  psf_fifo #(
      .data_t(burst_t),
      .Depth (Outstanding > 1 ? Outstanding : 2),
      .Parity(Parity)
  ) u_bursts (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (issue),
      .in_ready_o (queue_room),
      .in_data_i  (next_burst_q),
      .out_valid_o(queue_valid),
      .out_ready_i(front_move),
      .out_data_o (queued),
      .error_o    (queue_error)
  );

  psf_skid #(
      .data_t(answer_t)
  ) u_beats (
      .clk_i,
      .rst_ni,
      .in_valid_i (axi_read_i.rvalid),
      .in_ready_o (axi_read_o.rready),
      .in_data_i  ({axi_read_i.rresp, axi_read_i.rlast, axi_rdata_i}),
      .out_valid_o(r_valid),
      .out_ready_i(r_ready),
      .out_data_o (answer)
  );

  assign r_bad        = answer.resp != 2'b00 || front_bad_q;
  assign discard      = halt || r_bad;
  assign r_ready      = front_q && (discard || beat_ready_i[front_burst_q.client]);
  assign end_beat     = r_valid && r_ready && answer.last;
  assign front_move   = !front_q || end_beat;
  assign beat_data_o  = answer.data;
  assign beat_first_o = place_t'(front_burst_q.addr) & Last;
  assign beat_last_o  = answer.last ? front_burst_q.last & Last : Last;
  assign idle_o       = open_q == '0 && !next_q && busy_q == '0;

  always_comb begin
    beat_valid_o = '0;
    beat_valid_o[front_burst_q.client] = r_valid && front_q && !discard;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) front_q <= 1'b0;
    else if (front_move) front_q <= queue_valid;
  end

  always_ff @(posedge clk_i) begin
    if (front_move) begin
      front_burst_q <= queued;
      front_bad_q   <= queue_error;
    end else if (r_valid && r_ready) begin
      front_burst_q.addr <= 61'((AddrWidth - 3)'((front_burst_q.addr | 61'(Last)) + 61'd1));
    end
  end

  // ---- Faults. An answer is older than a burst that is not out yet.
  logic answer_fault;

  assign answer_fault = r_valid && front_q && r_bad && !halt;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {failed_q, fault_valid_o} <= '0;
    end else begin
      failed_q      <= !stop_i && (failed_q || answer_fault || outside);
      fault_valid_o <= answer_fault || outside;
    end
  end

  always_ff @(posedge clk_i) begin
    fault_o.cause <= psf_pkg::ERROR_READ_WINDOW;
    fault_o.addr  <= {next_burst_q.addr, 3'b000};
    fault_o.index <= next_burst_q.tag;
    if (answer_fault) begin
      fault_o.cause <= front_bad_q ? psf_pkg::ERROR_PARITY : psf_pkg::ERROR_READ;
      fault_o.addr  <= front_bad_q ? '0 : {front_burst_q.addr, 3'b000};
      fault_o.index <= front_burst_q.tag;
    end
  end

  // Address channel: valid holds with its payload, no burst crosses a page or leaves the window that
  // was set when it was checked. The memory answers only what was asked.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && axi_read_o.arvalid && !axi_read_i.arready)) begin
        assert (axi_read_o.arvalid && axi_read_o.araddr == $past(axi_read_o.araddr));
        assert (axi_read_o.arlen == $past(axi_read_o.arlen));
      end
      if (axi_read_o.arvalid) begin
        assert (32'(araddr_q[11:3]) + Beats * (32'(arlen_q) + 32'd1) <= 32'd512);
      end
      if ($past(rst_ni && issue)) begin
        assert ((araddr_q | 61'(Last)) >= $past(window_i.base, 2));
        assert (62'(araddr_q) + Beats * 62'(arlen_q) <= 62'($past(window_i.limit, 2)));
      end
      if (issue) assert (queue_room);
      if (axi_read_i.rvalid) assert (open_q != '0);
    end
  end

endmodule
