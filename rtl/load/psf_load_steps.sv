// SPDX-License-Identifier: Apache-2.0
//
// The steps of a load: which record and which part of it comes next, and when. psf_loader has the
// decoders that make a step of a coded load, psf_load_writer does what a step says.
// A step needs source_valid_i (a beat, or what a decoder has made of beats) and room at the target:
// weights when a second record is complete, spikes always. beat_ready_o is for a beat that goes with
// this step, and follows weight_free_i, spike_free_i and coded_ready_i combinationally.
// The CRC-32 over all beats is compared when the last step was made, that of an image goes on from one
// load from the image to the next until it is compared; done_o comes when the target has taken
// everything. fault_valid_o pulses in the second cycle after the step of a bad row or instead of
// done_o; then nothing happens until reset.

module psf_load_steps #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8
) (
    input logic clk_i,
    input logic rst_ni,
    input logic cmd_valid_i,
    output logic cmd_ready_o,
    input psf_control_pkg::load_command_t cmd_i,
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [8*Cfg.BusBytes-1:0] beat_data_i,  // one beat in every place, or a word
    input logic beat_whole_i,
    input logic source_valid_i,
    input logic coded_ready_i,  // weights, coded rows: the decoder takes a beat
    input logic weight_free_i,  // no weight waits, or it is taken
    input logic spike_free_i,
    input logic bad_row_i,  // in the cycle after a step: it was a bad row
    output logic run_o,  // a load is being unpacked
    output logic free_o,  // its target has room for a step
    output logic last_record_o,  // the step at hand ends the load
    output logic several_o,  // rows, of the load about to begin: several entries at once
    output logic step_valid_o,
    output psf_control_pkg::load_step_t step_o,
    output logic done_o,
    output logic fault_valid_o,
    output psf_control_pkg::fault_t fault_o
);

  localparam int unsigned ParamBeats = (2 * Cfg.Lanes * Cfg.AccWidth + 63) / 64;
  localparam int unsigned MaskBeats = (Cfg.LineWords * Cfg.Lanes + 63) / 64;
  localparam int unsigned BankWidth = $clog2(Cfg.Banks);
  localparam int unsigned BeatWords = 64 / Cfg.Lanes;
  localparam int unsigned WideWords = (BeatWords < Cfg.LineWords) ? BeatWords : Cfg.LineWords;
  localparam int unsigned Spread = psf_pkg::spread_lines(Cfg);
  localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes);

  typedef enum logic [2:0] {
    IDLE,
    RUN,
    COMPARE,  // the CRC
    DRAIN,
    FAILED
  } state_e;

  state_e state_q;
  logic [3:0] target_q;
  logic [7:0] word_q;  // the next word of a line
  logic [7:0] sub_q;  // beat in a record, or entry in a beat
  logic [23:0] left_q;  // records to come, this one included
  logic [15:0] addr_q, index_q;
  logic [BankWidth-1:0] bank_q, bank_next;
  logic check_q, image_q, mismatch_q;
  logic wide_q;  // spikes: WideWords words at a time
  logic spread_q;  // spikes: a word of Spread lines at a time; rows: as many entries
  logic [7:0] records_q;  // that a step ends
  // Known before the step that needs them: how far a step goes, where it ends a record or a beat,
  // and whether the record at hand is the last one.
  logic [7:0] stride_d, stride_q, beats_of, sub_end_q, word_end_q;
  logic wide_d, spread_d, several_d, left_last_q;
  logic [7:0] records_d;
  logic coded_q;
  logic [31:0] crc_want_q, crc_q, crc;
  logic [31:0] image_crc_q;  // of what has been loaded of an image

  // One step: a beat into its place in a record, or an entry or word out of a beat.
  logic step, free, last_sub, last_word, last_record, banked, empty;
  logic [7:0] sub_next, word_next;

  assign banked = (target_q == psf_pkg::TARGET_WEIGHT) || (target_q == psf_pkg::TARGET_ROW);
  assign empty  = cmd_i.load.records == '0 ||
      (cmd_i.load.target == psf_pkg::TARGET_SPIKE && cmd_i.load.unit_words == '0);

  always_comb begin
    free = 1'b1;
    last_word = 1'b1;  // this step ends a record
    unique case (target_q)
      psf_pkg::TARGET_WEIGHT: free = weight_free_i;
      psf_pkg::TARGET_PARAM, psf_pkg::TARGET_MASK: last_word = last_sub;
      psf_pkg::TARGET_SPIKE: begin
        last_word = spread_q || word_q == word_end_q;
        free = spike_free_i;
      end
      default: ;
    endcase
  end

  // Of the load that is about to begin.
  assign wide_d = (cmd_i.load.unit_words & 8'(WideWords - 1)) == '0;
  assign spread_d = Spread > 1 && cmd_i.load.target == psf_pkg::TARGET_SPIKE &&
      cmd_i.load.unit_words == 8'd1 &&
      (cmd_i.load.dest & 16'(Spread - 1)) == '0 && (cmd_i.load.records & 24'(Spread - 1)) == '0;

  assign several_d = Entries > 1 && cmd_i.load.coded && cmd_i.load.target == psf_pkg::TARGET_ROW &&
      (cmd_i.load.records & 24'(Entries - 1)) == '0;
  assign several_o = several_d;
  assign records_d = several_d ? 8'(Entries) : spread_d ? 8'(Spread) : 8'd1;

  always_comb begin
    stride_d = 8'd1;
    beats_of = 8'd2;
    unique case (cmd_i.load.target)
      psf_pkg::TARGET_PARAM: beats_of = 8'(ParamBeats);
      psf_pkg::TARGET_MASK: beats_of = 8'(MaskBeats);
      psf_pkg::TARGET_SPIKE: begin
        beats_of = 8'(BeatWords);
        stride_d = spread_d ? 8'(Spread) : wide_d ? 8'(WideWords) : 8'd1;
      end
      default: ;
    endcase
  end

  assign bank_next   = bank_q + (Entries > 1 ? BankWidth'(records_q) : BankWidth'(1));
  assign sub_next    = sub_q + stride_q;
  assign word_next   = word_q + stride_q;
  assign last_sub    = sub_q == sub_end_q;
  assign last_record = last_word && left_last_q;
  assign step        = (state_q == RUN) && source_valid_i && free;
  assign cmd_ready_o = state_q == IDLE;

  // A beat of a wide record goes at once; one of small entries with its last entry.
  always_comb begin
    unique case (target_q)
      psf_pkg::TARGET_PARAM, psf_pkg::TARGET_MASK: beat_ready_o = state_q == RUN && free;
      default: beat_ready_o = state_q == RUN && free && (last_sub || last_record);
    endcase
    if (target_q == psf_pkg::TARGET_WEIGHT || (coded_q && banked)) begin
      beat_ready_o = state_q == RUN && coded_ready_i;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      state_q <= IDLE;
    end else begin
      unique case (state_q)
        IDLE: if (cmd_valid_i) state_q <= empty ? COMPARE : RUN;
        RUN: begin
          if (bad_row_i) state_q <= FAILED;
          else if (step && last_record) state_q <= COMPARE;
        end
        COMPARE: state_q <= bad_row_i ? FAILED : DRAIN;
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
      target_q <= cmd_i.load.target;
      left_q <= cmd_i.load.records;
      addr_q <= cmd_i.load.dest;
      index_q <= cmd_i.index;
      check_q <= cmd_i.load.check;
      image_q <= cmd_i.load.from_image;
      wide_q <= wide_d;
      spread_q <= spread_d || several_d;
      records_q <= records_d;
      stride_q <= stride_d;
      sub_end_q <= beats_of - stride_d;
      word_end_q <= cmd_i.load.unit_words - stride_d;
      left_last_q <= cmd_i.load.records == 24'(records_d);
      crc_want_q <= cmd_i.load.crc;
      coded_q <= cmd_i.load.coded;
      bank_q <= '0;
      word_q <= '0;
      sub_q <= '0;
    end else if (step) begin
      sub_q  <= last_sub ? '0 : sub_next;
      word_q <= last_word ? '0 : word_next;
      if (last_word) begin
        left_q <= left_q - 24'(records_q);
        left_last_q <= left_q == 24'({records_q, 1'b0});
        bank_q <= bank_next;
        addr_q <= addr_q + (banked ? 16'(bank_next == '0) : 16'(records_q));
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) crc_q <= cmd_i.load.from_image ? image_crc_q : '1;
    else if (beat_valid_i && beat_ready_o) crc_q <= crc;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) image_crc_q <= '1;
    else if (state_q == COMPARE && image_q) image_crc_q <= check_q ? '1 : crc_q;
  end

  // The register of the CRC has the last beat in COMPARE.
  logic [31:0] beat_crc;

  psf_crc32 u_crc (
      .crc_i (crc_q),
      .data_i(beat_data_i[63:0]),
      .crc_o (beat_crc)
  );

  if (Cfg.BusBytes > 8) begin : gen_word_crc
    logic [31:0] word_crc;

    psf_crc32 #(
        .DataWidth(8 * Cfg.BusBytes)
    ) u_word (
        .crc_i (crc_q),
        .data_i(beat_data_i),
        .crc_o (word_crc)
    );
    assign crc = beat_whole_i ? word_crc : beat_crc;
  end else begin : gen_beat_crc
    logic unused_whole;
    assign crc = beat_crc;
    assign unused_whole = beat_whole_i;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) fault_valid_o <= 1'b0;
    else fault_valid_o <= bad_row_i || (state_q == DRAIN && mismatch_q);
  end

  always_ff @(posedge clk_i) begin
    mismatch_q <= check_q && crc_q != ~crc_want_q;
    if (bad_row_i || state_q == DRAIN) begin
      fault_o.cause <= bad_row_i ? psf_pkg::ERROR_OVERRUN :
          image_q ? psf_pkg::ERROR_IMAGE_CRC : psf_pkg::ERROR_WEIGHT_CRC;
      fault_o.index <= index_q;
      fault_o.addr <= '0;
    end
  end

  assign done_o = (state_q == DRAIN) && !mismatch_q && weight_free_i && spike_free_i;

  assign run_o = state_q == RUN;
  assign free_o = free;
  assign last_record_o = last_record;
  assign step_valid_o = step;
  assign step_o = '{
          target: target_q,
          coded: coded_q,
          wide: wide_q,
          spread: spread_q,
          last: last_word,
          sub: sub_q,
          word: word_q,
          bank: 8'(bank_q),
          addr: addr_q
      };

endmodule
