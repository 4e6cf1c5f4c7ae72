// SPDX-License-Identifier: Apache-2.0
//
// The logits: word i of a group's head accumulation holds classes i*Lanes + lane,
//   logit[word_index*Lanes + lane] += word_data[lane]        (32 bits, wraps)
// or, with double_i, twice the logit plus word_data,
// and the arg max over the first argmax_count of them (signed, the lowest class wins ties).
// Words: one per cycle over all groups, round robin; a logit write (always taken, it sets the
// bias) lets them wait one cycle. logit_rdata_o follows logit_raddr_i by one cycle while idle_o
// is high. argmax_start_i: one class per cycle, argmax_done_o pulses argmax_count + 3 cycles
// later if no word or write is under way (they go first); label_o then holds until the next start.
// Every logit has a parity bit. It is checked when a word is added (classes below classes_i only),
// in the scan, and in reads of scanned classes as long as no logit changes; parity_o pulses two
// cycles after the address. Words and writes beyond Depth are lost; overrun_o pulses.
// Golden: tb.unit.datapath.test_head.

module psf_head #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    parameter int unsigned Depth = 8  // words of Lanes logits: classes = Depth*Lanes; 2 to 256
) (
    input logic clk_i,
    input logic rst_ni,
    input logic [15:0] classes_i,  // of the layer, stable
    input logic double_i,  // likewise
    // Words of the groups.
    input logic [Cfg.Groups-1:0] word_valid_i,
    output logic [Cfg.Groups-1:0] word_ready_o,
    input logic [Cfg.Groups-1:0][7:0] word_index_i,
    input logic [Cfg.Groups-1:0][Cfg.Lanes*Cfg.AccWidth-1:0] word_data_i,  // signed, lane 0 low
    // Single logits: set by the loader, read for the result.
    input logic logit_valid_i,
    input logic [15:0] logit_addr_i,  // class
    input logic [31:0] logit_data_i,
    input logic [15:0] logit_raddr_i,  // class
    output logic [31:0] logit_rdata_o,
    // Arg max.
    input logic argmax_start_i,  // pulse
    input logic [15:0] argmax_count_i,  // classes, sampled at the start
    output logic argmax_done_o,  // pulse
    output logic [15:0] label_o,
    output logic idle_o,  // no word and no arg max inside
    // Errors, pulses.
    output logic parity_o,
    output logic overrun_o
);

  localparam int unsigned LaneBits = $clog2(Cfg.Lanes);
  localparam int unsigned WordBits = $clog2(Depth);

  if (Cfg.Lanes < 2 || Cfg.Lanes != 2 ** LaneBits) begin : gen_bad_lanes
    $fatal(1, "psf_head: Lanes must be a power of two and at least 2");
  end
  if (Cfg.AccWidth > 32) begin : gen_bad_acc_width
    $fatal(1, "psf_head: AccWidth must be at most 32");
  end
  if (Depth < 2 || Depth > 256) begin : gen_bad_depth
    $fatal(1, "psf_head: Depth must be between 2 and 256");
  end

  // The word to add next, in a register.
  logic [Cfg.Groups-1:0] grant;
  logic word_any, word_take, word_free, add, add_valid_q, index_bad_q;
  logic [7:0] index_d;
  logic [WordBits-1:0] index_q;
  logic [Cfg.Lanes*Cfg.AccWidth-1:0] data_d, data_q;

  psf_round_robin #(
      .N(Cfg.Groups)
  ) u_words (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .req_i  (word_valid_i),
      .take_i (word_take),
      .keep_i (1'b0),
      .grant_o(grant)
  );

  assign word_any = word_valid_i != '0;
  assign word_free = !add_valid_q || add;
  assign word_take = word_any && word_free;
  assign word_ready_o = word_free ? grant : '0;

  always_comb begin
    index_d = '0;
    data_d  = '0;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      index_d |= {8{grant[g]}} & word_index_i[g];
      data_d |= {(Cfg.Lanes * Cfg.AccWidth) {grant[g]}} & word_data_i[g];
    end
  end

  // Logits: one memory per lane, read in the cycle of the addition.
  logic [15:0] class_q, class_read;
  logic [WordBits-1:0] word_read, word_write;
  logic [Cfg.Lanes-1:0][32:0] read;  // {parity, logit}
  logic [Cfg.Lanes-1:0] read_bad;
  logic scan_q, scan, write_bad, unused_class_bits;

  assign unused_class_bits = ^class_read;
  assign write_bad = 32'(logit_addr_i) >= Depth * Cfg.Lanes;
  assign add = add_valid_q && !logit_valid_i;
  assign scan = scan_q && !add_valid_q && !logit_valid_i;
  assign class_read = scan_q ? class_q : logit_raddr_i;
  assign word_read = add_valid_q ? index_q : class_read[LaneBits+:WordBits];
  assign word_write = logit_valid_i ? logit_addr_i[LaneBits+:WordBits] : index_q;

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    logic signed [Cfg.AccWidth-1:0] value;
    logic [31:0] sum, wdata;
    logic here;

    assign value = data_q[p*Cfg.AccWidth+:Cfg.AccWidth];
    assign sum = (double_i ? read[p][31:0] << 1 : read[p][31:0]) + 32'(value);
    assign wdata = logit_valid_i ? logit_data_i : sum;
    assign read_bad[p] = ^read[p];
    assign here = !write_bad && logit_addr_i[LaneBits-1:0] == LaneBits'(p);

    psf_ram_async #(
        .Width(33),
        .Depth(Depth)
    ) u_logits (
        .clk_i(clk_i),
        .we_i(logit_valid_i ? here : add_valid_q && !index_bad_q),
        .waddr_i(word_write),
        .wdata_i({^wdata, wdata}),
        .raddr_i(word_read),
        .rdata_o(read[p])
    );
  end

  // Parity of the lanes that an addition read: all of a word below the last class, the lower ones
  // of the word that holds the last class.
  logic [Cfg.Lanes-1:0] added_bad_q, last_lanes;
  logic added_q, added_all_q, added_some_q, added_error;

  assign last_lanes = ~({Cfg.Lanes{1'b1}} << classes_i[LaneBits-1:0]);
  assign added_error = (added_all_q && added_bad_q != '0) ||
      (added_some_q && (added_bad_q & last_lanes) != '0);

  always_ff @(posedge clk_i) begin
    added_bad_q  <= read_bad;
    added_all_q  <= (16 - LaneBits)'(index_q) < classes_i[15:LaneBits];
    added_some_q <= (16 - LaneBits)'(index_q) == classes_i[15:LaneBits];
  end

  // Parity of single reads: the logit is on logit_rdata_o. After an arg max its classes are known
  // to be good, so that a read of one of them counts until a logit changes.
  logic rdata_parity_q, known_q, read_known_q;
  logic [15:0] count_q;

  // Arg max: logit_rdata_o holds the logit of class seen_class_q while seen_q.
  logic signed [31:0] best_q;
  logic [15:0] seen_class_q, left_q;
  logic seen_q, first_q, done_d, done_q;

  assign idle_o = !add_valid_q && !scan_q && !seen_q && !done_q;
  assign done_d = seen_q && !scan_q;

  always_ff @(posedge clk_i) begin
    if (word_take) begin
      index_q <= index_d[WordBits-1:0];
      index_bad_q <= 32'(index_d) >= Depth;
      data_q <= data_d;
    end
    {rdata_parity_q, logit_rdata_o} <= read[class_read[LaneBits-1:0]];
    read_known_q <= logit_raddr_i < count_q;
    seen_class_q <= class_q;
    if (argmax_start_i) begin
      class_q <= '0;
      left_q  <= argmax_count_i;
      count_q <= argmax_count_i;
      first_q <= 1'b1;
      label_o <= '0;
    end else begin
      if (scan) begin
        class_q <= class_q + 16'd1;
        left_q  <= left_q - 16'd1;
      end
      if (seen_q && (first_q || $signed(logit_rdata_o) > best_q)) begin
        best_q  <= logit_rdata_o;
        label_o <= seen_class_q;
        first_q <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {add_valid_q, scan_q, seen_q, done_q, argmax_done_o, added_q, known_q, parity_o,
          overrun_o} <= '0;
    end else begin
      add_valid_q <= word_take || (add_valid_q && !add);
      if (argmax_start_i) begin
        scan_q <= 1'b1;
      end else if (scan && left_q <= 16'd1) begin
        scan_q <= 1'b0;
      end
      seen_q <= scan;
      done_q <= done_d;
      argmax_done_o <= done_q;
      added_q <= add && !index_bad_q;
      known_q <= done_q || (known_q && !logit_valid_i && !add_valid_q && !argmax_start_i);
      parity_o <= (added_q && added_error) ||
          ((seen_q || (known_q && read_known_q)) && (^{rdata_parity_q, logit_rdata_o}));
      overrun_o <= (add && index_bad_q) || (logit_valid_i && write_bad);
      assert (!argmax_start_i || (!scan_q && !seen_q));
    end
  end

endmodule
