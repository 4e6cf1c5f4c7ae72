// SPDX-License-Identifier: Apache-2.0
// Sums the residual stream over tokens and timesteps and writes the sums as spikes, a timestep for
// each bit, for a head without merge (docs/reference/formats.md). With J = in_words - 1:
//   sum[j] = 2^31 + sum over n < stream_tokens, t of stream[n][t*J + j], in 32 bits, in every lane
//   token n lies in bank (dump_step + n) mod G, from dump_base on, stream_stride further each round
//   word j < J of step t is bit 31 - t of sum[j]; in word J lane i < 4 is (steps - 1 - t == 8*i)
// For one j after the other: a read a cycle (stalls with read_ready_i), then a written word a cycle.
// done_o pulses when all can be read, busy_o is high from the cycle after start_i to done_o. A word
// beyond its memory is not read or written, overrun_o pulses; parity_o: a word that was read fails
// its parity. Golden: golden.hardware.compile.average.
module psf_stream_planes #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16
) (
    input logic clk_i,
    input logic rst_ni,
    input logic start_i,
    input psf_pkg::layer_t layer_i,  // stable while busy_o
    output logic busy_o,
    output logic done_o,
    // residual stream; the word comes in the cycle after the accepted read, read_error_i one later
    output logic read_valid_o,
    input logic read_ready_i,
    output logic [$clog2(Cfg.Groups)-1:0] read_bank_o,
    output logic [$clog2(Cfg.StreamDepth)-1:0] read_addr_o,
    input logic [Cfg.Lanes*Cfg.StreamWidth-1:0] read_data_i,
    input logic read_error_i,
    // spike memory, word by word; nobody else writes, so a word is always taken
    output logic word_valid_o,
    output logic [$clog2(Cfg.SpikeLines)-1:0] word_line_o,
    output logic [Cfg.LineWords-1:0] word_place_o,  // one-hot, the word of the line
    output logic [Cfg.Lanes-1:0] word_bits_o,
    input logic spike_busy_i,  // an accepted word cannot be read yet
    output logic parity_o,
    output logic overrun_o
);
  localparam int unsigned SumBits = psf_pkg::SumBits;
  localparam int unsigned GroupWidth = $clog2(Cfg.Groups);
  localparam int unsigned WordWidth = $clog2(Cfg.LineWords);
  localparam int unsigned Digits = 4;  // constants 1, 2^8, 2^16, 2^24

  typedef enum logic [1:0] {
    IDLE,
    SUM,
    EMIT,
    WAIT
  } state_e;
  state_e state_q, state_d;

  // The word that is being summed, and whether it is the one of constants.
  logic [7:0] j_q, j_next, words;
  logic constants_q, reading_q, asking_q, got_q, got_before_q, next_word;
  assign words  = layer_i.in_words - 8'd1;
  assign j_next = j_q + 8'd1;

  // Reads: timestep after timestep, token after token. Bit 16 of the base, once set, stays.
  logic [15:0] token_q;
  logic [GroupWidth-1:0] group_q;  // bank of the token
  logic [16:0] base_q, offset_q, offset_next;
  logic [17:0] addr;
  logic beyond, step, token_end, last;
  logic [GroupWidth-1:0] bank_q;
  logic [$clog2(Cfg.StreamDepth)-1:0] addr_q;
  assign addr = {1'b0, base_q} + {1'b0, offset_q};
  assign beyond = addr >= 18'(Cfg.StreamDepth);
  assign offset_next = offset_q + {9'd0, words};
  assign token_end = offset_next >= {1'b0, layer_i.stream_stride};
  assign last = token_end && token_q + 16'd1 == layer_i.stream_tokens;
  assign step = reading_q && (!asking_q || read_ready_i);
  assign read_valid_o = asking_q;
  assign read_bank_o = bank_q;
  assign read_addr_o = addr_q;

  always_ff @(posedge clk_i) begin
    if (step) begin
      bank_q <= group_q;
      addr_q <= addr[$clog2(Cfg.StreamDepth)-1:0];
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i || next_word) begin
      token_q  <= '0;
      group_q  <= layer_i.dump_step[GroupWidth-1:0];
      base_q   <= {1'b0, layer_i.dump_base};
      offset_q <= start_i ? 17'd0 : {9'd0, j_next};
    end else if (step) begin
      offset_q <= token_end ? {9'd0, j_q} : offset_next;
      if (token_end) begin
        token_q <= token_q + 16'd1;
        group_q <= group_q + 1'b1;
      end
      if (token_end && &group_q && !base_q[16]) begin
        base_q <= base_q + {1'b0, layer_i.stream_stride};
      end
    end
  end

  // Planes, the highest first.
  logic [ 7:0] left_q;  // planes after this one
  logic [15:0] place_q;  // word in the token
  logic [15:0] place_first, place_next;
  logic [16:0] line_q;  // of that place
  logic line_beyond, emit;
  assign place_first = {8'd0, layer_i.in_first} + (start_i ? 16'd0 : {8'd0, j_next});
  assign place_next = place_q + {8'd0, layer_i.in_step};
  assign line_beyond = line_q >= 17'(Cfg.SpikeLines);
  assign word_valid_o = state_q == EMIT && !line_beyond;
  assign word_line_o = line_q[$clog2(Cfg.SpikeLines)-1:0];
  assign word_place_o = Cfg.LineWords'(1) << place_q[WordWidth-1:0];
  assign emit = state_q == EMIT;
  assign next_word = emit && left_q == '0;

  always_ff @(posedge clk_i) begin
    if (start_i || next_word) begin
      left_q  <= layer_i.steps - 8'd1;
      place_q <= place_first;
      line_q  <= {1'b0, layer_i.in_base} + 17'(place_first >> WordWidth);
    end else if (emit) begin
      left_q  <= left_q - 8'd1;
      place_q <= place_next;
      line_q  <= {1'b0, layer_i.in_base} + 17'(place_next >> WordWidth);
    end
  end

  // 32 bits wrap like the logits.
  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    logic [SumBits-1:0] sum_q, value_q, sum;
    logic constant;
    assign constant = p < Digits && left_q == 8'(8 * p);
    assign word_bits_o[p] = constants_q ? constant : sum_q[SumBits-1];

    // A sum that is written goes left by itself: twice what it was.
    psf_merge_add #(
        .Width(SumBits)
    ) u_sum (
        .a_i   (sum_q),
        .b_i   (value_q & {SumBits{got_before_q}}),
        .c_i   (sum_q),
        .keep_i(!got_before_q),
        .sum_o (sum)
    );

    always_ff @(posedge clk_i) begin
      value_q <= SumBits'($signed(read_data_i[p*Cfg.StreamWidth+:Cfg.StreamWidth]));
      if (start_i || next_word) sum_q <= {1'b1, {(SumBits - 1) {1'b0}}};
      else if (got_before_q || emit) sum_q <= sum;
    end
  end

  always_comb begin
    state_d = state_q;
    unique case (state_q)
      IDLE: if (start_i) state_d = SUM;
      SUM: if (!(reading_q || asking_q || got_q)) state_d = EMIT;
      EMIT: if (next_word) state_d = constants_q ? WAIT : j_next == words ? EMIT : SUM;
      default: if (!spike_busy_i) state_d = IDLE;
    endcase
  end
  assign busy_o = state_q != IDLE;
  assign done_o = state_q == WAIT && !spike_busy_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {reading_q, asking_q, got_q, got_before_q, parity_o, overrun_o} <= '0;
      state_q <= IDLE;
    end else begin
      state_q <= state_d;
      if (start_i) reading_q <= 1'b1;
      else if (next_word) reading_q <= !constants_q && j_next != words;
      else if (step && last) reading_q <= 1'b0;
      if (!asking_q || read_ready_i) asking_q <= reading_q && !beyond;
      got_q <= read_valid_o && read_ready_i;
      got_before_q <= got_q;
      parity_o <= got_before_q && read_error_i;
      overrun_o <= (step && beyond) || (state_q == EMIT && line_beyond);
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      j_q <= '0;
      constants_q <= 1'b0;
    end else if (next_word) begin
      j_q <= j_next;
      constants_q <= j_next == words;
    end
  end

  if (Cfg.StreamWidth >= SumBits) begin : gen_bad_width
    $fatal(1, "psf_stream_planes: StreamWidth must be smaller than 32");
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!(start_i && busy_o));
      assert (!(start_i && layer_i.in_words < 8'd2));
      assert (!(reading_q && state_q != SUM));
    end
  end
endmodule
