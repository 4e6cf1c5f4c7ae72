// SPDX-License-Identifier: Apache-2.0
//
// Unpacks the beats of one load after the other into its target memory, record by record
// (docs/reference/formats.md, "Data of a load"). Coded weights and rows come through decoders.
// Throughput: weights, parameters and masks one beat per cycle (coded weights also no more than one
// record); rows and logits one entry per cycle; spikes one beat per cycle if a line is whole beats (or
// a beat whole lines), else one Lanes-bit word; 3 cycles between two loads (one more before the first
// coded record). Writes are registered;
// beat_ready_o follows weight_ready_i and spike_ready_i combinationally.
// Stalls with weight_ready_i (only when a second record is complete before the first was taken) and
// spike_ready_i; the other targets always take. done_o pulses when, or after, the last record of
// the load has been taken. Faults, pulses instead of done_o: the CRC-32 of all beats is not cmd_crc_i
// (golden: zlib.crc32; everything is stored by then), or a row-table entry without words, beyond
// its bank or with a shift above 7 (not stored). Then nothing happens until reset. parity_o pulses
// in the cycle after a coded record that a changed codebook entry went into, before done_o.

module psf_loader #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8,
    localparam int unsigned WeightWidth = Cfg.Lanes * SlotWidth,
    localparam int unsigned ParamWidth = 2 * Cfg.Lanes * Cfg.AccWidth,
    localparam int unsigned MaskWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned BankWidth = $clog2(Cfg.Banks)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic cmd_valid_i,
    output logic cmd_ready_o,
    input logic [3:0] cmd_target_i,  // psf_pkg::TARGET_*
    input logic [7:0] cmd_words_i,  // spikes: words per line
    input logic [15:0] cmd_dest_i,
    input logic [23:0] cmd_records_i,
    input logic cmd_check_i,  // compare the CRC
    input logic [31:0] cmd_crc_i,
    input logic [15:0] cmd_index_i,  // of the descriptor, for faults
    input logic cmd_coded_i,  // weights, rows; the fields of load_t:
    input logic cmd_block_i,
    input logic [3:0] cmd_index_bits_i,
    input logic [7:0] cmd_row_words_i,
    input logic [15:0] cmd_first_word_i,
    input logic [15:0][7:0] cmd_codebook_i,
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [63:0] beat_data_i,
    output logic weight_valid_o,
    input logic weight_ready_i,
    output logic [BankWidth-1:0] weight_bank_o,
    output logic [$clog2(Cfg.BankDepth)-1:0] weight_addr_o,
    output logic [WeightWidth-1:0] weight_data_o,
    output logic row_valid_o,
    output logic [BankWidth-1:0] row_bank_o,
    output logic [$clog2(Cfg.RowDepth)-1:0] row_addr_o,
    output logic [31:0] row_data_o,
    output logic param_valid_o,
    output logic [$clog2(Cfg.ParamDepth)-1:0] param_addr_o,
    output logic [ParamWidth-1:0] param_data_o,
    output logic mask_valid_o,
    output logic [$clog2(psf_pkg::MaskLines)-1:0] mask_addr_o,
    output logic [MaskWidth-1:0] mask_data_o,
    output logic spike_valid_o,
    input logic spike_ready_i,
    output logic [$clog2(Cfg.SpikeLines)-1:0] spike_addr_o,
    output logic [Cfg.LineWords-1:0] spike_words_o,  // word enables
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_o,  // the words, in every place
    output logic logit_valid_o,
    output logic [15:0] logit_addr_o,
    output logic [31:0] logit_data_o,
    output logic done_o,
    output logic parity_o,  // a codebook has changed
    output logic fault_valid_o,
    output logic [7:0] fault_cause_o,  // psf_pkg::ERROR_WEIGHT_CRC, _OVERRUN
    output logic [15:0] fault_index_o
);

  localparam int unsigned WeightBeats = (WeightWidth + 63) / 64;
  localparam int unsigned ParamBeats = (ParamWidth + 63) / 64;
  localparam int unsigned MaskBeats = (MaskWidth + 63) / 64;
  localparam int unsigned BeatWords = 64 / Cfg.Lanes;
  localparam int unsigned WideWords = (BeatWords < Cfg.LineWords) ? BeatWords : Cfg.LineWords;

  if (Cfg.Lanes < 1 || Cfg.Lanes > 64 || 64 % Cfg.Lanes != 0) begin : gen_bad_lanes
    $fatal(1, "psf_loader: Lanes must divide the 64 bits of a beat");
  end
  if (Cfg.Banks < 2 || Cfg.Banks != 2 ** BankWidth) begin : gen_bad_banks
    $fatal(1, "psf_loader: Banks must be a power of two and at least 2");
  end
  if (Cfg.LineWords < 1 || Cfg.LineWords != 2 ** $clog2(Cfg.LineWords)) begin : gen_bad_line
    $fatal(1, "psf_loader: LineWords must be a power of two");
  end

  typedef enum logic [2:0] {
    IDLE,
    RUN,
    COMPARE,  // the CRC
    DRAIN,
    FAILED
  } state_e;

  state_e state_q;
  logic [3:0] target_q;
  logic [7:0] unit_q, word_q;  // words of a line, and the next one
  logic [ 7:0] sub_q;  // beat in a record, or entry in a beat
  logic [23:0] left_q;  // records to come, this one included
  logic [15:0] addr_q, index_q;
  logic [BankWidth-1:0] bank_q;
  logic check_q, mismatch_q, bad_row;
  logic wide_q;  // spikes: WideWords words at a time
  logic coded_q, coded_weight, coded_row;
  logic [31:0] crc_want_q, crc_q, crc;

  // One step: a beat into its place in a record, or an entry or word out of a beat.
  logic step, free, last_sub, last_word, last_record, banked, empty;
  logic record_valid, record_beat, entry_valid, entry_beat;  // of the decoders
  logic source_valid, coded_overrun;
  logic [7:0] beats_of, stride, sub_next, word_next;

  always_comb begin
    source_valid = beat_valid_i;
    if (coded_weight) source_valid = record_valid;
    if (coded_row) source_valid = entry_valid;
  end

  assign banked = (target_q == psf_pkg::TARGET_WEIGHT) || (target_q == psf_pkg::TARGET_ROW);
  assign coded_weight = coded_q && target_q == psf_pkg::TARGET_WEIGHT;
  assign coded_row = coded_q && target_q == psf_pkg::TARGET_ROW;
  assign empty  = cmd_records_i == '0 ||
      (cmd_target_i == psf_pkg::TARGET_SPIKE && cmd_words_i == '0);

  always_comb begin
    free = 1'b1;
    beats_of = 8'd2;
    last_word = 1'b1;  // this step ends a record
    unique case (target_q)
      psf_pkg::TARGET_WEIGHT: begin
        beats_of = 8'(WeightBeats);
        last_word = last_sub || coded_weight;
        free = !last_word || !weight_valid_o || weight_ready_i;
      end
      psf_pkg::TARGET_PARAM: begin
        beats_of  = 8'(ParamBeats);
        last_word = last_sub;
      end
      psf_pkg::TARGET_MASK: begin
        beats_of  = 8'(MaskBeats);
        last_word = last_sub;
      end
      psf_pkg::TARGET_SPIKE: begin
        beats_of = 8'(BeatWords);
        last_word = word_next == unit_q;
        free = !spike_valid_o || spike_ready_i;
      end
      default: ;
    endcase
  end

  assign stride      = (target_q == psf_pkg::TARGET_SPIKE && wide_q) ? 8'(WideWords) : 8'd1;
  assign sub_next    = sub_q + stride;
  assign word_next   = word_q + stride;
  assign last_sub    = sub_next == beats_of;
  assign last_record = last_word && (left_q == 24'd1);
  assign step        = (state_q == RUN) && source_valid && free;
  assign cmd_ready_o = state_q == IDLE;

  // A beat of a wide record goes at once; one of small entries with its last entry.
  always_comb begin
    unique case (target_q)
      psf_pkg::TARGET_WEIGHT, psf_pkg::TARGET_PARAM, psf_pkg::TARGET_MASK:
      beat_ready_o = state_q == RUN && free;
      default: beat_ready_o = state_q == RUN && free && (last_sub || last_record);
    endcase
    if (coded_weight) beat_ready_o = state_q == RUN && record_beat;
    if (coded_row) beat_ready_o = state_q == RUN && entry_beat;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= IDLE;
    end else begin
      unique case (state_q)
        IDLE: if (cmd_valid_i) state_q <= empty ? COMPARE : RUN;
        RUN: begin
          if (bad_row) state_q <= FAILED;
          else if (step && last_record) state_q <= COMPARE;
        end
        COMPARE: state_q <= DRAIN;
        DRAIN: begin
          if (mismatch_q) state_q <= FAILED;
          else if (done_o) state_q <= IDLE;
        end
        default: ;  // failed: until reset
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      target_q   <= cmd_target_i;
      unit_q     <= cmd_words_i;
      left_q     <= cmd_records_i;
      addr_q     <= cmd_dest_i;
      index_q    <= cmd_index_i;
      check_q    <= cmd_check_i;
      wide_q     <= (cmd_words_i & 8'(WideWords - 1)) == '0;
      crc_want_q <= cmd_crc_i;
      coded_q    <= cmd_coded_i;
      bank_q     <= '0;
      word_q     <= '0;
      sub_q      <= '0;
    end else if (step) begin
      sub_q  <= last_sub ? '0 : sub_next;
      word_q <= last_word ? '0 : word_next;
      if (last_word) begin
        left_q <= left_q - 24'd1;
        bank_q <= bank_q + 1'b1;
        if (!banked || (&bank_q)) addr_q <= addr_q + 16'd1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) crc_q <= '1;
    else if (beat_valid_i && beat_ready_o) crc_q <= crc;
  end

  // The register of the CRC has the last beat in COMPARE.
  psf_crc32 u_crc (
      .crc_i (crc_q),
      .data_i(beat_data_i),
      .crc_o (crc)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fault_valid_o <= 1'b0;
    else fault_valid_o <= bad_row || (state_q == DRAIN && mismatch_q);
  end

  always_ff @(posedge clk_i) begin
    mismatch_q <= check_q && crc_q != ~crc_want_q;
    if (bad_row || state_q == DRAIN) begin
      fault_cause_o <= bad_row ? psf_pkg::ERROR_OVERRUN : psf_pkg::ERROR_WEIGHT_CRC;
      fault_index_o <= index_q;
    end
  end

  assign done_o = (state_q == DRAIN) && !mismatch_q && (!weight_valid_o || weight_ready_i) &&
      (!spike_valid_o || spike_ready_i);

  // Valid bits of the outputs.
  logic out;
  assign out = step && last_word;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      weight_valid_o <= 1'b0;
      row_valid_o    <= 1'b0;
      param_valid_o  <= 1'b0;
      mask_valid_o   <= 1'b0;
      spike_valid_o  <= 1'b0;
      logit_valid_o  <= 1'b0;
    end else begin
      if (out && target_q == psf_pkg::TARGET_WEIGHT) weight_valid_o <= 1'b1;
      else if (weight_ready_i) weight_valid_o <= 1'b0;
      if (step && target_q == psf_pkg::TARGET_SPIKE) spike_valid_o <= 1'b1;
      else if (spike_ready_i) spike_valid_o <= 1'b0;
      row_valid_o   <= out && target_q == psf_pkg::TARGET_ROW && !bad_row;
      param_valid_o <= out && target_q == psf_pkg::TARGET_PARAM;
      mask_valid_o  <= out && target_q == psf_pkg::TARGET_MASK;
      logit_valid_o <= out && target_q == psf_pkg::TARGET_LOGIT;
    end
  end

  // Payloads. One load is unpacked at a time, so the targets share their registers. Weights leave
  // through a register of their own: the next record arrives behind them.
  localparam int unsigned WideWidth = (WeightWidth > ParamWidth) ? WeightWidth : ParamWidth;
  localparam int unsigned RecordWidth = (WideWidth > MaskWidth) ? WideWidth : MaskWidth;
  localparam int unsigned Slots = (RecordWidth + 63) / 64;
  localparam int unsigned EntryWidth = (WideWords * Cfg.Lanes > 32) ? WideWords * Cfg.Lanes : 32;

  logic [RecordWidth-1:0] record_q, record;
  logic [WeightWidth-1:0] weight_q;
  logic [EntryWidth-1:0] entry, entry_q;
  logic [Cfg.LineWords-1:0] words_q;
  logic [BankWidth-1:0] out_bank_q;
  logic [15:0] out_addr_q;

  for (genvar i = 0; i < Slots; i++) begin : gen_slot
    localparam int unsigned Low = 64 * i;
    localparam int unsigned Bits = (RecordWidth - Low < 64) ? RecordWidth - Low : 64;
    assign record[Low+:Bits] = (sub_q == 8'(i)) ? beat_data_i[Bits-1:0] : record_q[Low+:Bits];
  end

  // Coded loads.
  logic [WeightWidth-1:0] decoded;
  logic [31:0] row_entry;

  psf_weight_decoder #(
      .Cfg(Cfg)
  ) u_weights (
      .clk_i,
      .rst_ni,
      .start_i       (state_q == IDLE),
      .index_bits_i  (cmd_index_bits_i),
      .block_i       (cmd_block_i),
      .row_words_i   (cmd_row_words_i),
      .codebook_i    (cmd_codebook_i),
      .last_i        (last_record),
      .beat_valid_i  (beat_valid_i && state_q == RUN && coded_weight),
      .beat_ready_o  (record_beat),
      .beat_data_i,
      .record_valid_o(record_valid),
      .record_ready_i(state_q == RUN && coded_weight && free),
      .record_data_o (decoded),
      .parity_o
  );

  psf_row_decoder #(
      .Cfg(Cfg)
  ) u_rows (
      .clk_i,
      .rst_ni,
      .start_i      (state_q == IDLE),
      .first_i      (cmd_first_word_i),
      .last_i       (last_record),
      .beat_valid_i (beat_valid_i && state_q == RUN && coded_row),
      .beat_ready_o (entry_beat),
      .beat_data_i,
      .entry_valid_o(entry_valid),
      .entry_ready_i(state_q == RUN && coded_row && free),
      .entry_o      (row_entry),
      .overrun_o    (coded_overrun)
  );

  always_comb begin
    entry = EntryWidth'(beat_data_i[31:0]);
    if (coded_row) begin
      entry = EntryWidth'(row_entry);
    end else if (target_q == psf_pkg::TARGET_SPIKE) begin
      for (int unsigned i = 0; i < BeatWords; i++) begin
        if (sub_q == 8'(i)) begin
          entry = EntryWidth'({WideWords{beat_data_i[Cfg.Lanes*i+:Cfg.Lanes]}});
          if (wide_q && i % WideWords == 0) begin
            entry = EntryWidth'(beat_data_i[Cfg.Lanes*i+:Cfg.Lanes*WideWords]);
          end
        end
      end
    end else if (sub_q[0]) begin
      entry = EntryWidth'(beat_data_i[63:32]);
    end
  end

  // A row-table entry must point at 1 to 255 words of its bank, with a shift of 0 to 7.
  logic [16:0] raw_address, row_end;
  logic [7:0] raw_length;
  logic raw_shift, raw_bad;  // bit 3 of the shift

  assign raw_address = {1'b0, sub_q[0] ? beat_data_i[47:32] : beat_data_i[15:0]};
  assign raw_length = sub_q[0] ? beat_data_i[55:48] : beat_data_i[23:16];
  assign raw_shift = sub_q[0] ? beat_data_i[59] : beat_data_i[27];
  assign row_end = raw_address + 17'(raw_length);
  assign raw_bad = raw_length == '0 || row_end > 17'(Cfg.BankDepth) || raw_shift;
  assign bad_row = step && target_q == psf_pkg::TARGET_ROW && (coded_q ? coded_overrun : raw_bad);

  always_ff @(posedge clk_i) begin
    if (step) begin
      record_q <= record;
      entry_q  <= entry;
      for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
        words_q[i] <= word_q == 8'(wide_q ? i - i % WideWords : i);
      end
    end
    if (step && (last_word || target_q == psf_pkg::TARGET_SPIKE)) begin
      out_addr_q <= addr_q;
      out_bank_q <= bank_q;
      weight_q   <= coded_weight ? decoded : record[WeightWidth-1:0];
    end
  end

  assign weight_bank_o = out_bank_q;
  assign weight_addr_o = out_addr_q[$clog2(Cfg.BankDepth)-1:0];
  assign weight_data_o = weight_q;
  assign row_bank_o    = out_bank_q;
  assign row_addr_o    = out_addr_q[$clog2(Cfg.RowDepth)-1:0];
  assign row_data_o    = entry_q[31:0];
  assign param_addr_o  = out_addr_q[$clog2(Cfg.ParamDepth)-1:0];
  assign param_data_o  = record_q[ParamWidth-1:0];
  assign mask_addr_o   = out_addr_q[$clog2(psf_pkg::MaskLines)-1:0];
  assign mask_data_o   = record_q[MaskWidth-1:0];
  assign spike_addr_o  = out_addr_q[$clog2(Cfg.SpikeLines)-1:0];
  assign spike_words_o = words_q;
  assign spike_data_o  = {Cfg.LineWords / WideWords{entry_q[Cfg.Lanes*WideWords-1:0]}};
  assign logit_addr_o  = out_addr_q;
  assign logit_data_o  = entry_q[31:0];

  // Valid holds with its payload, and psf_descriptor_check keeps records inside their memories.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && weight_valid_o && !weight_ready_i)) begin
        assert (weight_valid_o && weight_data_o == $past(weight_data_o));
        assert (out_addr_q == $past(out_addr_q) && out_bank_q == $past(out_bank_q));
      end
      if ($past(rst_ni && spike_valid_o && !spike_ready_i)) begin
        assert (spike_valid_o && spike_data_o == $past(spike_data_o));
        assert (out_addr_q == $past(out_addr_q) && words_q == $past(words_q));
      end
      if (weight_valid_o) assert (32'(out_addr_q) < Cfg.BankDepth);
      if (row_valid_o) assert (32'(out_addr_q) < Cfg.RowDepth);
      if (param_valid_o) assert (32'(out_addr_q) < Cfg.ParamDepth);
      if (mask_valid_o) assert (32'(out_addr_q) < psf_pkg::MaskLines);
      if (spike_valid_o) assert (32'(out_addr_q) < Cfg.SpikeLines && words_q != '0);
    end
  end

endmodule
