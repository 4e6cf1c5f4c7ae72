// SPDX-License-Identifier: Apache-2.0
//
// Turns the beats of a coded weight load into weight words. A record is Lanes codes of 4 bits, then
// Lanes indices of w bits, padded to whole halves of a beat; records follow without a gap:
//   weight[p] = codebook[code[p]];   index[p] = (block ? word << w : 0) | stored[p]
// with w = index_bits_i and word = 0 .. row_words_i - 1, the same for one record of every bank.
// start_i takes the configuration and forgets what is left of the load before; every lane then has
// its codebook written, 16 cycles before the first record. last_i says that the record at hand is
// the last: no beat beyond its end is taken.
// Latency 1 from the last beat of a record to record_valid_o. Throughput: a beat or a record per
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
    input logic [3:0] index_bits_i,  // w, at most IndexWidth
    input logic block_i,
    input logic [7:0] row_words_i,  // with block_i at least 1
    input logic [15:0][7:0] codebook_i,
    input logic last_i,  // of the load: the record at hand
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [63:0] beat_data_i,
    output logic record_valid_o,
    input logic record_ready_i,
    output logic [Cfg.Lanes*SlotWidth-1:0] record_data_o,  // lane p: {index, weight}
    output logic parity_o
);

  // Of the widest record.
  localparam int unsigned Halves = (Cfg.Lanes * (IndexWidth + 4) + 31) / 32;
  localparam int unsigned CountWidth = $clog2(Halves + 2);
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
  logic block_q;
  logic [7:0] row_words_q;

  always_comb begin
    width  = '0;
    halves = count_t'(Halves);
    for (int unsigned w = 0; w <= IndexWidth; w++) begin
      width[w] = index_bits_i == 4'(w);
      if (width[w]) halves = count_t'((Cfg.Lanes * (w + 4) + 31) / 32);
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      width_q     <= width;
      halves_q    <= halves;
      block_q     <= block_i;
      row_words_q <= row_words_i;
    end
  end

  // ---- The codebook goes into the lanes' memories, an entry per cycle.
  logic writing_q;
  logic [3:0] code_q;
  logic [15:0][7:0] codebook_q;  // place 0: the next entry

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) writing_q <= 1'b0;
    else writing_q <= start_i || (writing_q && !(&code_q));
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

  // ---- Halves are gathered in their places. One that belongs to the next record, behind the last
  // of this one, waits in spare_q, so that a beat can end one record and begin the next.
  logic [Halves-1:0][31:0] half_q;
  logic [31:0] spare_q;
  count_t count_q, count;  // halves of the record at hand, spare included; without one that leaves
  logic take, leave;

  assign record_valid_o = count_q >= halves_q && !writing_q;
  assign leave          = record_valid_o && record_ready_i;
  assign count          = leave ? count_q - halves_q : count_q;
  assign beat_ready_o   = count < halves_q && !(leave && last_i);
  assign take           = beat_valid_i && beat_ready_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) count_q <= '0;
    else if (start_i) count_q <= '0;
    else count_q <= take ? count + count_t'(2) : count;
  end

  always_ff @(posedge clk_i) begin
    if (take) spare_q <= beat_data_i[63:32];
  end

  // A beat begins in an odd place or an even one; its other half belongs to the places of the other
  // kind. Kept as it is, or synthesis computes it once for each of the bits that it chooses.
  (* keep *) logic odd;
  assign odd = count[0];

  for (genvar i = 0; i < Halves; i++) begin : gen_half
    logic low, high;  // the half of the beat that belongs here, if one does
    logic [31:0] other;

    assign low   = take && count == count_t'(i);
    assign high  = (i == 0) ? leave && odd : take && count == count_t'(i - 1);
    assign other = (i == 0) ? spare_q : beat_data_i[63:32];

    always_ff @(posedge clk_i) begin
      if (low || high) half_q[i] <= (odd == 1'(i)) ? beat_data_i[31:0] : other;
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

    assign lane_bad[p]                              = ^{parity, weight};
    assign record_data_o[p*SlotWidth+:8]            = weight;
    assign record_data_o[p*SlotWidth+8+:IndexWidth] = stored | base_q;
  end

  logic leave_q, bad_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) leave_q <= 1'b0;
    else leave_q <= leave;
  end

  always_ff @(posedge clk_i) begin
    bad_q <= |lane_bad;
  end

  assign parity_o = leave_q && bad_q;

  // One format, no index beyond its width (psf_descriptor_check sees to it), valid holds.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (leave) begin
        assert (width_q != '0 && (width_q & (width_q - 1'b1)) == '0);
        assert (!block_q || row_words_q != '0);
      end
      assert (32'(count_q) <= 32'(halves_q) + 32'd1 || start_i || $past(start_i) || !$past(rst_ni));
      if ($past(rst_ni && record_valid_o && !record_ready_i && !start_i)) begin
        assert (record_valid_o && record_data_o == $past(record_data_o));
      end
    end
  end

endmodule
