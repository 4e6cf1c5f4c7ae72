// SPDX-License-Identifier: Apache-2.0
//
// One weight bank: a row table and the weight words that it points to. A request {group, row, tag}
// gives the row's `len` words, in order, one per cycle, each with the row's shift:
//   {shift, len, addr} = rows[row];   out = words[addr], ..., words[addr + len - 1] (last)
// Latency 5: a request in cycle t has its first word on out_* from cycle t + 5. Throughput: one
// word per cycle without a bubble between rows. out_* holds until out_ready_i. ready_o is
// registered and promises room for a grant in its cycle although the request follows one or two
// cycles later, with others on their way. A write in cycle t is read from cycle t + 1 on
// (a read in cycle t is undefined). Any entry is survived: length 0 counts as 256, and from word
// BankDepth - 1 on to word 0.
// parity_o pulses two cycles after a word that fails its parity came to out_*, or an entry or a
// waiting request was used.
// Golden: tb.unit.memory.test_weight_bank.

module psf_weight_bank #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    parameter int unsigned TagWidth = 1,  // >= 1, handed through
    localparam int unsigned SlotWidth = $clog2(
        Cfg.AccDepth
    ) + 8,  // bits of one lane's {index, weight}
    localparam int unsigned GroupBits = $clog2(Cfg.Groups),
    localparam int unsigned WordBits = $clog2(Cfg.BankDepth),
    localparam int unsigned RowBits = $clog2(Cfg.RowDepth),
    localparam int unsigned EntryWidth = WordBits + 12,
    localparam int unsigned DataWidth = Cfg.Lanes * SlotWidth
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    // Requests, one cycle after a grant that saw ready_o.
    output logic                  ready_o,
    input  logic                  req_valid_i,
    input  logic [ GroupBits-1:0] req_group_i,
    input  logic [   RowBits-1:0] req_row_i,
    input  logic [  TagWidth-1:0] req_tag_i,
    // Weight words.
    output logic                  out_valid_o,
    input  logic                  out_ready_i,
    output logic [ GroupBits-1:0] out_group_o,
    output logic [  TagWidth-1:0] out_tag_o,
    output logic [           3:0] out_shift_o,
    output logic                  out_last_o,    // last word of its row
    output logic [ DataWidth-1:0] out_data_o,
    // Writes.
    input  logic                  row_we_i,
    input  logic [   RowBits-1:0] row_waddr_i,
    input  logic [EntryWidth-1:0] row_wdata_i,   // {shift[3:0], len[7:0], addr}
    input  logic                  word_we_i,
    input  logic [  WordBits-1:0] word_waddr_i,
    input  logic [ DataWidth-1:0] word_wdata_i,
    output logic                  parity_o
);

  if (Cfg.Groups < 2 || Cfg.Groups != 2 ** GroupBits) begin : gen_bad_groups
    $fatal(1, "psf_weight_bank: Groups must be a power of two and at least 2");
  end
  if (Cfg.WeightArrays < 1 || Cfg.WeightArrays > 2) begin : gen_bad_arrays
    $fatal(1, "psf_weight_bank: WeightArrays must be 1 or 2");
  end
  if (Cfg.WeightArrays == 2 && Cfg.BankDepth < 4) begin : gen_bad_halves
    $fatal(1, "psf_weight_bank: with WeightArrays = 2 BankDepth must be at least 4");
  end
  if (TagWidth < 1) begin : gen_bad_tag
    $fatal(1, "psf_weight_bank: TagWidth must be at least 1");
  end

  // Request FIFO. Eight entries: one waiting, two on their way and one being granted, with rows of
  // one word back to back, leave ready_o high.
  localparam int unsigned FifoDepth = 8;

  typedef struct packed {
    logic [GroupBits-1:0] group;
    logic [TagWidth-1:0]  tag;
    logic [RowBits-1:0]   row;
  } req_t;

  req_t head;
  logic [3:0] count_pop, count_stay, count_q;  // the next count, with and without a pop
  logic [3:0] coming;  // granted, or perhaps so, and not here yet
  logic ready_before_q, pop, head_valid, fifo_ready, head_error;

  assign count_stay = count_q + 4'(req_valid_i);
  assign count_pop = count_stay - 4'd1;
  assign coming = 4'(ready_o) + 4'(ready_before_q);

  // Stage 1: the row-table entry is read. Stage 2: its words are being read. Stage 3: a word at the
  // output of the memory. Stage 4: the output.
  logic row_valid_q, words_valid_q, row_move, words_read, words_done;
  logic [GroupBits-1:0] row_group_q, words_group_q;
  logic [TagWidth-1:0] row_tag_q, words_tag_q;
  logic [EntryWidth:0] entry;  // {a single word, shift, len - 1, addr}
  logic [WordBits-1:0] addr_q, addr_next;
  logic [7:0] left_q;  // words after this one
  logic last_q;  // none
  logic entry_parity, word_parity;
  logic read_valid_q, read_last_q, out_free, out_load;
  logic [GroupBits-1:0] read_group_q;
  logic [TagWidth-1:0] read_tag_q;
  logic [3:0] read_shift_q;
  logic [DataWidth-1:0] word;
  assign out_load = read_valid_q && out_free;
  logic [3:0] shift_q;

  psf_fifo #(
      .Width ($bits(req_t)),
      .Depth (FifoDepth),
      .Parity(Cfg.Parity != 0)
  ) u_requests (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (req_valid_i),
      .in_ready_o (fifo_ready),
      .in_data_i  ({req_group_i, req_tag_i, req_row_i}),
      .out_valid_o(head_valid),
      .out_ready_i(!row_valid_q || row_move),
      .out_data_o (head),
      .error_o    (head_error)
  );

  assign out_free = !out_valid_o || out_ready_i;
  assign words_read = words_valid_q && (!read_valid_q || out_free);
  assign words_done = words_read && last_q;
  assign row_move = row_valid_q && (!words_valid_q || words_done);
  assign addr_next = (addr_q == WordBits'(Cfg.BankDepth - 1)) ? '0 : addr_q + WordBits'(1);
  assign pop = head_valid && (!row_valid_q || row_move);

  always_ff @(posedge clk_i) begin
    if (pop) begin
      row_group_q <= head.group;
      row_tag_q   <= head.tag;
    end
    if (row_move) begin
      words_group_q <= row_group_q;
      words_tag_q <= row_tag_q;
      shift_q <= entry[WordBits+8+:4];
      addr_q <= entry[WordBits-1:0];
      left_q <= entry[WordBits+:8];
      last_q <= entry[EntryWidth];
    end else if (words_read) begin
      addr_q <= addr_next;
      left_q <= left_q - 8'd1;
      last_q <= left_q == 8'd1;
    end
    if (words_read) begin
      read_group_q <= words_group_q;
      read_tag_q   <= words_tag_q;
      read_shift_q <= shift_q;
      read_last_q  <= last_q;
    end
    if (out_load) begin
      out_group_o <= read_group_q;
      out_tag_o   <= read_tag_q;
      out_shift_o <= read_shift_q;
      out_last_o  <= read_last_q;
      out_data_o  <= word;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {count_q, ready_o, ready_before_q, row_valid_q, words_valid_q} <= '0;
      {read_valid_q, out_valid_o} <= '0;
    end else begin
      count_q <= pop ? count_pop : count_stay;  // pop is the latest of all
      // Room for what is here, for grants in the cycle before and in this one, and for one in the
      // next.
      ready_before_q <= ready_o;
      ready_o <= pop ? count_pop + coming < 4'(FifoDepth) : count_stay + coming < 4'(FifoDepth);
      row_valid_q <= pop || (row_valid_q && !row_move);
      words_valid_q <= row_move || (words_valid_q && !words_done);
      read_valid_q <= words_read || (read_valid_q && !out_free);
      out_valid_o <= read_valid_q || !out_free;
      assert (!req_valid_i || fifo_ready);
      assert (head_valid == (count_q != 4'd0));
    end
  end

  // Parity: judged a cycle later, out of the way of the words. An entry from the registers that it went
  // to, a word from the parities of its slots.
  logic row_moved_q, row_parity_q, word_taken_q, word_there_q, out_parity_q, head_bad_q;
  logic [Cfg.Lanes:0] word_parities_q;

  always_ff @(posedge clk_i) begin
    row_parity_q <= entry_parity;
    for (int unsigned p = 0; p < Cfg.Lanes; p++) begin
      word_parities_q[p] <= ^out_data_o[p*SlotWidth+:SlotWidth];
    end
    if (out_load) out_parity_q <= word_parity;
    word_parities_q[Cfg.Lanes] <= out_parity_q;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {row_moved_q, word_taken_q, word_there_q, head_bad_q, parity_o} <= '0;
    end else begin
      row_moved_q <= row_move;
      word_taken_q <= out_load;
      word_there_q <= word_taken_q;
      head_bad_q <= pop && head_error;
      parity_o <= head_bad_q || (word_there_q && ^word_parities_q)
          || (row_moved_q && ^{row_parity_q, last_q, shift_q, left_q, addr_q});
    end
  end

  // What a row needs first is worked out when the entry is written: behind the memory is no time.
  logic [7:0] row_len;
  logic [EntryWidth:0] row_stored;
  assign row_len = row_wdata_i[WordBits+:8];
  assign row_stored = {
    row_len == 8'd1, row_wdata_i[WordBits+8+:4], row_len - 8'd1, row_wdata_i[WordBits-1:0]
  };
  psf_ram_parity #(
      .Width (EntryWidth + 1),
      .Depth (Cfg.RowDepth),
      .Parity(Cfg.Parity != 0)
  ) u_rows (
      .clk_i(clk_i),
      .we_i(row_we_i),
      .waddr_i(row_waddr_i),
      .wdata_i(row_stored),
      .re_i(pop),
      .raddr_i(head.row),
      .rdata_o(entry),
      .parity_o(entry_parity)
  );

  psf_ram_arrays #(
      .Width (DataWidth),
      .Depth (Cfg.BankDepth),
      .Arrays(Cfg.WeightArrays),
      .Parity(Cfg.Parity != 0)
  ) u_words (
      .clk_i(clk_i),
      .we_i(word_we_i),
      .waddr_i(word_waddr_i),
      .wdata_i(word_wdata_i),
      .re_i(words_read),
      .raddr_i(addr_q),
      .rdata_o(word),
      .parity_o(word_parity)
  );

endmodule
