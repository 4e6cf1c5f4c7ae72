// SPDX-License-Identifier: Apache-2.0
// The spike window of a group: two words whose spikes are issued in any order to whichever weight
// bank is free. Addition commutes, so order does not matter inside an accumulation; the two words
// may belong to neighbouring accumulations, which go to the two accumulator buffers.
//   bank of bit i = (i + skew) mod B,  row = word row + i div B
// Accumulation k uses buffer k mod 2. It is *closed* when its last word has been issued, complete
// when also every row in flight has been added, and its buffer is reopened by the drain.
// One spike per cycle; a granted row leaves registered. Golden: golden.hardware.execute.emulator.
module psf_window
  import psf_group_pkg::Steps, psf_group_pkg::Sets;
#(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned RowAddrWidth = $clog2(Cfg.RowDepth)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,  // first cycle of a layer
    input logic word_valid_i,
    output logic word_ready_o,
    input logic [Steps-1:0][Cfg.Lanes-1:0] word_bits_i,  // of the steps of the window
    input logic [RowAddrWidth-1:0] word_row_i,
    input logic [$clog2(Cfg.Banks)-1:0] word_skew_i,
    input logic word_last_i,
    // issue arbiter; all registered. A request stays until it is granted.
    output logic [Cfg.Banks-1:0] req_o,
    output logic [Cfg.Banks-1:0] many_o,  // of the requests: two spikes or more
    input logic [Cfg.Banks-1:0] grant_i,  // one-hot or zero, only what is requested
    // weight banks
    output logic row_valid_o,
    output logic [Cfg.Banks-1:0] row_bank_o,
    output logic [RowAddrWidth-1:0] row_addr_o,
    output psf_group_pkg::tag_t row_tag_o,
    input logic row_done_i,  // the last weight word of a row was added ...
    input logic row_done_buffer_i,  // ... to this buffer
    // drain
    output logic [1:0] complete_o,  // the buffer can be drained
    output logic [1:0][Sets-1:0] touched_o,  // bit p-1: a row was issued for pattern p
    input logic [1:0] reopen_i,  // the buffer has been drained
    // counters
    output logic empty_o,
    output logic blocked_o  // spikes wait for a buffer to be drained
);
  localparam int unsigned Fold = Cfg.Lanes / Cfg.Banks;
  localparam int unsigned SkewWidth = $clog2(Cfg.Banks);
  // A bank holds at most 11 rows, and some are on their way there or landing.
  localparam int unsigned FlightWidth = $clog2(16 * Cfg.Banks);

  // Bits are kept by bank: bit k*Banks + b is the spike of bank b in row `row` + k. A grant then
  // falls on the bits as it is, and little is left to do behind the arbiter.
  typedef struct packed {
    logic                            last;
    logic                            buffer;
    logic [RowAddrWidth-1:0]         row;
    logic [Cfg.Lanes-1:0]            bits;    // fires in some step, not yet issued
    logic [Steps-1:0][Cfg.Lanes-1:0] fires;   // in each step
  } slot_t;

  // Channel c lies in bank (c + n) mod B.
  function automatic logic [Fold-1:0][Cfg.Banks-1:0] to_banks(logic [Fold-1:0][Cfg.Banks-1:0] x,
                                                              logic [SkewWidth-1:0] n);
    for (int unsigned k = 0; k < Fold; k++) begin
      for (int unsigned b = 0; b < Cfg.Banks; b++) to_banks[k][b] = x[k][SkewWidth'(b)-n];
    end
  endfunction

  slot_t [1:0] slot_q, slot_d;
  logic [1:0] valid_q, valid_d;
  logic [1:0] closed_q, closed_d, open;  // open: slot may issue
  logic next_buffer_q;
  logic [1:0][FlightWidth-1:0] flight_q, flight_d;

  // What a grant would do: the lowest spike of each bank, and whether the word has no other one.
  logic [1:0][Cfg.Banks-1:0] wants_q, wants_d, several_d, empties;
  logic [1:0][Cfg.Lanes-1:0] lowest;
  always_comb begin
    for (int unsigned s = 0; s < 2; s++) begin
      logic [Cfg.Banks-1:0] any, many;
      any  = '0;
      many = '0;
      for (int unsigned k = 0; k < Fold; k++) begin
        lowest[s][k*Cfg.Banks+:Cfg.Banks] = slot_q[s].bits[k*Cfg.Banks+:Cfg.Banks] & ~any;
        many |= slot_q[s].bits[k*Cfg.Banks+:Cfg.Banks] & any;
        any |= slot_q[s].bits[k*Cfg.Banks+:Cfg.Banks];
      end
      open[s] = valid_q[s] && !closed_q[slot_q[s].buffer];
      empties[s] = (any & (any - Cfg.Banks'(1))) == '0 ? ~many : '0;
    end
  end
  assign req_o = wants_q[0] | wants_q[1];
  assign empty_o = !valid_q[0] && !valid_q[1];
  assign blocked_o = !empty_o && !(|open);

  // The granted spike: the older word first, its lowest bit of that bank.
  logic issue, which;
  logic [1:0][Cfg.Banks-1:0] take;  // the grant, by slot
  logic [RowAddrWidth-1:0] row;
  logic [Steps-1:0] pattern;
  assign take  = {grant_i & ~wants_q[0], grant_i & wants_q[0]};
  assign issue = |grant_i;
  assign which = |take[1];
  always_comb begin
    row = '0;
    pattern = '0;
    for (int unsigned s = 0; s < 2; s++) begin
      for (int unsigned k = 0; k < Fold; k++) begin
        if (|(take[s] & lowest[s][k*Cfg.Banks+:Cfg.Banks])) row |= slot_q[s].row + RowAddrWidth'(k);
      end
      // Which steps the lowest spike of each bank fires in is known before the grant.
      for (int unsigned t = 0; t < Steps; t++) begin
        logic [Cfg.Banks-1:0] fires;
        fires = '0;
        for (int unsigned k = 0; k < Fold; k++) begin
          fires |= lowest[s][k*Cfg.Banks+:Cfg.Banks] & slot_q[s].fires[t][k*Cfg.Banks+:Cfg.Banks];
        end
        pattern[t] |= |(take[s] & fires);
      end
    end
  end

  // Slots: issue, merge an emptied younger word into the older one, retire, refill.
  slot_t incoming;
  slot_t [1:0] issued;  // the slots after this cycle's issue
  logic [1:0] left;  // spikes in them
  logic retire, drop, merge, close;
  always_comb begin
    incoming = '{
        last: word_last_i,
        buffer: next_buffer_q,
        row: word_row_i,
        bits: '0,
        fires: '0
    };
    for (int unsigned t = 0; t < Steps; t++) begin
      incoming.fires[t] = to_banks(word_bits_i[t], word_skew_i);
      incoming.bits |= incoming.fires[t];
    end
    issued = slot_q;
    for (int unsigned s = 0; s < 2; s++) begin
      issued[s].bits = slot_q[s].bits & ~(lowest[s] &{Fold{take[s]}});
      left[s] = slot_q[s].bits != '0 && (take[s] & empties[s]) == '0;
    end
    retire = valid_q[0] && !left[0] && (!slot_q[0].last || !closed_q[slot_q[0].buffer]);
    close = retire && slot_q[0].last;
    // An emptied younger word of the same accumulation leaves early, its `last` handed down.
    merge = !retire && valid_q[1] && !left[1] && !slot_q[0].last;
    drop = !retire && valid_q[1] && !left[1] && slot_q[0].last && !slot_q[1].last;
    issued[0].last = slot_q[0].last || (merge && slot_q[1].last);
    word_ready_o = retire || merge || drop || !valid_q[1] || !valid_q[0];
    // The younger word moves up when the older one retires; a word that comes in takes what is free.
    slot_d[0] = incoming;
    if (retire ? valid_q[1] : valid_q[0]) slot_d[0] = retire ? issued[1] : issued[0];
    slot_d[1]  = word_ready_o ? incoming : issued[1];
    valid_d[0] = (retire ? valid_q[1] : valid_q[0]) || word_valid_i;
    valid_d[1] = !word_ready_o || (word_valid_i && (retire ? valid_q[1] : valid_q[0]));
  end

  // Requests of the next cycle.
  always_comb begin
    for (int unsigned s = 0; s < 2; s++) begin
      logic [Cfg.Banks-1:0] any, many;
      any  = '0;
      many = '0;
      for (int unsigned k = 0; k < Fold; k++) begin
        many |= slot_d[s].bits[k*Cfg.Banks+:Cfg.Banks] & any;
        any |= slot_d[s].bits[k*Cfg.Banks+:Cfg.Banks];
      end
      wants_d[s]   = valid_d[s] && !closed_d[slot_d[s].buffer] ? any : '0;
      several_d[s] = wants_d[s] & many;
    end
  end

  // Buffers: rows in flight, closed accumulations.
  always_comb begin
    for (int unsigned b = 0; b < 2; b++) begin
      logic up, down;
      up = (|take[0] && slot_q[0].buffer == 1'(b)) || (|take[1] && slot_q[1].buffer == 1'(b));
      down = row_done_i && row_done_buffer_i == 1'(b);
      flight_d[b] = flight_q[b];
      if (up && !down) flight_d[b] = flight_q[b] + FlightWidth'(1);
      if (down && !up) flight_d[b] = flight_q[b] - FlightWidth'(1);
      closed_d[b] = (closed_q[b] || (close && slot_q[0].buffer == 1'(b))) && !reopen_i[b];
    end
  end
  assign complete_o = closed_q & {flight_q[1] == '0, flight_q[0] == '0};

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {valid_q, closed_q, flight_q, next_buffer_q, row_valid_o, wants_q, many_o} <= '0;
    end else begin
      valid_q  <= valid_d;
      closed_q <= closed_d;
      flight_q <= flight_d;
      wants_q  <= wants_d;
      many_o   <= several_d[0] | several_d[1] | (wants_d[0] & wants_d[1]);
      if (start_i) next_buffer_q <= 1'b0;
      else if (word_valid_i && word_ready_o && word_last_i) next_buffer_q <= !next_buffer_q;
      row_valid_o <= issue;
    end
  end

  // Patterns, a cycle after their rows; a buffer is complete long after its last one, and not before the
  // cycle after the next when it has been drained.
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      touched_o <= '0;
    end else begin
      for (int unsigned b = 0; b < 2; b++) begin
        for (int unsigned p = 0; p < Sets; p++) begin
          if (reopen_i[b]) touched_o[b][p] <= 1'b0;
          else if (row_valid_o && row_tag_o == {1'(b), Steps'(p)}) touched_o[b][p] <= 1'b1;
        end
      end
    end
  end

  always_ff @(posedge clk_i) begin
    slot_q <= slot_d;
    row_bank_o <= grant_i;
    row_addr_o <= row;
    row_tag_o <= '{buffer: slot_q[which].buffer, pattern: pattern - Steps'(1)};
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
