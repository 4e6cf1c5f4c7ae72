// SPDX-License-Identifier: Apache-2.0
//
// The write ports of psf_loader: gathers the beats of a wide record (parameter, mask), picks an entry
// or a word out of a beat for the others, and writes each record, with its address and bank, to its
// target. A record that psf_loader's decoders have made, as every weight, comes whole.
// Latency 1 from the step that ends a record (spikes: any step) to its write. Weights and spikes hold
// until taken: psf_loader makes no step that would write over them; the others are always taken.

module psf_load_writer #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8,
    localparam int unsigned WeightWidth = Cfg.Lanes * SlotWidth,
    localparam int unsigned ParamWidth = 2 * Cfg.Lanes * Cfg.AccWidth,
    localparam int unsigned MaskWidth = Cfg.LineWords * Cfg.Lanes,
    localparam int unsigned BankWidth = $clog2(Cfg.Banks),
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes)
) (
    input logic clk_i,
    input logic rst_ni,
    input logic step_valid_i,
    input psf_control_pkg::load_step_t step_i,
    input logic bad_i,  // the row-table entry at the output: what comes behind it is not stored
    input logic [63:0] beat_i,
    input logic [WeightWidth-1:0] weight_word_i,
    input logic [Entries-1:0][31:0] row_entry_i,  // decoded
    // writes of loads: when, where and what
    input logic weight_ready_i,
    input logic spike_ready_i,
    output psf_control_pkg::load_write_t write_o,
    output logic [Cfg.Lanes*SlotWidth-1:0] weight_data_o,
    output logic [Entries-1:0][31:0] entry_data_o,  // rows, logits
    output logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_o,
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_o,
    output logic [Cfg.LineWords-1:0] spike_words_o,  // word enables
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_o
);

  localparam int unsigned BeatWords = 64 / Cfg.Lanes;
  localparam int unsigned WideWords = (BeatWords < Cfg.LineWords) ? BeatWords : Cfg.LineWords;
  localparam int unsigned Spread = psf_pkg::spread_lines(Cfg);
  localparam int unsigned WordBits = BeatWords > 1 ? $clog2(BeatWords) : 1;

  // Valid bits of the outputs.
  logic out, weight_q, row_q, param_q, spike_q, logit_q, mask_q;
  assign out = step_valid_i && step_i.last;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {weight_q, spike_q, row_q, param_q, logit_q, mask_q} <= '0;
    end else begin
      weight_q <= weight_q && !weight_ready_i || out && step_i.target == psf_pkg::TARGET_WEIGHT;
      spike_q <= spike_q && !spike_ready_i
          || step_valid_i && step_i.target == psf_pkg::TARGET_SPIKE;
      row_q <= out && step_i.target == psf_pkg::TARGET_ROW && !bad_i;
      param_q <= out && step_i.target == psf_pkg::TARGET_PARAM;
      logit_q <= out && step_i.target == psf_pkg::TARGET_LOGIT;
      mask_q <= out && step_i.target == psf_pkg::TARGET_MASK;
    end
  end

  // Payloads. One load is unpacked at a time, so the targets share their registers. Weights leave
  // through a register of their own: the next record arrives behind them.
  localparam int unsigned RecordWidth = (ParamWidth > MaskWidth) ? ParamWidth : MaskWidth;
  localparam int unsigned Slots = (RecordWidth + 63) / 64;

  logic [RecordWidth-1:0] record_q;
  logic [WeightWidth-1:0] weight_data_q;
  logic [Cfg.LineWords-1:0] words_q;
  logic [BankWidth-1:0] out_bank_q;
  logic [15:0] out_addr_q;

  for (genvar i = 0; i < Slots; i++) begin : gen_slot
    localparam int unsigned Low = 64 * i;
    localparam int unsigned Bits = (RecordWidth - Low < 64) ? RecordWidth - Low : 64;
    always_ff @(posedge clk_i) begin
      if (step_valid_i && step_i.sub == 8'(i)) record_q[Low+:Bits] <= beat_i[Bits-1:0];
    end
  end

  // A spike word, or as many as fit; the other entries have 32 bits.
  logic [BeatWords-1:0][Cfg.Lanes-1:0] words;
  logic [WideWords-1:0][Cfg.Lanes-1:0] wide, spread, spikes_q;
  logic [WordBits-1:0] place;
  logic spread_q;
  logic [Entries-1:0][31:0] entry, entry_q;

  assign words = beat_i;
  assign place = WordBits'(step_i.sub);  // below BeatWords

  always_comb begin
    spread = '0;
    for (int unsigned i = 0; i < WideWords; i++) begin
      wide[i] = words[place&~WordBits'(WideWords-1)|WordBits'(i)];
    end
    for (int unsigned i = 0; i < Spread; i++) begin
      spread[i] = words[place&~WordBits'(Spread-1)|WordBits'(i)];
    end
    entry = row_entry_i;
    if (!step_i.coded) entry[0] = step_i.sub[0] ? beat_i[63:32] : beat_i[31:0];
  end

  always_ff @(posedge clk_i) begin
    if (step_valid_i) begin
      entry_q  <= entry;
      spikes_q <= step_i.spread ? spread : step_i.wide ? wide : {WideWords{words[place]}};
      spread_q <= step_i.spread;
      for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
        words_q[i] <= step_i.word == 8'(step_i.wide ? i - i % WideWords : i);
      end
    end
    if (step_valid_i && (step_i.last || step_i.target == psf_pkg::TARGET_SPIKE)) begin
      out_addr_q <= step_i.addr;
      out_bank_q <= step_i.bank[BankWidth-1:0];
      weight_data_q <= weight_word_i;
    end
  end

  assign write_o = '{
          weight: weight_q,
          row: row_q,
          param: param_q,
          spike: spike_q,
          logit: logit_q,
          mask: mask_q,
          spread: spread_q,
          bank: 8'(out_bank_q),
          addr: out_addr_q
      };
  assign weight_data_o = weight_data_q;
  assign entry_data_o = entry_q;
  assign param_data_o = record_q[ParamWidth-1:0];
  assign mask_data_o = record_q[MaskWidth-1:0];
  assign spike_words_o = words_q;
  assign spike_data_o = {Cfg.LineWords / WideWords{spikes_q}};

  // Valid holds with its payload, and psf_descriptor_check keeps records inside their memories.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && weight_q && !weight_ready_i)) begin
        assert (weight_q && weight_data_o == $past(weight_data_o));
        assert (out_addr_q == $past(out_addr_q) && out_bank_q == $past(out_bank_q));
      end
      if ($past(rst_ni && spike_q && !spike_ready_i)) begin
        assert (spike_q && spike_data_o == $past(spike_data_o));
        assert (out_addr_q == $past(out_addr_q) && words_q == $past(words_q));
      end
      if (weight_q) assert (32'(out_addr_q) < Cfg.BankDepth);
      if (row_q) assert (32'(out_addr_q) < Cfg.RowDepth);
      if (param_q) assert (32'(out_addr_q) < Cfg.ParamDepth);
      if (mask_q) assert (32'(out_addr_q) < psf_pkg::MaskLines);
      if (spike_q) assert (32'(out_addr_q) < Cfg.SpikeLines && words_q != '0);
    end
  end

endmodule
