// SPDX-License-Identifier: Apache-2.0
//
// Turns the beats of a weight load into weight words. A raw record is a word, padded to whole beats.
// One of a coded load is Lanes codes of 4 bits, then Lanes indices of w bits, padded to whole halves
// of a beat; records follow without a gap:
//   weight[p] = codebook[code[p]];   index[p] = (block ? word << w : 0) | stored[p]
// with w = index_bits_i and word = 0 .. row_words_i - 1, the same for one record of every bank.
// start_i takes the configuration and forgets what is left of the load before; every lane then has
// its codebook written, 16 cycles before the first coded record. last_i says that the record at hand is
// the last: no beat beyond its end is taken.
// Latency 1 from the last beat of a record to record_valid_o. What comes at once is a beat, in every
// place of beat_data_i, or with beat_whole_i a word of the bus. Throughput: that or a record per
// cycle, whatever comes first. beat_ready_o follows record_ready_i combinationally, record_*
// depend on registers alone and hold until taken.
// parity_o pulses in the cycle after a record that a changed codebook entry went into.
// Golden: golden.hardware.execute.decode.weight_words.

module psf_weight_decoder #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),  // 1 to 8
    localparam int unsigned SlotWidth = IndexWidth + 8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,
    input logic coded_i,
    input logic [3:0] index_bits_i,  // w, at most IndexWidth
    input logic block_i,
    input logic [7:0] row_words_i,  // with block_i at least 1
    input logic [15:0][7:0] codebook_i,
    input logic last_i,  // of the load: the record at hand
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [8*Cfg.BusBytes-1:0] beat_data_i,
    input logic beat_whole_i,
    output logic record_valid_o,
    input logic record_ready_i,
    output logic [Cfg.Lanes*SlotWidth-1:0] record_data_o,  // lane p: {index, weight}
    output logic parity_o
);

  // Halves of a beat: of the widest coded record, of a raw one, of a word of the bus.
  localparam int unsigned CodedHalves = (Cfg.Lanes * (IndexWidth + 4) + 31) / 32;
  localparam int unsigned RawHalves = 2 * ((Cfg.Lanes * SlotWidth + 63) / 64);
  localparam int unsigned Halves = CodedHalves > RawHalves ? CodedHalves : RawHalves;
  localparam int unsigned WordHalves = Cfg.BusBytes / 4;
  localparam int unsigned CountWidth = $clog2(Halves + WordHalves);
  localparam int unsigned TurnWidth = $clog2(WordHalves);
  localparam int unsigned BankWidth = $clog2(Cfg.Banks);

  typedef logic [CountWidth-1:0] count_t;

  if (Cfg.Banks < 2 || Cfg.Banks != 2 ** BankWidth) begin : gen_bad_banks
    $fatal(1, "psf_weight_decoder: Banks must be a power of two and at least 2");
  end
  if (IndexWidth < 1 || IndexWidth > 8) begin : gen_bad_index
    $fatal(1, "psf_weight_decoder: IndexWidth must lie between 1 and 8");
  end

  // ---- Configuration of the load. width_q is one hot.
  logic [IndexWidth:0] width, width_q;
  count_t halves, halves_q;  // of a record
  logic block_q, coded_q;
  logic [7:0] row_words_q;

  always_comb begin
    width  = '0;
    halves = count_t'(RawHalves);
    for (int unsigned w = 0; w <= IndexWidth; w++) begin
      width[w] = index_bits_i == 4'(w);
      if (coded_i && width[w]) halves = count_t'((Cfg.Lanes * (w + 4) + 31) / 32);
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      width_q     <= width;
      halves_q    <= halves;
      block_q     <= coded_i && block_i;
      coded_q     <= coded_i;
      row_words_q <= row_words_i;
    end
  end

  // ---- The codebook goes into the lanes' memories, an entry per cycle.
  logic writing_q;
  logic [3:0] code_q;
  logic [15:0][7:0] codebook_q;  // place 0: the next entry

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) writing_q <= 1'b0;
    else writing_q <= start_i ? coded_i : writing_q && !(&code_q);
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      code_q     <= '0;
      codebook_q <= codebook_i;
    end else begin
      code_q     <= code_q + 4'd1;
      codebook_q <= {8'd0, codebook_q[15:1]};
    end
  end

  // ---- Halves are gathered in their places. What came last is kept, so that it can end one record
  // and begin the next: what the record that leaves has not taken of it goes to the first places.
  logic [Halves-1:0][31:0] half_q;
  logic [WordHalves-1:1][31:0] last_q;  // what came last; the first half of it is not kept
  logic [WordHalves-1:0][31:0] fresh, kept;  // what comes and what came last, turned
  count_t count_q, count;  // halves of the record at hand and behind it; without one that leaves
  logic take, leave;

  assign record_valid_o = count_q >= halves_q && !writing_q;
  assign leave          = record_valid_o && record_ready_i;
  assign count          = leave ? count_q - halves_q : count_q;
  assign beat_ready_o   = count < halves_q && !(leave && last_i);
  assign take           = beat_valid_i && beat_ready_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) count_q <= '0;
    else if (start_i) count_q <= '0;
    else if (take) count_q <= count + (beat_whole_i ? count_t'(WordHalves) : count_t'(2));
    else count_q <= count;
  end

  always_ff @(posedge clk_i) begin
    if (take) last_q <= beat_data_i[8*Cfg.BusBytes-1:32];
  end

  // Half i of what comes goes to place count + i, and one that is kept from the end of what came last
  // to place count - 1 at most: place i takes half (i - count) modulo the halves of a word of either.
  // Kept as it is, or synthesis computes it once for each of the bits that it chooses.
  (* keep *) logic [TurnWidth-1:0] turn;
  assign turn = count[TurnWidth-1:0];

  for (genvar j = 0; j < WordHalves; j++) begin : gen_turned
    logic [TurnWidth-1:0] half;

    assign half     = TurnWidth'(j) - turn;
    assign fresh[j] = beat_data_i[32*half+:32];
    assign kept[j]  = last_q[half=='0?TurnWidth'(1) : half];
  end

  for (genvar i = 0; i < Halves; i++) begin : gen_half
    logic old, here;  // place of a half that is kept, of one that comes
    logic [31:0] half;

    assign old = i < WordHalves - 1 && leave && count > count_t'(i);
    assign here = take && count <= count_t'(i)
        && (i < WordHalves || count > count_t'(i - WordHalves));

    assign half = (i == 0) ? beat_data_i[31:0] : fresh[i%WordHalves];

    always_ff @(posedge clk_i) begin
      if (old || here) half_q[i] <= old ? kept[i%WordHalves] : half;
    end
  end

  // ---- Which word of its row the record is.
  logic [BankWidth-1:0] bank_q;
  logic [7:0] word_q;
  logic [IndexWidth-1:0] base_q;  // of the block

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      bank_q <= '0;
      word_q <= '0;
      base_q <= '0;
    end else if (leave) begin
      bank_q <= bank_q + 1'b1;
      if (block_q && (&bank_q)) begin
        word_q <= (word_q + 8'd1 == row_words_q) ? '0 : word_q + 8'd1;
        base_q <= (word_q + 8'd1 == row_words_q) ? '0 : base_q + width_q[IndexWidth-1:0];
      end
    end
  end

  // ---- Codes lie in one place whatever the format; an index in one per width.
  logic [32*Halves-1:0] record;
  logic [Cfg.Lanes-1:0] lane_bad;
  assign record = half_q;

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    logic [IndexWidth-1:0] stored;
    logic [7:0] weight;
    logic parity;
    logic [3:0] address;

    // One address for both ports. Were it that of a register, Yosys would take the register for a part
    // of the memory and write its enable in LUTs.
    assign address = writing_q ? code_q : record[4*p+:4];

    psf_ram_async #(
        .Width(9),
        .Depth(16)
    ) u_codebook (
        .clk_i,
        .we_i   (writing_q && !start_i),
        .waddr_i(code_q),
        .wdata_i({Cfg.Parity != 0 && (^codebook_q[0]), codebook_q[0]}),
        .raddr_i(address),
        .rdata_o({parity, weight})
    );

    always_comb begin
      stored = '0;
      for (int unsigned w = 1; w <= IndexWidth; w++) begin
        for (int unsigned b = 0; b < w; b++) begin
          stored[b] = stored[b] | (width_q[w] & record[4*Cfg.Lanes+p*w+b]);
        end
      end
    end

    assign lane_bad[p] = ^{parity, weight};
    assign record_data_o[p*SlotWidth+:SlotWidth] = coded_q ?
        {stored | base_q, weight} : record[p*SlotWidth+:SlotWidth];
  end

  logic leave_q, bad_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) leave_q <= 1'b0;
    else leave_q <= leave;
  end

  always_ff @(posedge clk_i) begin
    bad_q <= coded_q && (|lane_bad);
  end

  assign parity_o = leave_q && bad_q;

  // One format, no index beyond its width (psf_descriptor_check sees to it), valid holds.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (leave) begin
        assert (!coded_q || (width_q != '0 && (width_q & (width_q - 1'b1)) == '0));
        assert (!block_q || row_words_q != '0);
      end
      assert (32'(count_q) < 32'(halves_q) + WordHalves || start_i || $past(
          start_i
      ) || !$past(
          rst_ni
      ));
      if ($past(rst_ni && record_valid_o && !record_ready_i && !start_i)) begin
        assert (record_valid_o && record_data_o == $past(record_data_o));
      end
    end
  end

endmodule
