// SPDX-License-Identifier: Apache-2.0
//
// OR-pooling into the spike memory: a line of spikes is OR-ed into one to four lines,
//   for target in addr, addr + pool_lines (if right), addr + pool_row_lines (if down), both:
//     mem[target].word[w] |= data.word[w]   for every enabled word w
// by read, OR, write; one target per cycle. A word that one of the two previous cycles read
// makes the next read of it wait until it is written (re_o stays). clear_start_i zeroes clear_count lines
// from clear_base, one per cycle; targets wait for that. With pair_i two pixels come at once and are
// written, not OR-ed: the lower half of the lanes into addr, the upper half, as its lower one, into
// addr + pool_lines. The read port answers one cycle later
// and always takes the read; a write is in the memory two cycles after we_o (one register stage
// follows). Start a clear only while busy_o is low.
// line_i has a parity bit above every word: one that is wrong in an enabled word gives a pulse on
// parity_o two cycles after it. A target at or beyond Lines is skipped, a clear ends there;
// overrun_o pulses in the next cycle. Golden: tb.unit.memory.test_spike_memory.

module psf_pool #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned AddrWidth = $clog2(Cfg.SpikeLines),
    localparam int unsigned LineWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned StoredWidth = Cfg.LineWords * (Cfg.Lanes + 1)
) (
    input logic clk_i,
    input logic rst_ni,
    // Stable while busy.
    input logic pair_i,
    input logic [7:0] pool_lines_i,  // from a pooled pixel to the one on its right
    input logic [15:0] pool_row_lines_i,  // to the one below
    input logic clear_start_i,
    input logic [15:0] clear_base_i,
    input logic [15:0] clear_count_i,
    output logic busy_o,
    // Spikes to pool.
    input logic cmd_valid_i,
    output logic cmd_ready_o,
    input logic [AddrWidth-1:0] cmd_addr_i,
    input logic [Cfg.LineWords-1:0] cmd_words_i,
    input logic [LineWidth-1:0] cmd_data_i,
    input logic cmd_right_i,  // also belongs to the pooled pixel on the right
    input logic cmd_down_i,  // also to the one below
    // Memory.
    output logic re_o,
    output logic [AddrWidth-1:0] raddr_o,
    output logic we_o,
    output logic [AddrWidth-1:0] waddr_o,
    output logic [Cfg.LineWords-1:0] wwords_o,
    output logic [LineWidth-1:0] wdata_o,
    output logic or_o,  // the write is to be OR-ed with the line read in the last cycle
    input logic [StoredWidth-1:0] line_i,  // that line, in the cycle after or_o
    output logic parity_o,
    output logic overrun_o
);

  localparam int unsigned TargetWidth = 18;  // 2^16 + 2^16 + 2^8 lines are less

  // The command and the targets that are left of it: {both, down, right, itself}; target_q is the
  // next one.
  logic cmd_valid_q, cmd_take, issue, go, last, over;
  logic [AddrWidth-1:0] addr_q, target;
  logic [TargetWidth-1:0] target_q, offset;
  logic [Cfg.LineWords-1:0] words_q;
  logic [LineWidth-1:0] data_q;
  logic [3:0] todo_q, todo_rest;

  // Stage 1: the line read in the last cycle is at the output of its memory, its OR goes to the
  // register stage outside. Stage 2: it is written, and bad words are known.
  logic or_valid_q, wrote_q, ored_q, judged_q, hazard;
  logic [AddrWidth-1:0] or_addr_q, wrote_addr_q;
  logic [Cfg.LineWords-1:0] or_words_q, wrote_words_q;
  logic [LineWidth-1:0] or_data_q;
  logic [Cfg.LineWords-1:0] bad_d, bad_q;

  logic clear_q, clear_over;
  logic [16:0] clear_addr_q;
  logic [15:0] clear_left_q;  // lines after this one

  always_comb begin
    if (todo_rest[1]) begin
      offset = TargetWidth'(pool_lines_i);
    end else if (todo_rest[2]) begin
      offset = TargetWidth'(pool_row_lines_i);
    end else begin
      offset = TargetWidth'(pool_row_lines_i) + TargetWidth'(pool_lines_i);
    end
  end

  always_comb begin
    for (int unsigned w = 0; w < Cfg.LineWords; w++) begin
      bad_d[w] = ^line_i[w*(Cfg.Lanes+1)+:Cfg.Lanes+1];
    end
  end

  // Of two pixels, the one whose turn it is.
  logic [LineWidth-1:0] half;
  localparam int unsigned Half = Cfg.Lanes / 2;
  always_comb begin
    half = '0;
    for (int unsigned w = 0; w < Cfg.LineWords; w++) begin
      half[w*Cfg.Lanes+:Half] = todo_q[0] ? data_q[w*Cfg.Lanes+:Half] :
          data_q[w*Cfg.Lanes+Half+:Half];
    end
  end

  assign todo_rest = todo_q & (todo_q - 4'd1);
  assign last = todo_rest == '0;
  assign target = target_q[AddrWidth-1:0];
  assign over = target_q >= TargetWidth'(Cfg.SpikeLines);
  assign clear_over = clear_addr_q >= 17'(Cfg.SpikeLines);
  assign hazard = (or_valid_q && or_addr_q == target && (or_words_q & words_q) != '0) ||
      (wrote_q && wrote_addr_q == target && (wrote_words_q & words_q) != '0);
  assign issue = cmd_valid_q && !clear_q && !hazard;
  assign cmd_ready_o = !cmd_valid_q || (issue && last);
  assign cmd_take = cmd_valid_i && cmd_ready_o;

  assign go = issue && !over;
  // A read that has to wait takes its bank all the same: who else wants it learns that from registers.
  assign re_o = cmd_valid_q && !clear_q && !pair_i;
  assign raddr_o = target;
  assign we_o = (clear_q && !clear_over) || or_valid_q;
  assign waddr_o = or_valid_q ? or_addr_q : clear_addr_q[AddrWidth-1:0];
  assign wwords_o = or_valid_q ? or_words_q : '1;
  assign wdata_o = or_valid_q ? or_data_q : '0;
  assign or_o = or_valid_q && !pair_i;
  assign busy_o = cmd_valid_q || or_valid_q || wrote_q || clear_q;

  always_ff @(posedge clk_i) begin
    if (cmd_take) begin
      addr_q  <= cmd_addr_i;
      words_q <= cmd_words_i;
      data_q  <= cmd_data_i;
    end
    if (cmd_take) begin
      target_q <= TargetWidth'(cmd_addr_i);
    end else if (issue) begin
      target_q <= TargetWidth'(addr_q) + offset;
    end
    if (issue) begin
      or_addr_q  <= target;
      or_words_q <= words_q;
      or_data_q  <= pair_i ? half : data_q;
    end
    bad_q <= bad_d & wrote_words_q;
    wrote_addr_q <= waddr_o;
    wrote_words_q <= wwords_o;
    if (clear_start_i) begin
      clear_addr_q <= {1'b0, clear_base_i};
      clear_left_q <= clear_count_i - 16'd1;
    end else if (!or_valid_q) begin
      clear_addr_q <= clear_addr_q + 17'd1;
      clear_left_q <= clear_left_q - 16'd1;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {cmd_valid_q, todo_q, or_valid_q, wrote_q, ored_q, judged_q, clear_q} <= '0;
      {parity_o, overrun_o} <= '0;
    end else begin
      cmd_valid_q <= cmd_take || (cmd_valid_q && !(issue && last));
      if (cmd_take) begin
        todo_q <= pair_i ? 4'b0011 : {cmd_right_i && cmd_down_i, cmd_down_i, cmd_right_i, 1'b1};
      end else if (issue) begin
        todo_q <= todo_rest;
      end
      or_valid_q <= go;
      wrote_q <= we_o;
      ored_q <= or_o;
      judged_q <= ored_q;
      parity_o <= judged_q && bad_q != '0;
      overrun_o <= (issue && over) || (clear_q && clear_over);
      if (clear_start_i) begin
        clear_q <= clear_count_i != '0;
      end else if (!or_valid_q && (clear_left_q == '0 || clear_over)) begin
        clear_q <= 1'b0;
      end
      assert (!clear_start_i || !busy_o);
    end
  end

endmodule
