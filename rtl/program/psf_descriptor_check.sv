// SPDX-License-Identifier: Apache-2.0
//
// Is a descriptor legal on this hardware? Word by word: PROGRAM_CRC if word 15 is not the CRC-32 of
// the program up to here (golden: zlib.crc32, chained), else OPCODE for an unknown one, FIELD for a
// value out of range, OVERRUN for a load that does not fit its memory, NO_END for the last one of the
// program without an OP_END, else NONE. Behind an OP_END anything is legal. What a layer addresses
// depends on more than its descriptor and is watched there. The same rules: golden/hardware/check.py.
// A word is taken in every cycle with valid_i, words 0 to 15 in turn; judged_o and cause_o come three
// cycles after word 15. No word may come in the cycle after a word 15.

module psf_descriptor_check #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8
) (
    input  logic        clk_i,
    input  logic        rst_ni,
    input  logic        valid_i,
    input  logic [31:0] word_i,
    input  logic        last_i,    // of the program; as over_i, with every word of it
    input  logic        over_i,    // an OP_END, or behind one
    output logic        judged_o,  // pulse
    output logic [ 7:0] cause_o    // with judged_o
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

  // ---- The word at hand, and its fields if it belongs to a load, a layer or a store: those of the
  // other words are not looked at.
  logic valid_q;
  logic [3:0] at_q;
  logic [31:0] word_q;
  psf_pkg::load_t load;
  psf_pkg::layer_t layer;
  psf_pkg::store_t store;
  assign load  = psf_pkg::to_load({16{word_q}});
  assign layer = psf_pkg::to_layer({16{word_q}});
  assign store = psf_pkg::to_store({16{word_q}});

  // What words before it have said.
  logic [2:0] op_q;
  logic op_bad_q;
  logic [1:0] mode_q;
  logic kernel3_q, merge_q, repeat_q, pool_q, rows_q;  // rows: step_rows is not 0
  logic [3:0] target_q;
  logic coded_q, block_q;
  logic [15:0] dest_q;
  logic [ 7:0] out_words_q;
  logic [ 2:0] head_words_q;
  logic spikes, key_value, head, sums, weight, banked;

  assign spikes    = mode_q == psf_pkg::MODE_SPIKE || mode_q == psf_pkg::MODE_RESIDUAL;
  assign key_value = mode_q == psf_pkg::MODE_KEY_VALUE;
  assign head      = mode_q == psf_pkg::MODE_HEAD;
  assign sums      = head && !merge_q;
  assign weight    = target_q == psf_pkg::TARGET_WEIGHT;
  assign banked    = weight || target_q == psf_pkg::TARGET_ROW;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {valid_q, at_q} <= '0;
    end else begin
      valid_q <= valid_i;
      if (valid_q) at_q <= at_q + 4'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) word_q <= word_i;
    if (valid_q) begin
      unique case (at_q)
        4'd0: begin
          op_q <= word_q[2:0];
          op_bad_q <= word_q[7:0] == '0 || word_q[7:0] > psf_pkg::OP_END;
          mode_q <= layer.mode;
          kernel3_q <= layer.kernel3;
          merge_q <= layer.merge;
          repeat_q <= layer.repeat_drain;
          pool_q <= layer.pool;
        end
        4'd2: begin
          target_q <= load.target;
          coded_q  <= load.coded;
          block_q  <= load.block;
          dest_q   <= load.dest;
        end
        4'd5: out_words_q <= layer.out_words;
        4'd7: rows_q <= layer.step_rows != '0;
        4'd10: head_words_q <= layer.head_words[2:0];
        default: ;
      endcase
    end
  end

  // ---- Loads. Words 2, 3, 4 and 6; the addresses that are written end at end_q.
  logic [25:0] end_q;
  logic [31:0] depth;
  logic [ 7:0] blocks;  // of accumulators that a row reaches, less one
  logic load_bad, load_over, block_bad;

  assign blocks = load.row_words - 8'd1;
  assign block_bad = block_q && (load.row_words == '0 ||
      (16'(blocks) << load.index_bits >> IndexWidth) != '0);

  always_ff @(posedge clk_i) begin
    end_q <= 26'(dest_q) + (banked ? 26'(load.records >> BankBits) : 26'(load.records));
  end

  always_comb begin
    unique case (target_q)
      psf_pkg::TARGET_WEIGHT: depth = Cfg.BankDepth;
      psf_pkg::TARGET_ROW: depth = Cfg.RowDepth;
      psf_pkg::TARGET_PARAM: depth = Cfg.ParamDepth;
      psf_pkg::TARGET_SPIKE: depth = Cfg.SpikeLines;
      psf_pkg::TARGET_MASK: depth = psf_pkg::MaskLines;
      default: depth = Cfg.Classes;
    endcase
    load_over = at_q == 4'd4 && 32'(end_q) > depth;
  end

  always_comb begin
    load_bad = 1'b0;
    unique case (at_q)
      4'd2: begin
        load_bad = load.target > psf_pkg::TARGET_MASK ||
            (load.coded && load.target != psf_pkg::TARGET_WEIGHT &&
            load.target != psf_pkg::TARGET_ROW) || (load.target == psf_pkg::TARGET_SPIKE &&
            (load.unit_words == '0 || 32'(load.unit_words) > Cfg.LineWords));
      end
      4'd3: begin
        load_bad = load.records == '0 || (banked && load.records[BankBits-1:0] != '0) ||
            (target_q == psf_pkg::TARGET_LOGIT && load.records[0]);
      end
      4'd4: load_bad = load.offset[2:0] != '0;
      4'd6: load_bad = coded_q && weight && (32'(load.index_bits) > IndexWidth || block_bad);
      default: ;
    endcase
  end

  // ---- Layers. Of word 4 or 13: lines for all taps, nine times as many as for one or as many; the
  // word after it knows whether there are too many.
  logic [11:0] lines, tap_lines;
  logic [7:0] counts;  // key-value: accumulators of a head block, by lanes; or none are right
  logic layer_bad, lines_bad_q;

  assign tap_lines = (at_q == 4'd4) ? 12'(layer.in_lines) : 12'(layer.mask_lines);
  assign lines = ((at_q == 4'd4) ? 12'd0 : 12'(layer.mask_base)) + tap_lines +
      (kernel3_q ? tap_lines << 3 : 12'd0);

  always_ff @(posedge clk_i) begin
    if (valid_q) begin
      lines_bad_q <= tap_lines != '0 &&
          32'(lines) > ((at_q == 4'd4) ? Cfg.PatchLines : psf_pkg::MaskLines);
    end
  end

  assign counts = layer.head_words == 8'd1 ? 8'd1 : layer.head_words == 8'd2 ? 8'd4 :
      layer.head_words == 8'd4 ? 8'd16 : 8'd0;

  always_comb begin
    layer_bad = 1'b0;
    unique case (at_q)
      4'd0: begin
        layer_bad = 32'(layer.id) >= psf_pkg::MaxLayers || 32'(layer.shift) > psf_pkg::MaxShift ||
            (layer.mode == psf_pkg::MODE_RESIDUAL && layer.pool) ||
            (layer.mode == psf_pkg::MODE_HEAD && !layer.merge &&
            (layer.pool || layer.repeat_drain));
      end
      4'd1: layer_bad = layer.charge != '0 && mode_q != psf_pkg::MODE_SPIKE;
      4'd3: begin
        layer_bad = layer.width == '0 || layer.height == '0 ||
            (sums && (layer.width != 16'd1 || layer.height != 16'd1));
      end
      4'd4: begin
        layer_bad = layer.in_lines == '0 || layer.steps == '0 || layer.row_cost == '0 ||
            (spikes && layer.out_lines == '0) ||
            (sums && (32'(layer.steps) < psf_pkg::MinPlanes ||
            32'(layer.steps) > psf_pkg::SumBits));
      end
      4'd5: begin
        layer_bad = layer.in_words == '0 || layer.out_words == '0 ||
            32'(layer.out_words) > Cfg.AccDepth || (sums && layer.in_words < 8'd2) ||
            (!key_value && lines_bad_q);
      end
      4'd9: layer_bad = spikes && layer.out_step < out_words_q;
      4'd10: begin
        layer_bad = key_value && (counts == '0 || 32'(out_words_q) != 32'(counts) * Cfg.Lanes ||
            32'(layer.head_lanes) > LaneBits);
      end
      4'd11: begin
        layer_bad = (head || key_value) && layer.tokens == '0 ||
            (head && 32'(layer.tokens) > Cfg.Classes) ||
            (key_value && 32'(layer.tokens) > Cfg.PatchLines);
      end
      4'd13: layer_bad = sums && layer.stream_tokens == '0;
      4'd14: begin
        layer_bad = 1 << layer.in_block > Longest || 1 << layer.out_block > Longest ||
            (!key_value && lines_bad_q) || layer.window > layer.in_block ||
            (sums && layer.in_block != '0) || (layer.images != '0 && !spikes) ||
            (layer.pair && (pool_q || mode_q != psf_pkg::MODE_SPIKE)) ||
            (key_value && (32'(head_words_q) << layer.in_block << 1) > Cfg.LineWords) ||
            (layer.window != '0 && (key_value || merge_q || repeat_q || rows_q ||
            32'(out_words_q) > (layer.window[0] ? Room2 : Room4)));
      end
      default: ;
    endcase
  end

  // ---- Stores. Words 2 and 4.
  logic store_bad;
  assign store_bad = (at_q == 4'd2 && (store.logits == '0 || store.logits > Cfg.Classes)) ||
      (at_q == 4'd4 && store.offset[2:0] != '0);

  // ---- The checksum. Word 15 itself counts as 0. Then the verdict, while word 15 is still in word_q.
  logic [31:0] crc_q, crc;
  logic last_word, verdict_q, last_q, over_q, behind_q;
  logic [7:0] cause;
  assign last_word = at_q == 4'd15;

  psf_crc32 #(
      .DataWidth(32)
  ) u_crc (
      .crc_i (crc_q),
      .data_i(last_word ? 32'd0 : word_q),
      .crc_o (crc)
  );

  // What a word has said is known in the cycle after it, and whether it counts.
  logic told_q, first_q, load_bad_q, layer_bad_q, store_bad_q, load_over_q, is_load;
  logic bad, bad_q, overrun_q;
  assign is_load = op_q == 3'(psf_pkg::OP_LOAD);
  assign bad = (is_load && load_bad_q) || (op_q == 3'(psf_pkg::OP_LAYER) && layer_bad_q) ||
      (op_q == 3'(psf_pkg::OP_STORE) && store_bad_q);

  always_ff @(posedge clk_i) begin
    told_q <= valid_q;
    if (valid_q) begin
      first_q <= at_q == '0;
      {load_bad_q, load_over_q} <= {load_bad, load_over};
      {layer_bad_q, store_bad_q} <= {layer_bad, store_bad};
    end
    if (told_q) begin
      bad_q     <= bad || (bad_q && !first_q);
      overrun_q <= load_over_q || (overrun_q && !first_q);
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {judged_o, verdict_q, behind_q} <= '0;
      crc_q <= '1;
    end else begin
      verdict_q <= valid_q && last_word;
      judged_o  <= verdict_q;
      if (verdict_q) behind_q <= over_q && !last_q;
      if (valid_q) crc_q <= crc;
      else if (verdict_q && last_q) crc_q <= '1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      last_q <= last_i;
      over_q <= over_i;
    end
    if (verdict_q) cause_o <= cause;
  end

  always_comb begin
    cause = psf_pkg::ERROR_NONE;
    if (behind_q) cause = psf_pkg::ERROR_NONE;
    else if (word_q != ~crc_q) cause = psf_pkg::ERROR_PROGRAM_CRC;
    else if (op_bad_q) cause = psf_pkg::ERROR_OPCODE;
    else if (bad_q) cause = psf_pkg::ERROR_FIELD;
    else if (overrun_q && is_load) cause = psf_pkg::ERROR_OVERRUN;
    else if (last_q && !over_q) cause = psf_pkg::ERROR_NO_END;
  end

  logic unused_fields;  // that no rule speaks of
  assign unused_fields = ^{load, layer, store};

  // A pause behind word 15.
  always_ff @(posedge clk_i) begin
    if (rst_ni && valid_i) assert (!(valid_q && last_word));
  end

endmodule
