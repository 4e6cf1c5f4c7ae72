// SPDX-License-Identifier: Apache-2.0
//
// Is a descriptor legal on this hardware? OPCODE for an unknown one, FIELD for a value out of range,
// OVERRUN for a load that does not fit its memory, else NONE. What a layer addresses depends on more
// than its descriptor and is watched where it happens. The same rules: golden/hardware/check.py.
// checked_o and cause_o follow valid_i by one cycle and hold until the cycle after taken_i; the
// descriptor has to hold from valid_i to taken_i.

module psf_descriptor_check #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         valid_i,
    input  logic         taken_i,    // the descriptor leaves in this cycle
    input  logic [511:0] data_i,
    output logic         checked_o,  // cause_o is that of the descriptor at hand
    output logic [  7:0] cause_o
);

  localparam int unsigned BankBits = $clog2(Cfg.Banks);
  localparam int unsigned LaneBits = $clog2(Cfg.Lanes);
  localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth);
  localparam int unsigned Entries = Cfg.AccDepth * Cfg.Patterns;
  localparam int unsigned Longest =  // window
  Cfg.LineWords < psf_pkg::MaxWindow ? Cfg.LineWords : psf_pkg::MaxWindow;

  // Accumulators per lane, a power of two, of which all patterns of a window have one.
  function automatic int unsigned room(int unsigned patterns);
    return Entries < patterns ? 0 : 2 ** ($clog2(Entries / patterns + 1) - 1);
  endfunction
  localparam int unsigned Room2 = room(3);
  localparam int unsigned Room4 = room(15);

  if (Cfg.Banks < 2 || Cfg.Banks != 2 ** BankBits) begin : gen_bad_banks
    $fatal(1, "psf_descriptor_check: Banks must be a power of two and at least 2");
  end

  psf_pkg::load_t load;
  psf_pkg::layer_t layer;
  psf_pkg::store_t store;
  logic store_bad;

  assign load  = psf_pkg::to_load(data_i);
  assign layer = psf_pkg::to_layer(data_i);
  assign store = psf_pkg::to_store(data_i);

  // ---- Loads.
  logic [24:0] span;  // addresses that are written
  logic [31:0] depth;
  logic [22:0] places;  // coded weights by block: accumulators that a row can reach
  logic load_bad, load_over;

  assign places = 23'(load.row_words) << load.index_bits;

  always_comb begin
    load_bad = load.records == '0 || load.offset[2:0] != '0;
    if (load.coded) begin
      if (load.target == psf_pkg::TARGET_WEIGHT) begin
        if (32'(load.index_bits) > IndexWidth) load_bad = 1'b1;
        if (load.block && (places == '0 || 32'(places) > 2 ** IndexWidth)) load_bad = 1'b1;
      end else if (load.target != psf_pkg::TARGET_ROW) begin
        load_bad = 1'b1;
      end
    end
    span  = 25'(load.records);
    depth = '0;
    unique case (load.target)
      psf_pkg::TARGET_WEIGHT, psf_pkg::TARGET_ROW: begin
        if (load.records[BankBits-1:0] != '0) load_bad = 1'b1;
        span  = 25'(load.records >> BankBits);
        depth = (load.target == psf_pkg::TARGET_ROW) ? Cfg.RowDepth : Cfg.BankDepth;
      end
      psf_pkg::TARGET_PARAM: depth = Cfg.ParamDepth;
      psf_pkg::TARGET_SPIKE: begin
        if (load.unit_words == '0 || 32'(load.unit_words) > Cfg.LineWords) load_bad = 1'b1;
        depth = Cfg.SpikeLines;
      end
      psf_pkg::TARGET_MASK: depth = psf_pkg::MaskLines;
      psf_pkg::TARGET_LOGIT: begin
        if (load.records[0]) load_bad = 1'b1;
        depth = Cfg.Classes;
      end
      default: load_bad = 1'b1;
    endcase
    load_over = 32'(25'(load.dest) + span) > depth;
  end

  // ---- Layers. 9 * lines and m * m * Lanes are sums of shifts.
  logic [11:0] patch;
  logic [31:0] counts;  // key-value: accumulators of a head block
  logic [11:0] mask_end;
  logic mask_bad;
  logic window_bad;
  logic common_bad, patch_bad, key_value_bad, sums_bad, head_bad, out_bad, layer_bad;

  assign patch = 12'(layer.in_lines) + (layer.kernel3 ? 12'(layer.in_lines) << 3 : 12'd0);
  assign patch_bad = 32'(patch) > Cfg.PatchLines;
  assign common_bad = 32'(layer.id) >= psf_pkg::MaxLayers || layer.steps == '0 ||
      layer.width == '0 || layer.height == '0 || layer.in_lines == '0 || layer.in_words == '0 ||
      layer.out_words == '0 || layer.row_cost == '0 || 32'(layer.out_words) > Cfg.AccDepth ||
      window_bad ||
      32'(layer.shift) > psf_pkg::MaxShift ||
      (layer.charge != '0 && layer.mode != psf_pkg::MODE_SPIKE);
  assign window_bad = 1 << layer.in_block > Longest || 1 << layer.out_block > Longest ||
      layer.window > layer.in_block || (layer.window != '0 &&
      (layer.mode == psf_pkg::MODE_KEY_VALUE || layer.merge || layer.repeat_drain ||
      layer.step_rows != '0 || 32'(layer.out_words) > (layer.window[0] ? Room2 : Room4)));
  // 9 * mask_lines as a sum of shifts.
  assign mask_end   = 12'(layer.mask_base) + 12'(layer.mask_lines) +
      (layer.kernel3 ? 12'(layer.mask_lines) << 3 : 12'd0);
  assign mask_bad = layer.mask_lines != '0 && 32'(mask_end) > psf_pkg::MaskLines;
  assign sums_bad   = 32'(layer.steps) < psf_pkg::MinPlanes ||
      32'(layer.steps) > psf_pkg::SumBits || layer.width != 16'd1 || layer.height != 16'd1 ||
      layer.in_words < 8'd2 || layer.in_block != '0 || layer.stream_tokens == '0 ||
      layer.pool || layer.repeat_drain;
  assign head_bad = layer.tokens == '0 || 32'(layer.tokens) > Cfg.Classes ||
      (!layer.merge && sums_bad);
  assign out_bad = layer.out_lines == '0 || layer.out_step < layer.out_words;

  always_comb begin
    unique case (layer.head_words)
      8'd1: counts = Cfg.Lanes;
      8'd2: counts = 4 * Cfg.Lanes;
      8'd4: counts = 16 * Cfg.Lanes;
      default: counts = '0;  // no number of accumulators is right
    endcase
    key_value_bad = 32'(layer.out_words) != counts || 32'(layer.head_lanes) > LaneBits ||
        layer.tokens == '0 || 32'(layer.tokens) > Cfg.PatchLines ||
        (32'(layer.head_words) << layer.in_block << 1) > Cfg.LineWords;
  end

  always_comb begin
    unique case (layer.mode)
      psf_pkg::MODE_SPIKE: layer_bad = common_bad || patch_bad || mask_bad || out_bad;
      psf_pkg::MODE_RESIDUAL:
      layer_bad = common_bad || patch_bad || mask_bad || out_bad || layer.pool;
      psf_pkg::MODE_KEY_VALUE: layer_bad = common_bad || key_value_bad;
      default: layer_bad = common_bad || patch_bad || mask_bad || head_bad;
    endcase
  end

  // ---- Stores.
  assign store_bad = store.logits == '0 || store.logits > Cfg.Classes || store.offset[2:0] != '0;

  // ---- The verdict.
  logic [7:0] cause;

  always_comb begin
    cause = psf_pkg::ERROR_NONE;
    unique case (data_i[7:0])
      psf_pkg::OP_LOAD: begin
        if (load_bad) cause = psf_pkg::ERROR_FIELD;
        else if (load_over) cause = psf_pkg::ERROR_OVERRUN;
      end
      psf_pkg::OP_LAYER: if (layer_bad) cause = psf_pkg::ERROR_FIELD;
      psf_pkg::OP_STORE: if (store_bad) cause = psf_pkg::ERROR_FIELD;
      psf_pkg::OP_END: ;
      default: cause = psf_pkg::ERROR_OPCODE;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) checked_o <= 1'b0;
    else checked_o <= valid_i && !taken_i;
  end

  always_ff @(posedge clk_i) begin
    cause_o <= cause;
  end

  logic unused_fields;  // that no rule speaks of
  assign unused_fields = ^{load, layer};

  // The descriptor at hand is the one that was checked.
  always_ff @(posedge clk_i) begin
    if (rst_ni && checked_o) assert (valid_i && data_i == $past(data_i));
    if (rst_ni && taken_i) assert (checked_o);
  end

endmodule
