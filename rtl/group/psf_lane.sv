// SPDX-License-Identifier: Apache-2.0
// One processing element: an adder and two accumulator buffers of Depth entries in block RAM. While
// rows are added to one buffer the other is drained.
//   add:   acc[add_buffer][add_entry] += weight <<< shift
//   drain: drain_acc_o[drain_buffer] = acc[drain_buffer][drain_entry], the other 0;
//          acc[drain_buffer][drain_entry] = 0 when drain_clear_i
// An add takes four cycles, read, forward and shift, add, write; the adds to one entry may follow each
// other in any distance (the last three results are forwarded). A drain read comes out two cycles
// later, its zero is there for reads from the second cycle after it on. One of each per cycle, no
// stalls. The caller never adds to the buffer that it drains, drains no earlier than four cycles after
// an add, and clears every entry of both buffers once after reset. parity_o pulses three cycles after
// an add to, or a drain_valid_i of, a wrong entry. An add beyond Depth is not done; overrun_o pulses
// one cycle after. Golden: golden.contract.model.matmul.
module psf_lane #(
    parameter int unsigned Depth = 64,
    parameter int unsigned AccWidth = 20,
    parameter bit Parity = 1'b1,  // 0: parity_o stays low
    localparam int unsigned EntryWidth = $clog2(Depth)
) (
    input  logic                                clk_i,
    input  logic                                rst_ni,
    input  logic                                add_valid_i,
    input  logic                                add_buffer_i,
    input  logic [EntryWidth-1:0]               add_entry_i,
    input  logic [           7:0]               add_weight_i,    // signed
    input  logic [           2:0]               add_shift_i,     // of the row and of the layer
    input  logic                                drain_valid_i,   // drain_acc_o is used
    input  logic                                drain_buffer_i,
    input  logic [EntryWidth-1:0]               drain_entry_i,
    input  logic                                drain_clear_i,
    output logic [           1:0][AccWidth-1:0] drain_acc_o,
    output logic                                parity_o,
    output logic                                overrun_o
);
  // Stage 0: the entry is read. Only a Depth that is no power of two leaves room for a wrong one.
  logic add;
  if (Depth == 2 ** EntryWidth) begin : gen_whole
    assign add = add_valid_i;
    assign overrun_o = 1'b0;
  end else begin : gen_part
    assign add = add_valid_i && add_entry_i <= EntryWidth'(Depth - 1);
    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) overrun_o <= 1'b0;
      else overrun_o <= add_valid_i && !add;
    end
  end

  // What the last three adds, of stages 1 to 3, went to.
  logic [3:1] add_q, buffer_q, same;  // same: the entry of stage 0
  logic [3:1][EntryWidth-1:0] entry_q;
  logic [7:0] weight_q;
  logic [2:0] shift_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) add_q <= '0;
    else add_q <= {add_q[2:1], add};
  end
  always_ff @(posedge clk_i) begin
    buffer_q <= {buffer_q[2:1], add_buffer_i};
    entry_q  <= {entry_q[2:1], add_entry_i};
    if (add_valid_i) begin
      weight_q <= add_weight_i;
      shift_q  <= add_shift_i;
    end
  end
  for (genvar i = 1; i <= 3; i++) begin : gen_same
    assign same[i] = add_q[i] && buffer_q[i] == add_buffer_i && entry_q[i] == add_entry_i;
  end

  // Stage 1: the newest value, out of the memory or of one of the last three adds. Registers that are
  // zero unless theirs is the newest stand for multiplexers. Stage 2: the sum. Stage 3: back to the
  // memory.
  logic [1:0][AccWidth:0] read;  // the top bit is the parity
  logic [AccWidth-1:0] second_q, third_q;  // of two and of three adds before
  logic first_q, stored_q;  // the add before is newer; none of the three is
  logic [AccWidth-1:0] forwarded_q, term_q, sum, sum_q;
  logic [AccWidth:0] stored_word_q;
  logic [1:0][AccWidth-1:0] back_q;  // what each buffer is written with: the sum, or zero
  // 8 bits shifted by up to 7 are 15 bits; the sum cannot overflow: the compiler bounds it.
  psf_gated_add #(
      .Width  (AccWidth),
      .OrFirst(1'b0)
  ) u_add (
      .a_i   (stored_word_q[AccWidth-1:0]),
      .b_i   (forwarded_q),
      .c_i   (term_q),
      .keep_i(1'b1),
      .sum_o (sum)
  );
  always_ff @(posedge clk_i) begin
    first_q  <= same[1];
    stored_q <= same == '0;
    second_q <= same[2] ? sum : '0;
    third_q  <= same[3] && !same[2] ? sum_q : '0;
    if (add_q[1]) begin
      stored_word_q <= stored_q ? read[buffer_q[1]] : '0;
      forwarded_q <= first_q ? sum : second_q | third_q;
      term_q <= {{(AccWidth - 8) {weight_q[7]}}, weight_q} << shift_q;
    end
    if (add_q[2]) sum_q <= sum;
    for (int unsigned b = 0; b < 2; b++) begin
      if (add_q[2] && buffer_q[2] == 1'(b)) back_q[b] <= sum;
      else back_q[b] <= '0;
    end
  end

  // Drain: the entry is read, then its value registered; the zero is written beside that.
  logic drain_q, clear_q, drain_buffer_q, acc_valid_q;
  logic [1:0] acc_parity_q;
  logic [EntryWidth-1:0] drain_entry_q;
  always_ff @(posedge clk_i) begin
    drain_buffer_q <= drain_buffer_i;
    drain_entry_q  <= drain_entry_i;
    for (int unsigned b = 0; b < 2; b++) begin
      if (drain_buffer_q != 1'(b)) {acc_parity_q[b], drain_acc_o[b]} <= '0;
      else if (drain_q) {acc_parity_q[b], drain_acc_o[b]} <= read[b];
    end
  end
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {drain_q, clear_q, acc_valid_q, parity_o} <= '0;
    end else begin
      drain_q <= drain_valid_i;
      clear_q <= drain_clear_i;
      acc_valid_q <= drain_q;
      parity_o <= Parity &&
          ((add_q[2] && ^stored_word_q) || (acc_valid_q && ^{acc_parity_q, drain_acc_o}));
    end
  end

  for (genvar b = 0; b < 2; b++) begin : gen_buffer
    logic adds, drains, writes, clears;
    assign adds   = add && add_buffer_i == 1'(b);
    assign drains = drain_valid_i && drain_buffer_i == 1'(b);
    assign writes = add_q[3] && buffer_q[3] == 1'(b);
    assign clears = clear_q && drain_buffer_q == 1'(b);
    psf_ram_1r1w #(
        .Width(AccWidth + 1),
        .Depth(Depth)
    ) u_acc (
        .clk_i,
        .we_i   (writes || clears),
        .waddr_i(writes ? entry_q[3] : drain_entry_q),
        .wdata_i({Parity && writes && ^sum_q, back_q[b]}),
        .re_i   (adds || drains),
        .raddr_i(adds ? add_entry_i : drain_entry_i),
        .rdata_o(read[b])
    );
  end

  if (AccWidth < 16) begin : gen_bad_width
    $fatal(1, "psf_lane: AccWidth must be at least 16");
  end
endmodule
