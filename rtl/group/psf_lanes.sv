// SPDX-License-Identifier: Apache-2.0
// The P lanes of a group. A weight word or the bits of a V word is added in all of them at once; an
// accumulator word is read for the drain beside it. A weight is shifted by its row's shift, in residual
// layers by the layer's shift more (the sum is at most 7). The accumulators of a lane lie in sets, one
// for each firing pattern of a window of timesteps:
//   entry = pattern << clog2(J) | index     (pattern: the steps that fire, less one)
// After reset one sweep sets both buffers to zero (ready_o is low until it ends; 2 * AccDepth *
// Patterns cycles), afterwards drain_clear_i keeps them so. Latencies as in psf_lane, adds one cycle
// more. parity_o, overrun_o: as in psf_lane, over all lanes, parity_o one cycle later. An add to a set
// beyond the entries is not done; overrun_o pulses. Golden: golden.contract.model.matmul.
module psf_lanes #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned IndexWidth = $clog2(Cfg.AccDepth),
    localparam int unsigned SlotWidth = IndexWidth + 8,
    localparam int unsigned Entries = Cfg.AccDepth * Cfg.Patterns,
    localparam int unsigned EntryWidth = $clog2(Entries)
) (
    input logic clk_i,
    input logic rst_ni,
    output logic ready_o,
    input psf_pkg::layer_t layer_i,
    input logic word_valid_i,
    input psf_group_pkg::tag_t word_tag_i,
    input logic [2:0] word_shift_i,
    input logic [Cfg.Lanes*SlotWidth-1:0] word_data_i,  // a {index, weight} for each lane
    input logic kv_valid_i,
    input logic kv_buffer_i,
    input logic [IndexWidth-1:0] kv_index_i,
    input logic [Cfg.Lanes-1:0] kv_bits_i,
    input logic drain_valid_i,
    input logic drain_buffer_i,
    input logic drain_clear_i,
    input logic [EntryWidth-1:0] drain_entry_i,
    output logic [Cfg.Lanes-1:0][1:0][Cfg.AccWidth-1:0] acc_o,
    output logic parity_o,
    output logic overrun_o
);
  logic [Cfg.Lanes-1:0] parity, overrun;

  // First set of a pattern. Of a layer, from registers: bits of an index, whether it is key-value, its
  // shift.
  logic key_value_q;
  logic [2:0] shift_q;
  logic [3:0] index_bits_q;
  logic [EntryWidth+3:0] set;
  logic beyond;
  always_ff @(posedge clk_i) begin
    key_value_q <= layer_i.mode == psf_pkg::MODE_KEY_VALUE;
    index_bits_q <= psf_group_pkg::bits_of(layer_i.out_words);
    shift_q <= layer_i.mode == psf_pkg::MODE_RESIDUAL ? layer_i.shift[2:0] : 3'd0;
  end
  assign set = (EntryWidth + 4)'(word_tag_i.pattern) << index_bits_q;
  assign beyond = set >= (EntryWidth + 4)'(Entries);

  // What is added, registered.
  logic add_valid_q, add_buffer_q;
  logic [2:0] add_shift_q;
  logic [Cfg.Lanes-1:0][EntryWidth-1:0] add_entry_q;
  logic [Cfg.Lanes-1:0][7:0] add_weight_q;
  logic beyond_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {add_valid_q, beyond_q} <= '0;
    end else begin
      add_valid_q <= (word_valid_i && !beyond) || kv_valid_i;
      beyond_q <= word_valid_i && beyond;
    end
  end
  always_ff @(posedge clk_i) begin
    add_buffer_q <= key_value_q ? kv_buffer_i : word_tag_i.buffer;
    add_shift_q  <= key_value_q ? 3'd0 : word_shift_i + shift_q;
    for (int unsigned p = 0; p < Cfg.Lanes; p++) begin
      add_entry_q[p] <= key_value_q ? EntryWidth'(kv_index_i)
          : set[EntryWidth-1:0] | EntryWidth'(word_data_i[p*SlotWidth+8+:IndexWidth]);
      add_weight_q[p] <= key_value_q ? {7'd0, kv_bits_i[p]} : word_data_i[p*SlotWidth+:8];
    end
  end

  logic [EntryWidth:0] sweep_q;
  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {sweep_q, ready_o} <= '0;
    end else if (!ready_o) begin
      sweep_q <= sweep_q[EntryWidth-1:0] == EntryWidth'(Entries - 1)
          ? {!sweep_q[EntryWidth], {EntryWidth{1'b0}}} : sweep_q + (EntryWidth + 1)'(1);
      ready_o <= sweep_q == {1'b1, EntryWidth'(Entries - 1)};
    end
  end

  for (genvar p = 0; p < Cfg.Lanes; p++) begin : gen_lane
    psf_lane #(
        .Depth(Entries),
        .AccWidth(Cfg.AccWidth),
        .Parity(Cfg.Parity != 0)
    ) u_lane (
        .clk_i,
        .rst_ni,
        .add_valid_i   (add_valid_q),
        .add_buffer_i  (add_buffer_q),
        .add_entry_i   (add_entry_q[p]),
        .add_weight_i  (add_weight_q[p]),
        .add_shift_i   (add_shift_q),
        .drain_valid_i,
        .drain_buffer_i(ready_o ? drain_buffer_i : sweep_q[EntryWidth]),
        .drain_entry_i (ready_o ? drain_entry_i : sweep_q[EntryWidth-1:0]),
        .drain_clear_i (!ready_o || drain_clear_i),
        .drain_acc_o   (acc_o[p]),
        .parity_o      (parity[p]),
        .overrun_o     (overrun[p])
    );
  end
  assign overrun_o = beyond_q || (|overrun);

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) parity_o <= 1'b0;
    else parity_o <= |parity;
  end

  // The lanes never add to the buffer that is being drained.
  always_ff @(posedge clk_i) begin
    if (rst_ni && ready_o) begin
      assert (!(add_valid_q && drain_clear_i && add_buffer_q == drain_buffer_i));
    end
  end
endmodule
