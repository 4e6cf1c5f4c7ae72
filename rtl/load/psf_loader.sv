// SPDX-License-Identifier: Apache-2.0
//
// Unpacks the beats of one load after the other, which come in words of the bus (psf_bus_words), into
// its target memory, record by record (docs/reference/formats.md). psf_load_steps says what happens in
// which cycle, psf_load_writer has the write ports; weights and coded rows come through decoders.
// Throughput: weights one word of the bus per cycle and no more than one record; parameters and masks
// one beat per cycle; rows and logits one entry per cycle,
// coded rows as many as psf_control_pkg::row_entries says if there are whole multiples of it; spikes one beat per cycle if a line is whole
// beats (or a beat whole lines), of lines of one word as many as psf_pkg::spread_lines says if there are
// whole multiples of it, else one Lanes-bit word; 3 cycles between two loads (one more before the
// first coded record). Writes are registered; beat_ready_o follows weight_ready_i and spike_ready_i
// combinationally. Stalls with weight_ready_i (only when a second record is complete before the
// first was taken) and spike_ready_i; the other targets always take.
// done_o pulses when, or after, the last record of the load has been taken. Faults, pulses instead
// of done_o: the CRC-32 of all beats is not that of the command (golden: zlib.crc32; everything is
// stored by then), or a row-table entry without words, beyond its bank or with a shift above 7 (not
// stored). Then nothing happens until reset. parity_o pulses in the cycle after a coded record that
// a changed codebook entry went into, before done_o.

