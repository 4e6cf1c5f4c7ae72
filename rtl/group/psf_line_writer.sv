// SPDX-License-Identifier: Apache-2.0
// Gathers the output words of a group into spike lines, so that the shared spike memory sees one
// write per line instead of one per word. Word w of a token goes to line out + w div LineWords,
// position w mod LineWords. A line leaves when a word of another line comes, or its token ends.
// Takes a word in every cycle if room_o was high five cycles before (or later): room_o means that
// the queue of finished lines can absorb whatever the words of this and the next five cycles finish.
// A line beyond the memory is not written; overrun_o pulses. parity_o: a bit of a finished line has
// flipped in the queue. Golden: golden.hardware.compile (spike layout).
module psf_line_writer #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_4X16,
    localparam int unsigned LineAddrWidth = $clog2(Cfg.SpikeLines),
    localparam int unsigned LineWidth = Cfg.Lanes * Cfg.LineWords
) (
    input  logic                                clk_i,
    input  logic                                rst_ni,
    output logic                                room_o,
    input  logic                                word_valid_i,
    input  psf_pkg::token_t                     word_token_i,  // out: its first line; right, down
    input  logic            [             15:0] word_index_i,  // w
    input  logic                                word_last_i,   // last word of the token
    input  logic            [    Cfg.Lanes-1:0] word_bits_i,
    output logic                                line_valid_o,
    input  logic                                line_ready_i,
    output logic            [LineAddrWidth-1:0] line_addr_o,
    output logic            [Cfg.LineWords-1:0] line_words_o,  // positions that are written
    output logic            [    LineWidth-1:0] line_data_o,
    output logic                                line_right_o,
    output logic                                line_down_o,
    output logic                                idle_o,
    output logic                                parity_o,
    output logic                                overrun_o
);
  localparam int unsigned WordWidth = $clog2(Cfg.LineWords);
  localparam int unsigned QueueDepth = 16;

  logic valid_q, full_q;  // a line is being gathered; it takes no more words
  logic [17:0] addr_q, addr;  // wide enough not to wrap
  logic [Cfg.LineWords-1:0] words_q;
  logic [LineWidth-1:0] data_q;
  logic right_q, down_q;
  logic [WordWidth-1:0] position;
  logic flush, beyond, push, queue_ready, queue_error;

  assign addr = {1'b0, word_token_i.out} + {2'd0, word_index_i >> WordWidth};
  assign position = word_index_i[WordWidth-1:0];
  assign flush = valid_q && (full_q || (word_valid_i && addr != addr_q));
  assign beyond = addr_q >= 18'(Cfg.SpikeLines);
  assign push = flush && !beyond;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {valid_q, full_q} <= '0;
    end else begin
      if (word_valid_i) valid_q <= 1'b1;
      else if (flush) valid_q <= 1'b0;
      if (word_valid_i) full_q <= word_last_i || position == WordWidth'(Cfg.LineWords - 1);
      else if (flush) full_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (word_valid_i) begin
      addr_q  <= addr;
      right_q <= word_token_i.right;
      down_q  <= word_token_i.down;
      words_q <= (flush || !valid_q ? '0 : words_q) | (Cfg.LineWords'(1) << position);
      for (int unsigned i = 0; i < Cfg.LineWords; i++) begin
        if (position == WordWidth'(i)) data_q[i*Cfg.Lanes+:Cfg.Lanes] <= word_bits_i;
        else if (flush || !valid_q) data_q[i*Cfg.Lanes+:Cfg.Lanes] <= '0;
      end
    end
  end

  // Finished lines. `pending_q` counts those inside, and one that has just left; six words may still be
  // on their way.
  logic [4:0] pending_q;
  logic left_q;

  psf_fifo #(
      .Width (LineAddrWidth + Cfg.LineWords + LineWidth + 2),
      .Depth (QueueDepth),
      .Parity(Cfg.Parity != 0)
  ) u_queue (
      .clk_i,
      .rst_ni,
      .clear_i    (1'b0),
      .in_valid_i (push),
      .in_ready_o (queue_ready),
      .in_data_i  ({addr_q[LineAddrWidth-1:0], words_q, right_q, down_q, data_q}),
      .out_valid_o(line_valid_o),
      .out_ready_i(line_ready_i),
      .out_data_o ({line_addr_o, line_words_o, line_right_o, line_down_o, line_data_o}),
      .error_o    (queue_error)
  );

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {pending_q, left_q} <= '0;
    end else begin
      left_q    <= line_valid_o && line_ready_i;
      pending_q <= pending_q + 5'(push) - 5'(left_q);
    end
  end
  // Gathered line + six words: at most seven flushes while nothing leaves.
  assign room_o = pending_q <= 5'(QueueDepth - 7);
  assign idle_o = !valid_q && !line_valid_o;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {parity_o, overrun_o} <= '0;
    end else begin
      parity_o  <= queue_error;
      overrun_o <= flush && beyond;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) assert (!(push && !queue_ready));
  end
endmodule
