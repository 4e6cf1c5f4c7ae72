// SPDX-License-Identifier: Apache-2.0
// Proof of psf_window under any arbiter: every set bit of every accepted word is issued exactly
// once, as the row of its bank ((i + skew) mod Banks, word row + i div Banks) into the buffer of its
// accumulation (they alternate from start_i on) and with the pattern of the steps it fires in. One
// (bank, row, pattern) is chosen freely and counted: spikes accepted against rows issued, per buffer, accumulations that already have their last word
// apart from the next one in the same buffer. Also: a buffer is complete only with all its rows
// issued and added, every spike that may be issued is requested, empty means empty, no deadlock.
// Assumed: grant one-hot or zero and only to requests; a row is done only after it was issued; a
// buffer is reopened only when complete; start_i only when nothing is left to do; at most 15 * Banks
// rows of a buffer in flight (the queues of the weight banks are shorter).
module psf_window_formal #(
    parameter int unsigned Lanes = 8,
    parameter int unsigned Banks = 4,
    parameter int unsigned RowAddrWidth = 3
) (
    input logic                                clk_i,
    input logic                                rst_ni,
    input logic                                start_i,
    input logic                                word_valid_i,
    input logic [              3:0][Lanes-1:0] word_bits_i,
    input logic [ RowAddrWidth-1:0]            word_row_i,
    input logic [$clog2(Banks)-1:0]            word_skew_i,
    input logic                                word_last_i,
    input logic [        Banks-1:0]            grant_i,
    input logic                                row_done_i,
    input logic                                row_done_buffer_i,
    input logic [              1:0]            reopen_i,
    input logic [$clog2(Banks)-1:0]            bank_i,             // any bank
    input logic [ RowAddrWidth-1:0]            row_i,              // any row
    input logic [              3:0]            pattern_i           // any pattern
);

  localparam int unsigned SkewWidth = $clog2(Banks);
  localparam int unsigned FlightWidth = $clog2(16 * Banks);

  logic started_q = 1'b0;
  logic rst_n;
  assign rst_n = rst_ni && started_q;

  logic word_ready, row_valid, row_buffer, empty, blocked;
  logic [Banks-1:0] req, many, row_bank;
  logic [1:0][14:0] touched;
  psf_group_pkg::tag_t row_tag;
  assign row_buffer = row_tag.buffer;
  logic [RowAddrWidth-1:0] row_addr;
  logic [1:0] complete;
  psf_window #(
      .Cfg('{Lanes: Lanes, Banks: Banks, RowDepth: 2 ** RowAddrWidth, default: 2})
  ) u_dut (
      .clk_i,
      .rst_ni      (rst_n),
      .start_i,
      .word_valid_i,
      .word_ready_o(word_ready),
      .word_bits_i,
      .word_row_i,
      .word_skew_i,
      .word_last_i,
      .req_o       (req),
      .many_o      (many),
      .grant_i,
      .row_valid_o (row_valid),
      .row_bank_o  (row_bank),
      .row_addr_o  (row_addr),
      .row_tag_o   (row_tag),
      .row_done_i,
      .row_done_buffer_i,
      .complete_o  (complete),
      .touched_o   (touched),
      .reopen_i,
      .empty_o     (empty),
      .blocked_o   (blocked)
  );

  // Does a word have a spike for the chosen bank and row?
  logic [SkewWidth-1:0] bank_q;
  logic [RowAddrWidth-1:0] row_q;
  logic [3:0] pattern_q;
  function automatic logic hits(logic [Lanes-1:0] bits, logic [3:0][Lanes-1:0] steps,
                                logic [RowAddrWidth-1:0] row, logic [SkewWidth-1:0] skew);
    hits = 1'b0;
    for (int unsigned i = 0; i < Lanes; i++) begin
      if (bits[i] && SkewWidth'(i) + skew == bank_q && row + RowAddrWidth'(i / Banks) == row_q
          && {steps[3][i], steps[2][i], steps[1][i], steps[0][i]} == pattern_q)
        hits = 1'b1;
    end
  endfunction

  // Per buffer: spikes of the chosen row still to come in the accumulation that is on, and in the
  // one after it; whether their last words were accepted; rows issued and not done.
  logic next_q, accept, hit;
  logic [1:0] issue, in_slot0, in_slot1;  // issue: of the chosen row
  logic [1:0][2:0] now_d, now_q, later_d, later_q;
  logic [1:0] now_last_d, now_last_q, later_last_d, later_last_q;
  logic [1:0][FlightWidth-1:0] flight_q;
  assign accept = word_valid_i && word_ready;
  assign hit    = hits('1, word_bits_i, word_row_i, word_skew_i);

  always_comb begin
    for (int unsigned b = 0; b < 2; b++) begin
      issue[b] = row_valid && row_buffer == 1'(b) && row_bank[bank_q] && row_addr == row_q
          && row_tag.pattern == pattern_q - 4'd1;
      in_slot0[b] = u_dut.valid_q[0] && u_dut.slot_q[0].buffer == 1'(b);
      in_slot1[b] = u_dut.valid_q[1] && u_dut.slot_q[1].buffer == 1'(b);
      now_d[b] = now_q[b] - 3'(issue[b]);
      later_d[b] = later_q[b];
      now_last_d[b] = now_last_q[b];
      later_last_d[b] = later_last_q[b];
      if (accept && next_q == 1'(b)) begin
        if (now_last_q[b]) begin
          later_d[b] += 3'(hit);
          later_last_d[b] |= word_last_i;
        end else begin
          now_d[b] += 3'(hit);
          now_last_d[b] = word_last_i;
        end
      end
      if (reopen_i[b]) begin
        now_d[b] = later_d[b];
        now_last_d[b] = later_last_d[b];
        later_d[b] = '0;
        later_last_d[b] = 1'b0;
      end
    end
  end

  // Of the slots: what fires, the banks with a spike that may go; of both, spikes for each bank.
  logic [1:0][Lanes-1:0] fires;
  logic [1:0][Banks-1:0] wants;
  logic [Banks-1:0][3:0] waiting;
  always_comb begin
    wants   = '0;
    waiting = '0;
    for (int unsigned s = 0; s < 2; s++) begin
      fires[s] = '0;
      for (int unsigned t = 0; t < 4; t++) fires[s] |= u_dut.slot_q[s].fires[t];
      for (int unsigned i = 0; i < Lanes; i++) begin
        if (u_dut.valid_q[s] && !u_dut.closed_q[u_dut.slot_q[s].buffer]
            && u_dut.slot_q[s].bits[i]) begin
          wants[s][i%Banks] = 1'b1;
          waiting[i%Banks]  = waiting[i%Banks] + 4'd1;
        end
      end
    end
  end

  // A row of the chosen kind has been issued to a buffer; a cycle ago.
  logic [1:0] issued_q;
  logic past_q;
  logic [Banks-1:0] past_req_q, past_grant_q;
  always_ff @(posedge clk_i) begin
    past_q <= rst_n && !start_i;
    past_req_q <= req;
    past_grant_q <= grant_i;
    for (int unsigned b = 0; b < 2; b++) begin
      if (!rst_n || reopen_i[b]) issued_q[b] <= 1'b0;
      else if (issue[b]) issued_q[b] <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) begin
      bank_q <= bank_i;
      row_q <= row_i;
      pattern_q <= pattern_i == '0 ? 4'd1 : pattern_i;
    end
    if (!rst_n) begin
      next_q       <= 1'b0;
      now_q        <= '0;
      later_q      <= '0;
      now_last_q   <= '0;
      later_last_q <= '0;
      flight_q     <= '0;
    end else begin
      if (start_i) next_q <= 1'b0;
      else if (accept && word_last_i) next_q <= !next_q;
      now_q        <= now_d;
      later_q      <= later_d;
      now_last_q   <= now_last_d;
      later_last_q <= later_last_d;
      for (int unsigned b = 0; b < 2; b++) begin
        flight_q[b] <= flight_q[b] + FlightWidth'(row_valid && row_buffer == 1'(b)) -
            FlightWidth'(row_done_i && row_done_buffer_i == 1'(b));
      end
    end
  end

  logic slot0_hits, slot1_hits, youngest;
  assign slot0_hits = hits(u_dut.slot_q[0].bits, u_dut.slot_q[0].fires, u_dut.slot_q[0].row, '0);
  assign slot1_hits = hits(u_dut.slot_q[1].bits, u_dut.slot_q[1].fires, u_dut.slot_q[1].row, '0);
  assign youngest   = u_dut.valid_q[1];

  always_ff @(posedge clk_i) begin
    if (started_q) assert (pattern_q != '0);
    if (rst_n) begin
      assume ($onehot0(grant_i));
      assume ((grant_i & ~req) == '0);
      assume (!row_done_i || flight_q[row_done_buffer_i] != '0);
      assume ((reopen_i & ~complete) == '0);
      assume (!start_i || (empty && !word_valid_i && !row_valid && now_last_q == '0 &&
                           flight_q == '0));
      for (int unsigned b = 0; b < 2; b++) begin
        assume (grant_i == '0 || u_dut.flight_q[b] < FlightWidth'(15 * Banks));
        // Issued once, and only what was accepted for this buffer.
        if (issue[b]) assert (now_q[b] != '0);
        // What may go is asked for.
        if (now_q[b] > 3'(issue[b])) assert (req[bank_q]);
        // Complete: the last word is in, every row out and done.
        if (complete[b]) begin
          assert (now_last_q[b] && now_q[b] == '0 && flight_q[b] == '0);
          assert (!(row_valid && row_buffer == 1'(b)));
        end
        // Nothing is left in an empty window, and what has ended completes.
        if (empty) assert (now_q[b] == 3'(issue[b]) && later_q[b] == '0);
        if (empty && now_last_q[b] && flight_q[b] == '0 &&
            !(row_valid && row_buffer == 1'(b))) begin
          assert (complete[b]);
        end
      end
      if (row_valid) assert ($onehot(row_bank));
      assert (!empty || word_ready);
      assert (word_ready || req != '0 || now_last_q != '0);  // no deadlock
      assert (!blocked || (!empty && req == '0 && now_last_q != '0));

      // For the induction: what the slots and the registers inside hold.
      assert (u_dut.next_buffer_q == next_q);
      if (u_dut.valid_q[0]) begin
        assert (next_q == (u_dut.slot_q[youngest].buffer ^ u_dut.slot_q[youngest].last));
      end
      if (u_dut.valid_q == 2'b11) begin
        assert (u_dut.slot_q[1].buffer == (u_dut.slot_q[0].buffer ^ u_dut.slot_q[0].last));
      end
      for (int unsigned s = 0; s < 2; s++) begin
        if (u_dut.valid_q[s]) assert ((u_dut.slot_q[s].bits & ~fires[s]) == '0);
        assert (u_dut.wants_q[s] == wants[s]);
      end
      assert ((many & ~req) == '0);
      for (int unsigned n = 0; n < Banks; n++) begin
        assert (many[n] == (waiting[n] > 4'd1));
        if (past_q && past_req_q[n] && !past_grant_q[n]) assert (req[n]);  // it stays
      end
      // What was issued is known to the drain as long as it is not drained.
      for (int unsigned b = 0; b < 2; b++) begin
        if (issued_q[b]) assert (touched[b][pattern_q-4'd1]);
      end
      for (int unsigned b = 0; b < 2; b++) begin
        assert (u_dut.flight_q[b] == flight_q[b] + FlightWidth'(row_valid && row_buffer == 1'(b)));
        assert (u_dut.flight_q[b] <= FlightWidth'(15 * Banks));
        if (u_dut.closed_q[b]) begin
          assert (now_last_q[b] && now_q[b] == 3'(issue[b]));
          assert (later_q[b] == 3'(in_slot0[b] && slot0_hits) + 3'(in_slot1[b] && slot1_hits));
          assert (later_last_q[b] == ((in_slot0[b] && u_dut.slot_q[0].last) ||
                                      (in_slot1[b] && u_dut.slot_q[1].last)));
        end else begin
          assert (later_q[b] == '0 && !later_last_q[b]);
          assert (now_q[b] == 3'(issue[b]) + 3'(in_slot0[b] && slot0_hits) +
                  3'(in_slot1[b] && slot1_hits));
          assert (now_last_q[b] == ((in_slot0[b] && u_dut.slot_q[0].last) ||
                                    (in_slot1[b] && u_dut.slot_q[1].last)));
        end
      end
      cover (complete == 2'b11 && later_q[0] == 3'd2);
      cover (now_q[0] == 3'd2 && issue[0]);
      cover (issue[1] && row_q == '0 && bank_q == '1 && now_q[0] != '0);
      cover (blocked && complete == 2'b10);
    end
  end

endmodule