module psf_loader #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8,
    localparam int unsigned WeightWidth = Cfg.Lanes * SlotWidth,
    localparam int unsigned BankWidth = $clog2(Cfg.Banks),
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes),
    localparam int unsigned PlaceWidth = Cfg.BusBytes > 8 ? $clog2(Cfg.BusBytes / 8) : 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic cmd_valid_i,
    output logic cmd_ready_o,
    input psf_control_pkg::load_command_t cmd_i,
    input logic beat_valid_i,
    output logic beat_ready_o,
    input logic [8*Cfg.BusBytes-1:0] beat_data_i,
    input logic [PlaceWidth-1:0] beat_first_i,  // beats of the word that count
    input logic [PlaceWidth-1:0] beat_last_i,
    // writes of loads: when, where and what
    input logic weight_ready_i,
    input logic spike_ready_i,
    output psf_control_pkg::load_write_t write_o,
    output logic [Cfg.Lanes*SlotWidth-1:0] weight_data_o,
    output logic [Entries-1:0][31:0] entry_data_o,  // rows, logits
    output logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_o,
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_o,
    output logic [Cfg.LineWords-1:0] spike_words_o,  // word enables
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_o,
    output logic done_o,
    output logic parity_o,  // a codebook has changed
    output logic fault_valid_o,
    output psf_control_pkg::fault_t fault_o  // ERROR_WEIGHT_CRC, _OVERRUN; no address
);

  if (Cfg.Lanes < 1 || Cfg.Lanes > 64 || 64 % Cfg.Lanes != 0) begin : gen_bad_lanes
    $fatal(1, "psf_loader: Lanes must divide the 64 bits of a beat");
  end
  if (Cfg.Banks < 2 || Cfg.Banks != 2 ** BankWidth) begin : gen_bad_banks
    $fatal(1, "psf_loader: Banks must be a power of two and at least 2");
  end
  if (Cfg.LineWords < 1 || Cfg.LineWords != 2 ** $clog2(Cfg.LineWords)) begin : gen_bad_line
    $fatal(1, "psf_loader: LineWords must be a power of two");
  end

  psf_control_pkg::load_step_t  step;
  psf_control_pkg::load_write_t write;
  logic step_valid, run, free, last_record, several, bad_row, bad_entry;
  logic [Entries-1:0] bad_entries;
  logic weights, coded_row;
  logic record_valid, record_beat, entry_valid, entry_beat;  // of the decoders
  logic source_valid, coded_ready;

  assign weights   = step.target == psf_pkg::TARGET_WEIGHT;
  assign coded_row = step.coded && step.target == psf_pkg::TARGET_ROW;

  logic beat_ready, whole;
  logic [8*Cfg.BusBytes-1:0] beats;  // one in every place, or a whole word

  psf_bus_words #(
      .BusBytes(Cfg.BusBytes)
  ) u_words (
      .clk_i,
      .rst_ni,
      .clear_i(1'b0),
      .valid_i(beat_valid_i),
      .ready_o(beat_ready_o),
      .data_i (beat_data_i),
      .first_i(beat_first_i),
      .last_i (beat_last_i),
      .whole_i(weights),
      .ready_i(beat_ready),
      .data_o (beats),
      .whole_o(whole)
  );

  always_comb begin
    source_valid = beat_valid_i;
    coded_ready  = entry_beat;
    if (weights) begin
      source_valid = record_valid;
      coded_ready  = record_beat;
    end
    if (coded_row) source_valid = entry_valid;
  end

  psf_load_steps #(
      .Cfg(Cfg)
  ) u_steps (
      .clk_i,
      .rst_ni,
      .cmd_valid_i,
      .cmd_ready_o,
      .cmd_i,
      .beat_valid_i,
      .beat_ready_o  (beat_ready),
      .beat_data_i   (beats),
      .beat_whole_i  (whole),
      .source_valid_i(source_valid),
      .coded_ready_i (coded_ready),
      .weight_free_i (!write.weight || weight_ready_i),
      .spike_free_i  (!write.spike || spike_ready_i),
      .bad_row_i     (bad_row),
      .run_o         (run),
      .free_o        (free),
      .last_record_o (last_record),
      .several_o     (several),
      .step_valid_o  (step_valid),
      .step_o        (step),
      .done_o,
      .fault_valid_o,
      .fault_o
  );

  // Weights, and coded rows.
  logic [WeightWidth-1:0] decoded;
  logic [Entries-1:0][31:0] row_entry;
  logic [15:0][7:0] codebook;

  assign codebook = {
    cmd_i.load.codebook_3, cmd_i.load.codebook_2, cmd_i.load.codebook_1, cmd_i.load.codebook_0
  };

  psf_weight_decoder #(
      .Cfg(Cfg)
  ) u_weights (
      .clk_i,
      .rst_ni,
      .start_i       (cmd_ready_o),
      .coded_i       (cmd_i.load.coded),
      .index_bits_i  (cmd_i.load.index_bits),
      .block_i       (cmd_i.load.block),
      .row_words_i   (cmd_i.load.row_words),
      .codebook_i    (codebook),
      .last_i        (last_record),
      .beat_valid_i  (beat_valid_i && run && weights),
      .beat_ready_o  (record_beat),
      .beat_data_i   (beats),
      .beat_whole_i  (whole),
      .record_valid_o(record_valid),
      .record_ready_i(run && weights && free),
      .record_data_o (decoded),
      .parity_o
  );

  psf_row_decoder #(
      .Cfg(Cfg)
  ) u_rows (
      .clk_i,
      .rst_ni,
      .start_i      (cmd_ready_o),
      .first_i      (cmd_i.load.first_word),
      .several_i    (several),
      .last_i       (last_record),
      .beat_valid_i (beat_valid_i && run && coded_row),
      .beat_ready_o (entry_beat),
      .beat_data_i  (beats[63:0]),
      .entry_valid_o(entry_valid),
      .entry_ready_i(run && coded_row && free),
      .entry_o      (row_entry)
  );

  // The entries in the register of the write port: a bad one does not leave, nor one beside or behind
  // it.
  for (genvar i = 0; i < Entries; i++) begin : gen_row_check
    psf_row_check #(
        .Cfg(Cfg)
    ) u_row_check (
        .entry_i(entry_data_o[i]),
        .bad_o  (bad_entries[i])
    );
  end

  assign bad_entry = write.spread ? (|bad_entries) : bad_entries[0];
  assign bad_row   = write.row && bad_entry;

  always_comb begin
    write_o = write;
    write_o.row = write.row && !bad_entry;
  end

  psf_load_writer #(
      .Cfg(Cfg)
  ) u_writer (
      .clk_i,
      .rst_ni,
      .step_valid_i (step_valid),
      .step_i       (step),
      .bad_i        (bad_row),
      .beat_i       (beats[63:0]),
      .weight_word_i(decoded),
      .row_entry_i  (row_entry),
      .weight_ready_i,
      .spike_ready_i,
      .write_o      (write),
      .weight_data_o,
      .entry_data_o,
      .param_data_o,
      .mask_data_o,
      .spike_words_o,
      .spike_data_o
  );

endmodule
