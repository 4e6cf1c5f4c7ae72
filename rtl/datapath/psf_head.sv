// SPDX-License-Identifier: Apache-2.0
//
// The logits: word i of a group's head accumulation holds classes i*Lanes + lane,
//   logit[word_index*Lanes + lane] += word_data[lane]        (32 bits, wraps)
// or, with double_i, twice the logit plus word_data,
// and the arg max over the first argmax_count of them (signed, the lowest class wins ties).
// A quarter of the lanes has adders. A word stays with its group for four cycles, in which its four
// parts go through read, add and write; it is taken with the last one. Words of the groups follow each
// other round robin without a gap. A logit write (always taken, it sets the bias) lets them wait a
// cycle; one to the class of a word that is inside is lost or overwrites it.
// logit_rdata_o follows logit_raddr_i by one cycle while idle_o is high. argmax_start_i: one class
// per cycle, argmax_done_o pulses argmax_count + 3 cycles later if no word or write is under way
// (they go first); label_o then holds until the next start.
// Every logit has a parity bit. It is checked when a word is added (classes below classes_i only),
// in the scan, and in reads of scanned classes as long as no logit changes; parity_o pulses three
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
    input logic [15:0] argmax_count_i,  // classes, at most Depth*Lanes, sampled at the start
    output logic argmax_done_o,  // pulse
    output logic [15:0] label_o,
    output logic idle_o,  // no word, no write and no arg max inside
    // Errors, pulses.
    output logic parity_o,
    output logic overrun_o
);

  localparam int unsigned LaneBits = $clog2(Cfg.Lanes);
  localparam int unsigned WordBits = $clog2(Depth);
  localparam int unsigned Parts = (Cfg.Lanes < 4) ? Cfg.Lanes : 4;  // of a word
  localparam int unsigned Adders = Cfg.Lanes / Parts;
  localparam int unsigned AdderBits = $clog2(Adders);
  localparam int unsigned PartBits = $clog2(Parts);
  localparam int unsigned ClassBits = WordBits + LaneBits;
  localparam int unsigned AddrBits = ClassBits - AdderBits;  // class c: memory c % Adders

  if (Cfg.Lanes < 2 || Cfg.Lanes != 2 ** LaneBits) begin : gen_bad_lanes
    $fatal(1, "psf_head: Lanes must be a power of two and at least 2");
  end
  if (Cfg.AccWidth > 32) begin : gen_bad_acc_width
    $fatal(1, "psf_head: AccWidth must be at most 32");
  end
  if (Depth < 2 || Depth > 256) begin : gen_bad_depth
    $fatal(1, "psf_head: Depth must be between 2 and 256");
  end

  typedef logic [AddrBits-1:0] addr_t;

  // ---- The word at hand, and its part that is read in this cycle. The word after it is chosen during
  // its last part. Everything moves but in the cycle of a logit write.
  logic [Cfg.Groups-1:0] grant, grant_q;
  logic move, busy_q, last_part, choose, beyond, bad;
  logic [1:0] part_q;
  logic [7:0] index;
  logic [Adders-1:0][Cfg.AccWidth-1:0] value;

  assign move = !logit_valid_i;
  assign last_part = part_q == 2'd3;
  assign choose = move && (!busy_q || last_part);
  assign word_ready_o = (move && busy_q && last_part) ? grant_q : '0;

  psf_round_robin #(
      .N(Cfg.Groups)
  ) u_words (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .req_i  (word_valid_i & (busy_q ? ~grant_q : '1)),
      .take_i (choose && grant != '0),
      .keep_i (1'b0),
      .grant_o(grant)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {busy_q, part_q} <= '0;
    end else if (move) begin
      if (choose) busy_q <= grant != '0;
      if (busy_q) part_q <= part_q + 2'd1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (choose) grant_q <= grant;
  end

  always_comb begin
    index = '0;
    value = '0;
    for (int unsigned g = 0; g < Cfg.Groups; g++) begin
      if (grant_q[g]) index |= word_index_i[g];
      for (int unsigned p = 0; p < Parts; p++) begin
        if (grant_q[g] && part_q == 2'(p)) begin
          value |= word_data_i[g][p*Adders*Cfg.AccWidth+:Adders*Cfg.AccWidth];
        end
      end
    end
  end

  assign beyond = 32'(index) >= Depth;
  assign bad = beyond || 32'(part_q) >= Parts;  // nothing is added

  // ---- Logits: one memory per adder. Cycle 0 has the address, 1 the word behind the memory, 2 the
  // word in read_q, where it is added or compared, 3 the sum in write_q, which is written.
  logic [ClassBits-1:0] class_q, class_read;
  addr_t addr;
  logic scan_q, scan, adding, write_bad;
  logic  [1:0] add_q;  // in cycles 1 and 2
  addr_t [1:0] addr_q;
  logic [1:0] all_q, some_q;  // its classes are below classes_i: all of them, the lower ones
  logic [Adders-1:0][Cfg.AccWidth-1:0] value1_q, value2_q;
  logic [Adders-1:0][32:0] ram, read_q;  // {parity, logit}
  logic [Adders-1:0] we_q, read_bad;
  addr_t write_addr_q;

  assign write_bad = 32'(logit_addr_i) >= Depth * Cfg.Lanes;
  assign adding = busy_q || (|add_q) || (|we_q);
  assign scan = scan_q && !adding && move;
  assign class_read = scan_q ? class_q : logit_raddr_i[ClassBits-1:0];
  assign addr = busy_q ? {index[WordBits-1:0], part_q[PartBits-1:0]} :
      class_read[ClassBits-1:AdderBits];

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) add_q <= '0;
    else if (move) add_q <= {add_q[0], busy_q && !bad};
  end

  always_ff @(posedge clk_i) begin
    if (move) begin
      addr_q <= {addr_q[0], addr};
      value1_q <= value;
      value2_q <= value1_q;
      read_q <= ram;
      all_q <= {all_q[0], (16 - AdderBits)'(addr) < classes_i[15:AdderBits]};
      some_q <= {some_q[0], (16 - AdderBits)'(addr) == classes_i[15:AdderBits]};
    end
    write_addr_q <= logit_valid_i ? logit_addr_i[ClassBits-1:AdderBits] : addr_q[1];
  end

  for (genvar a = 0; a < Adders; a++) begin : gen_adder
    logic signed [Cfg.AccWidth-1:0] addend;
    logic [31:0] sum, write_q;
    logic here;  // the logit that is written

    assign addend = value2_q[a];
    assign sum = (double_i ? read_q[a][31:0] << 1 : read_q[a][31:0]) + 32'(addend);
    assign here = !write_bad && (logit_addr_i & 16'(Adders - 1)) == 16'(a);
    assign read_bad[a] = ^read_q[a];

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) we_q[a] <= 1'b0;
      else we_q[a] <= logit_valid_i ? here : add_q[1];
    end

    always_ff @(posedge clk_i) begin
      write_q <= logit_valid_i ? logit_data_i : sum;
    end

    psf_ram_1r1w #(
        .Width(33),
        .Depth(Depth * Parts)
    ) u_logits (
        .clk_i,
        .we_i   (we_q[a]),
        .waddr_i(write_addr_q),
        .wdata_i({Cfg.Parity != 0 && (^write_q), write_q}),
        .re_i   (move && 32'(addr) < Depth * Parts),
        .raddr_i(addr),
        .rdata_o(ram[a])
    );
  end

  // ---- Arg max, and reads from outside: cycle 1 shows the logit, 2 has it in logit_q. After an arg max
  // its classes are known to be good, so that a read of one of them counts until a logit changes.
  localparam int unsigned PlaceBits = (AdderBits == 0) ? 1 : AdderBits;

  logic [1:0][PlaceBits-1:0] place_q;  // memory of the class in cycles 1 and 2
  logic [1:0][ClassBits-1:0] seen_class_q;
  logic [1:0] seen_q, known_read_q;
  logic signed [31:0] best_q, logit_q;
  logic [ClassBits-1:0] label_q;
  logic [ClassBits:0] count_q, class_next;
  logic first_q, last, done, known_q, better, added_error, single_error;
  logic [Adders-1:0] lower;  // of the part that holds the last class, those below it

  assign class_next = {1'b0, class_q} + 1'b1;
  assign last = class_next == count_q;
  assign better = seen_q[1] && (first_q || logit_q > best_q);
  assign done = seen_q == 2'b10 && !scan_q && move;
  assign lower = ~({Adders{1'b1}} << (classes_i & 16'(Adders - 1)));
  assign added_error = add_q[1] &&
      ((all_q[1] && read_bad != '0) || (some_q[1] && (read_bad & lower) != '0));
  assign single_error = (seen_q[1] || known_read_q[1]) && read_bad[place_q[1]];

  assign logit_rdata_o = ram[place_q[0]][31:0];
  assign label_o = 16'(label_q);
  assign idle_o = !adding && !scan_q && seen_q == '0;

  always_ff @(posedge clk_i) begin
    if (move) begin
      place_q <= {place_q[0], PlaceBits'(class_read & ClassBits'(Adders - 1))};
      seen_class_q <= {seen_class_q[0], class_q};
      logit_q <= logit_rdata_o;
      if (scan) class_q <= class_next[ClassBits-1:0];
      if (better) begin
        best_q  <= logit_q;
        label_q <= seen_class_q[1];
        first_q <= 1'b0;
      end
    end
    if (argmax_start_i) begin
      class_q <= '0;
      count_q <= (argmax_count_i == '0) ? (ClassBits + 1)'(1) : argmax_count_i[ClassBits:0];
      first_q <= 1'b1;
      label_q <= '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {scan_q, seen_q, known_read_q, known_q, argmax_done_o, parity_o, overrun_o} <= '0;
    end else begin
      if (argmax_start_i) scan_q <= 1'b1;
      else if (scan && last) scan_q <= 1'b0;
      if (move) begin
        seen_q <= {seen_q[0], scan};
        known_read_q <= {known_read_q[0], known_q && {1'b0, logit_raddr_i} < 17'(count_q)};
      end
      known_q <= done || (known_q && move && !busy_q && !argmax_start_i);
      argmax_done_o <= done;
      parity_o <= move && (added_error || single_error);
      overrun_o <= (word_ready_o != '0 && beyond) || (logit_valid_i && write_bad);
    end
  end

  // A group's word holds until it is taken; an arg max begins when the one before is over.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      assert (!argmax_start_i || (!scan_q && seen_q == '0));
      if (busy_q) assert ((word_valid_i & grant_q) == grant_q);
      if ($past(rst_ni && busy_q && word_ready_o == '0)) assert (index == $past(index));
      if (argmax_start_i) assert (32'(argmax_count_i) <= Depth * Cfg.Lanes);
    end
  end

endmodule
