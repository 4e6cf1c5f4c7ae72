// SPDX-License-Identifier: Apache-2.0
//
// Turns an OP_LOAD into a read command {address, beats} and an unpack command for psf_loader:
//   units = records * factor;  factor = beats per raw weight, parameter or mask record, halves of a
//       beat per coded weight record, spike words per line, else 1
//   beats = units | ceil(units / 2) for 32-bit records and halves | ceil(units / 16) for coded rows |
//       ceil(units * Lanes / 64) for spike words
// The address is base + offset, modulo 2^AddrWidth.
// The product is a shift-and-add over the bits of the 8-bit factor, on top of what makes the division
// round up: 2 to 9 cycles after a load is taken both commands leave; the next load is taken then. Two
// unpack commands can wait, so the next load is read while this one streams. They do so in registers,
// which costs a cycle more than a queue and no logic. No read command is made for 0 beats.

module psf_load_issue #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned AddrWidth = 32  // bits of an address on the bus
) (
    input logic clk_i,
    input logic rst_ni,
    input logic load_valid_i,
    output logic load_ready_o,
    input psf_control_pkg::load_command_t load_i,
    output logic read_valid_o,
    input logic read_ready_i,
    output psf_control_pkg::read_command_t read_o,
    output logic unpack_valid_o,
    input logic unpack_ready_i,
    output psf_control_pkg::load_command_t unpack_o
);

  localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth);  // at most 8
  localparam int unsigned WeightBeats = (Cfg.Lanes * (IndexWidth + 8) + 63) / 64;  // per record
  localparam int unsigned ParamBeats = (2 * Cfg.Lanes * Cfg.AccWidth + 63) / 64;
  localparam int unsigned MaskBeats = (Cfg.LineWords * Cfg.Lanes + 63) / 64;
  localparam int unsigned WordShift = $clog2(64 / Cfg.Lanes);  // spike words per beat, log2

  if (Cfg.Lanes < 1 || Cfg.Lanes > 64 || 64 % Cfg.Lanes != 0) begin : gen_bad_lanes
    $fatal(1, "psf_load_issue: Lanes must divide the 64 bits of a beat");
  end
  if (WeightBeats < 1 || WeightBeats > 255 || ParamBeats < 1 || ParamBeats > 255 || MaskBeats < 1 ||
      MaskBeats > 255) begin : gen_bad_beats
    $fatal(1, "psf_load_issue: a record must have 1 to 255 beats");
  end

  typedef enum logic [1:0] {
    IDLE,
    MULTIPLY,
    SEND
  } state_e;

  state_e state_q;
  psf_control_pkg::load_command_t load_q;
  logic [31:0] units_q, shifted_q, beats;  // units_q: what rounds up included
  logic [7:0] factor_q, factor;
  logic read_q, unpack_q, unpack_room;  // command not yet taken; room for another

  // Units of a beat: 1, 2, spike words, 16.
  typedef enum logic [1:0] {
    ONE,
    HALF,
    WORD,
    ENTRY
  } unit_e;

  unit_e unit, unit_q;
  logic [4:0] round;  // units of a beat, less one

  always_comb begin
    unique case (load_i.load.target)
      psf_pkg::TARGET_WEIGHT: begin
        factor = 8'(WeightBeats);
        for (int unsigned w = 0; w <= IndexWidth; w++) begin
          if (load_i.load.coded && load_i.load.index_bits == 4'(w))
            factor = 8'((Cfg.Lanes * (w + 4) + 31) / 32);
        end
      end
      psf_pkg::TARGET_PARAM: factor = 8'(ParamBeats);
      psf_pkg::TARGET_MASK: factor = 8'(MaskBeats);
      psf_pkg::TARGET_SPIKE: factor = load_i.load.unit_words;
      default: factor = 8'd1;
    endcase
  end

  always_comb begin
    unit = ONE;
    unique case (load_i.load.target)
      psf_pkg::TARGET_WEIGHT: if (load_i.load.coded) unit = HALF;
      psf_pkg::TARGET_ROW: unit = load_i.load.coded ? ENTRY : HALF;
      psf_pkg::TARGET_LOGIT: unit = HALF;
      psf_pkg::TARGET_SPIKE: unit = WORD;
      default: ;
    endcase
    unique case (unit)
      HALF: round = 5'd1;
      WORD: round = 5'(2 ** WordShift - 1);
      ENTRY: round = 5'd15;
      default: round = '0;
    endcase
    unique case (unit_q)
      HALF: beats = units_q >> 1;
      WORD: beats = units_q >> WordShift;
      ENTRY: beats = units_q >> 4;
      default: beats = units_q;
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {read_q, unpack_q} <= '0;
      state_q <= IDLE;
    end else begin
      unique case (state_q)
        IDLE: if (load_valid_i) state_q <= MULTIPLY;
        MULTIPLY: begin
          if (factor_q == '0) begin
            state_q  <= SEND;
            read_q   <= beats[28:0] != '0;
            unpack_q <= 1'b1;
          end
        end
        default: begin
          if (read_ready_i) read_q <= 1'b0;
          if (unpack_room) unpack_q <= 1'b0;
          if ((!read_q || read_ready_i) && (!unpack_q || unpack_room)) state_q <= IDLE;
        end
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == IDLE) begin
      load_q      <= load_i;
      load_q.base <= 61'((AddrWidth - 3)'(load_i.base));
      factor_q    <= factor;
      shifted_q   <= 32'(load_i.load.records);
      units_q     <= 32'(round);
      unit_q      <= unit;
    end else if (state_q == MULTIPLY) begin
      if (factor_q[0]) units_q <= units_q + shifted_q;  // < 2^32
      shifted_q <= shifted_q << 1;
      factor_q  <= factor_q >> 1;
    end
  end

  assign load_ready_o = state_q == IDLE;
  assign read_valid_o = read_q;
  assign read_o = '{
          addr: 61'((AddrWidth - 3)'(load_q.base + 61'(load_q.load.offset[31:3]))),
          beats: beats[28:0],
          tag: load_q.index
      };

  // ---- Unpack commands that wait, the older one at the output.
  logic wait_q;
  psf_control_pkg::load_command_t wait_load_q;
  logic move;  // the output register takes its next command

  assign move        = !unpack_valid_o || unpack_ready_i;
  assign unpack_room = !wait_q || move;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {wait_q, unpack_valid_o} <= '0;
    end else begin
      if (unpack_room) wait_q <= unpack_q;
      if (move) unpack_valid_o <= wait_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (unpack_room) wait_load_q <= load_q;
    if (move) unpack_o <= wait_load_q;
  end

  // The read command holds until taken. psf_descriptor_check has seen to offset and records.
  always_ff @(posedge clk_i) begin
    if (rst_ni && $past(rst_ni && read_valid_o && !read_ready_i)) begin
      assert (read_valid_o && read_o == $past(read_o));
    end
    if (rst_ni && $past(rst_ni && unpack_valid_o && !unpack_ready_i)) begin
      assert (unpack_valid_o && unpack_o == $past(unpack_o));
    end
    if (rst_ni && state_q == SEND) assert (load_q.load.offset[2:0] == '0 && beats[31:29] == '0);
  end

endmodule
