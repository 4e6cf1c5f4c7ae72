// SPDX-License-Identifier: Apache-2.0
//
// Turns the beats of a coded row table, sixteen lengths in each, into row-table entries for the
// banks in turn:
//   length > 0: {shift 0, length, next[bank]}, then next[bank] += length
//   length = 0: {shift 0, 1, first}, a row that nothing ever reads
// with next[bank] = first_i when start_i is set, which also forgets what is left of the load before.
// On a wide bus, and if several_i says with start_i that there are whole multiples of them, as many
// entries come at once as psf_control_pkg::row_entries says, else one. last_i says that those at hand
// are the last of the load: no beat beyond them is taken.
// Latency 1 from a beat to its first entry; what comes at once per cycle. beat_ready_o follows
// entry_ready_i combinationally; entry_* depend on registers alone and hold until taken.
// Golden: golden.hardware.execute.decode.row_entries.

module psf_row_decoder #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned Entries = psf_control_pkg::row_entries(Cfg.Banks, Cfg.BusBytes)
) (
    input  logic                     clk_i,
    input  logic                     rst_ni,
    input  logic                     start_i,
    input  logic [       15:0]       first_i,        // with start_i
    input  logic                     several_i,      // with start_i
    input  logic                     last_i,
    input  logic                     beat_valid_i,
    output logic                     beat_ready_o,
    input  logic [       63:0]       beat_data_i,
    output logic                     entry_valid_o,
    input  logic                     entry_ready_i,
    // as in DRAM: address [15:0], length [23:16], shift [27:24]
    output logic [Entries-1:0][31:0] entry_o
);

  if (Cfg.Banks < 2) begin : gen_bad_banks
    $fatal(1, "psf_row_decoder: Banks must be at least 2");
  end
  if (Cfg.BankDepth > 65535) begin : gen_bad_depth
    $fatal(1, "psf_row_decoder: BankDepth must be at most 65535");
  end

  logic [4:0] count_q;  // lengths in lengths_q
  logic [15:0][3:0] lengths_q;  // place 0: the next one
  logic take, leave, several_q;
  logic [4:0] step;  // entries at once

  assign step          = several_q ? 5'(Entries) : 5'd1;
  assign entry_valid_o = count_q != '0;
  assign leave         = entry_valid_o && entry_ready_i;
  assign beat_ready_o  = count_q == '0 || (count_q == step && leave && !last_i);
  assign take          = beat_valid_i && beat_ready_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) count_q <= '0;
    else if (start_i) count_q <= '0;
    else if (take) count_q <= 5'd16;
    else if (leave) count_q <= count_q - step;
  end

  always_ff @(posedge clk_i) begin
    if (take) lengths_q <= beat_data_i;
    else if (leave) lengths_q <= lengths_q >> (several_q ? 4 * Entries : 4);
  end

  // A row that ends beyond its bank ends the load, at most one entry later (psf_row_check): the sums
  // of addresses need not go on.
  logic [Cfg.Banks-1:0][15:0] next_q;  // place 0: the bank whose turn it is
  logic [Entries-1:0][15:0] behind;
  logic [15:0] first_q;
  logic [Cfg.Banks-1:0][15:0] next_one, next_several;  // after one entry, after all

  for (genvar i = 0; i < Entries; i++) begin : gen_entry
    logic none;
    assign none       = lengths_q[i] == '0;
    assign behind[i]  = next_q[i] + 16'(lengths_q[i]);
    assign entry_o[i] = {12'd0, none ? 4'd1 : lengths_q[i], none ? first_q : next_q[i]};
  end

  for (genvar b = 0; b < Cfg.Banks; b++) begin : gen_next
    assign next_one[b] = (b == Cfg.Banks - 1) ? behind[0] : next_q[(b+1)%Cfg.Banks];
    assign next_several[b] = (b >= Cfg.Banks - Entries) ?
        behind[(b+Entries)%Cfg.Banks%Entries] : next_q[(b+Entries)%Cfg.Banks];
  end

  always_ff @(posedge clk_i) begin
    if (start_i) begin
      several_q <= Entries > 1 && several_i;
      first_q   <= first_i;
      next_q    <= {Cfg.Banks{first_i}};
    end else if (leave) begin
      next_q <= several_q ? next_several : next_one;
    end
  end

  // Valid holds with its payload.
  always_ff @(posedge clk_i) begin
    if (rst_ni && $past(rst_ni && entry_valid_o && !entry_ready_i && !start_i)) begin
      assert (entry_valid_o && entry_o == $past(entry_o));
    end
  end

endmodule
