// SPDX-License-Identifier: Apache-2.0
//
// Turns the row lengths of a coded row table into row-table entries, for the banks in turn:
//   length > 0: {shift 0, length, next[bank]}, then next[bank] += length
//   length = 0: {shift 0, 1, first}, a row that nothing ever reads
// with next[bank] = first when start_i is set. entry_o follows length_i combinationally; step_i: the
// entry was taken. address_o has a bit more than the entry, for the caller's check.
// Golden: golden.compile.decode.row_entries.

module psf_row_decoder #(
  parameter int unsigned Banks = 4  // >= 2
) (
  input  logic        clk_i,
  input  logic        start_i,
  input  logic [15:0] first_i,    // with start_i
  input  logic        step_i,
  input  logic [3:0]  length_i,
  output logic [16:0] address_o,  // first word of the row
  output logic [31:0] entry_o     // as in DRAM: address [15:0], length [23:16], shift [27:24]
);

  if (Banks < 2) begin : gen_bad_banks
    $fatal(1, "psf_row_decoder: Banks must be at least 2");
  end

  logic [Banks-1:0][16:0] next_q;  // place 0: the bank whose turn it is
  logic [15:0] first_q;
  logic [16:0] behind;

  assign behind    = next_q[0] + 17'(length_i);  // at most BankDepth: the caller stops beyond
  assign address_o = (length_i == '0) ? {1'b0, first_q} : next_q[0];
  assign entry_o   = {12'd0, (length_i == '0) ? 4'd1 : length_i, address_o[15:0]};

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      first_q <= first_i;
      next_q  <= {Banks{1'b0, first_i}};
    end else if (step_i) begin
      next_q <= {behind, next_q[Banks-1:1]};
    end
  end

endmodule
