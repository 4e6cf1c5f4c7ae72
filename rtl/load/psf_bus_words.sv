// SPDX-License-Identifier: Apache-2.0
//
// Takes the words of a bus apart: the beats of 64 bits from first_i to last_i of each, one a cycle, in
// every place of data_o. A word of which all beats count goes as a whole in one cycle, whole_o, if
// whole_i asks for that when its turn comes. What goes is valid while valid_i is high. Nothing is
// registered but the place of the next beat: ready_o follows ready_i. clear_i forgets that a word has
// been begun. On a bus of 8 bytes a word is a beat.

module psf_bus_words #(
    parameter  int unsigned BusBytes   = 8,
    localparam int unsigned PlaceWidth = BusBytes > 8 ? $clog2(BusBytes / 8) : 1
) (
    input logic clk_i,
    input logic rst_ni,
    input logic clear_i,
    input logic valid_i,
    output logic ready_o,
    input logic [8*BusBytes-1:0] data_i,
    input logic [PlaceWidth-1:0] first_i,
    input logic [PlaceWidth-1:0] last_i,
    input logic whole_i,
    input logic ready_i,
    output logic [8*BusBytes-1:0] data_o,
    output logic whole_o
);

  localparam int unsigned Beats = BusBytes / 8;

  if (Beats == 1) begin : gen_beats
    assign ready_o = ready_i;
    assign data_o  = data_i;
    assign whole_o = whole_i;

    logic unused_place;
    assign unused_place = ^{clk_i, rst_ni, clear_i, valid_i, first_i, last_i};
  end else begin : gen_words
    logic amid_q;  // beats of the word have gone
    logic [PlaceWidth-1:0] place_q, place;
    logic [63:0] beat;

    assign place   = amid_q ? place_q : first_i;
    assign whole_o = whole_i && !amid_q && first_i == '0 && (&last_i);
    assign beat    = data_i[64*place+:64];
    assign data_o  = whole_o ? data_i : {Beats{beat}};
    assign ready_o = ready_i && (whole_o || place == last_i);

    always_ff @(posedge clk_i or negedge rst_ni) begin
      if (!rst_ni) amid_q <= 1'b0;
      else if (clear_i) amid_q <= 1'b0;
      else if (valid_i && ready_i) amid_q <= !ready_o;
    end

    always_ff @(posedge clk_i) begin
      if (valid_i && ready_i) place_q <= place + 1'b1;
    end

    // A word holds until all of it is taken.
    always_ff @(posedge clk_i) begin
      if (rst_ni && valid_i) assert (place <= last_i);
    end
  end

endmodule
