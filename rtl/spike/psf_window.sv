// SPDX-License-Identifier: Apache-2.0
// The spike window of a group: two words whose spikes are issued in any order to whichever weight
// bank is free. Addition commutes, so order does not matter inside an accumulation; the two words
// may belong to neighbouring accumulations, which go to the two accumulator buffers.
//   bank of bit i = (i + skew) mod B,  row = word row + i div B
// Accumulation k uses buffer k mod 2. It is *closed* when its last word has been issued, complete
// when also every row in flight has been added, and its buffer is reopened by the drain.
// One spike per cycle; a granted row leaves registered. Golden: golden.compile.emulator.
module psf_window #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Banks = 8,
    parameter int unsigned RowAddrWidth = 10
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     start_i,         // first cycle of a layer
    input  logic                     word_valid_i,
    output logic                     word_ready_o,
    input  logic [Lanes-1:0]         word_bits_i,
    input  logic [RowAddrWidth-1:0]  word_row_i,
    input  logic [$clog2(Banks)-1:0] word_skew_i,
    input  logic                     word_last_i,
    // issue arbiter
    output logic [Banks-1:0]         req_o,
    input  logic [Banks-1:0]         grant_i,       // combinational from req_o, one-hot or zero
    // weight banks
    output logic                     row_valid_o,
    output logic [Banks-1:0]         row_bank_o,
    output logic [RowAddrWidth-1:0]  row_addr_o,
    output logic                     row_buffer_o,
    input  logic                     row_done_i,    // the last weight word of a row was added ...
    input  logic                     row_done_buffer_i,  // ... to this buffer
    // drain
    output logic [1:0]               complete_o,    // the buffer can be drained
    input  logic [1:0]               reopen_i,      // the buffer has been drained
    // counters
    output logic                     empty_o,
    output logic                     blocked_o      // spikes wait for a buffer to be drained
);
  localparam int unsigned Fold = Lanes / Banks;
  localparam int unsigned SkewWidth = $clog2(Banks);
  localparam int unsigned FlightWidth = $clog2(4 * Banks) + 1;

  typedef struct packed {
    logic                    last;
    logic                    buffer;
    logic [SkewWidth-1:0]    skew;
    logic [RowAddrWidth-1:0] row;
    logic [Lanes-1:0]        bits;
  } slot_t;

  // Bank vector of a channel vector: channel c lies in bank (c + n) mod B; and back.
  function automatic logic [Banks-1:0] to_banks(logic [Banks-1:0] x, logic [SkewWidth-1:0] n);
    for (int unsigned b = 0; b < Banks; b++) to_banks[b] = x[SkewWidth'(b)-n];
  endfunction

  function automatic logic [Banks-1:0] to_channels(logic [Banks-1:0] x, logic [SkewWidth-1:0] n);
    for (int unsigned c = 0; c < Banks; c++) to_channels[c] = x[SkewWidth'(c)+n];
  endfunction

  slot_t [1:0] slot_q, slot_d;
  logic [1:0] valid_q, valid_d;
  logic [1:0] closed_q, closed_d, open;  // open: slot may issue
  logic next_buffer_q;
  logic [1:0][FlightWidth-1:0] flight_q, flight_d;

  // Requests: fold the bits of a word onto the banks.
  logic [1:0][Banks-1:0] wants;
  always_comb begin
    for (int unsigned s = 0; s < 2; s++) begin
      logic [Banks-1:0] folded;
      folded = '0;
      for (int unsigned k = 0; k < Fold; k++) folded |= slot_q[s].bits[k*Banks+:Banks];
      open[s] = valid_q[s] && !closed_q[slot_q[s].buffer];
      wants[s] = open[s] ? to_banks(folded, slot_q[s].skew) : '0;
    end
  end
  assign req_o = wants[0] | wants[1];
  assign empty_o = !valid_q[0] && !valid_q[1];
  assign blocked_o = !empty_o && !(|open);

  // The granted spike: the older word first, its lowest bit of that bank.
  logic issue, which;
  logic [Banks-1:0] channel;  // one-hot channel mod B
  logic [Lanes-1:0] clear;
  logic [RowAddrWidth-1:0] row;
  always_comb begin
    logic found;
    issue = |grant_i;
    which = !(|(grant_i & wants[0]));
    channel = to_channels(grant_i, slot_q[which].skew);
    row = slot_q[which].row;
    clear = '0;
    found = 1'b0;
    for (int unsigned k = 0; k < Fold; k++) begin
      if (!found && |(slot_q[which].bits[k*Banks+:Banks] & channel)) begin
        found = 1'b1;
        clear[k*Banks+:Banks] = channel;
        row = slot_q[which].row + RowAddrWidth'(k);
      end
    end
  end

  // Slots: issue, merge an emptied younger word into the older one, retire, refill.
  slot_t incoming;
  logic [1:0] left;  // spikes left after this cycle's issue
  logic retire, drop, merge, close;
  always_comb begin
    incoming = '{
        last: word_last_i,
        buffer: next_buffer_q,
        skew: word_skew_i,
        row: word_row_i,
        bits: word_bits_i
    };
    slot_d = slot_q;
    valid_d = valid_q;
    for (int unsigned s = 0; s < 2; s++) begin
      if (issue && which == 1'(s)) slot_d[s].bits = slot_q[s].bits & ~clear;
      left[s] = |slot_d[s].bits;
    end
    retire = valid_q[0] && !left[0] && (!slot_q[0].last || !closed_q[slot_q[0].buffer]);
    close = retire && slot_q[0].last;
    // An emptied younger word of the same accumulation leaves early, its `last` handed down.
    merge = !retire && valid_q[1] && !left[1] && !slot_q[0].last;
    drop = !retire && valid_q[1] && !left[1] && slot_q[0].last && !slot_q[1].last;
    word_ready_o = retire || merge || drop || !valid_q[1] || !valid_q[0];
    if (retire) begin
      slot_d[0] = slot_d[1];
      valid_d[0] = valid_q[1];
      valid_d[1] = 1'b0;
    end else if (merge || drop) begin
      slot_d[0].last = slot_q[0].last || (merge && slot_q[1].last);
      valid_d[1] = 1'b0;
    end
    if (!valid_d[0]) begin
      slot_d[0] = incoming;
      valid_d[0] = word_valid_i;
    end else if (!valid_d[1]) begin
      slot_d[1] = incoming;
      valid_d[1] = word_valid_i;
    end
  end

  // Buffers: rows in flight, closed accumulations.
  always_comb begin
    for (int unsigned b = 0; b < 2; b++) begin
      flight_d[b] = flight_q[b];
      if (issue && slot_q[which].buffer == 1'(b)) flight_d[b] = flight_d[b] + FlightWidth'(1);
      if (row_done_i && row_done_buffer_i == 1'(b)) flight_d[b] = flight_d[b] - FlightWidth'(1);
      closed_d[b] = (closed_q[b] || (close && slot_q[0].buffer == 1'(b))) && !reopen_i[b];
    end
  end
  assign complete_o = closed_q & {flight_q[1] == '0, flight_q[0] == '0};

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      valid_q <= '0;
      closed_q <= '0;
      flight_q <= '0;
      next_buffer_q <= 1'b0;
      row_valid_o <= 1'b0;
    end else begin
      valid_q <= valid_d;
      closed_q <= closed_d;
      flight_q <= flight_d;
      if (start_i) next_buffer_q <= 1'b0;
      else if (word_valid_i && word_ready_o && word_last_i) next_buffer_q <= !next_buffer_q;
      row_valid_o <= issue;
    end
  end

  always_ff @(posedge clk_i) begin
    slot_q <= slot_d;
    row_bank_o <= grant_i;
    row_addr_o <= row;
    row_buffer_o <= slot_q[which].buffer;
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert ($onehot0(grant_i));
      assert ((grant_i & ~req_o) == '0);
      assert (!(row_done_i && flight_q[row_done_buffer_i] == '0));
      assert ((reopen_i & ~complete_o) == '0);
      assert (!(valid_q[1] && !valid_q[0]));
    end
  end
endmodule
