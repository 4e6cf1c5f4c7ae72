// SPDX-License-Identifier: Apache-2.0
//
// The registers that keep what the host writes: the setup of a run, the head of the ring, the windows
// and their lock. Each byte is a register with an enable of its own, so that a bit costs a flip-flop
// and no logic. The high word of an address lies 0x100 behind the low one; bits from AddrWidth on are
// not there.
// write_i: the bytes wstrb_i of the word waddr_i take wdata_i, unless the word is a locked window;
// written_o says in that cycle whether there is such a word, refused_o that it is locked. clear_i:
// all but windows and lock take their reset values, whatever is written.
// read_i: rdata_o and found_o are those of the word raddr_i, in the next cycle and 0 in all others.
// Golden: tb.unit.host.registers_bench, inside psf_registers.

module psf_host_words #(
    parameter int unsigned AddrWidth = 32
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,
    input  logic                            write_i,
    input  logic                     [11:2] waddr_i,
    input  logic                     [31:0] wdata_i,
    input  logic                     [ 3:0] wstrb_i,
    input  logic                            clear_i,
    output logic                            written_o,
    output logic                            refused_o,
    output psf_control_pkg::setup_t         setup_o,
    output logic                     [15:0] ring_head_o,
    output psf_control_pkg::window_t        read_window_o,
    output psf_control_pkg::window_t        write_window_o,
    input  logic                            read_i,
    input  logic                     [11:2] raddr_i,
    output logic                     [31:0] rdata_o,
    output logic                            found_o
);

  typedef struct packed {
    logic [11:2] number;   // of the word, address / 4
    logic        address;  // has a high word
    logic [63:0] bits;     // that there are
    logic [63:0] ones;     // that read 1 and are not kept
    logic [63:0] reset;
  } word_t;

  localparam int unsigned Words = 13;
  localparam int unsigned Windows = 4;  // of them, the first
  localparam logic [63:0] Bus = {64{1'b1}} >> (64 - AddrWidth);
  localparam logic [63:0] Beats = Bus & ~64'd7;  // of addresses of beats
  localparam logic [63:0] Nothing = 64'hFFFF_FFF8;  // a window's base in front of which it ends
  localparam word_t [Words-1:0] Word = {
    word_t'{10'h01C, 1'b0, 64'hFFFF, 64'd0, 64'd0},  // RING_HEAD
    word_t'{10'h01B, 1'b0, 64'h10F, 64'd0, 64'd0},  // RING_SIZE
    word_t'{10'h01A, 1'b1, Bus & ~64'd15, 64'd0, 64'd0},  // RING_BASE
    word_t'{10'h019, 1'b0, 64'hFFFF_FFFF, 64'd0, 64'h0100_0000},  // WATCHDOG
    word_t'{10'h018, 1'b0, 64'hFFFF, 64'd0, 64'd0},  // PROGRAM_COUNT
    word_t'{10'h013, 1'b1, Beats, 64'd0, 64'd0},  // RESULT_BASE
    word_t'{10'h012, 1'b1, Beats, 64'd0, 64'd0},  // IMAGE_BASE
    word_t'{10'h011, 1'b1, Beats, 64'd0, 64'd0},  // WEIGHT_BASE
    word_t'{10'h010, 1'b1, Beats, 64'd0, 64'd0},  // PROGRAM_BASE
    word_t'{10'h023, 1'b1, Beats, 64'd7, 64'd0},  // WRITE_LIMIT
    word_t'{10'h022, 1'b1, Beats, 64'd0, Nothing},  // WRITE_BASE
    word_t'{10'h021, 1'b1, Beats, 64'd7, 64'd0},  // READ_LIMIT
    word_t'{10'h020, 1'b1, Beats, 64'd0, Nothing}  // READ_BASE
  };
  localparam logic [11:2] WindowLock = 10'h024;

  // ---- Writes.
  logic lock_q;
  logic [Words-1:0] hit, locked;
  logic [Words-1:0][63:0] word_q;
  logic [31:0] put;

  assign put       = wdata_i & {32{!clear_i}};
  assign written_o = |hit || waddr_i == WindowLock;
  assign refused_o = |(hit & locked);

  for (genvar i = 0; i < Words; i++) begin : gen_word
    assign locked[i] = lock_q && i < Windows;
    assign hit[i]    = {waddr_i[11:9], 1'b0, waddr_i[7:2]} == Word[i].number &&
                       (!waddr_i[8] || Word[i].address);
    for (genvar b = 0; b < 8; b++) begin : gen_byte
      localparam logic [7:0] Bits = Word[i].bits[8*b+:8];
      localparam logic [7:0] Reset = Word[i].reset[8*b+:8];
      if (Bits == '0) begin : gen_none
        assign word_q[i][8*b+:8] = '0;
      end else begin : gen_kept
        logic clear, take;
        assign clear = clear_i && i >= Windows;
        assign take  = write_i && hit[i] && !locked[i] && waddr_i[8] == (b >= 4) && wstrb_i[b%4];
        always_ff @(posedge clk_i or negedge rst_ni) begin
          if (!rst_ni) word_q[i][8*b+:8] <= Reset;
          else if (clear || take) begin
            word_q[i][8*b+:8] <= (put[8*(b%4)+:8] | (clear ? Reset : '0)) & Bits;
          end
        end
      end
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) lock_q <= 1'b0;
    else if (write_i && waddr_i == WindowLock && wstrb_i[0] && wdata_i[0]) lock_q <= 1'b1;
  end

  assign read_window_o = '{base: word_q[0][63:3], limit: word_q[1][63:3]};
  assign write_window_o = '{base: word_q[2][63:3], limit: word_q[3][63:3]};
  assign setup_o = '{
          program_base: word_q[4][63:3],
          weight_base: word_q[5][63:3],
          image_base: word_q[6][63:3],
          result_base: word_q[7][63:3],
          program_count: word_q[8][15:0],
          watchdog: word_q[9][31:0],
          ring_base: word_q[10][63:4],
          ring_size: word_q[11][3:0],
          ring_crc: word_q[11][8]
      };
  assign ring_head_o = word_q[12][15:0];

  // ---- Reads: every word goes to a register of its own, all but the one that is asked for as 0,
  // which costs no logic (a synchronous reset), and an OR is behind them.
  logic [Words-1:0] low, high;
  logic [Words-1:0][31:0] low_q, high_q;
  logic show_lock_q;

  for (genvar i = 0; i < Words; i++) begin : gen_read
    assign low[i]  = raddr_i == Word[i].number;
    assign high[i] = raddr_i == (Word[i].number | 10'h040) && Word[i].address;
    always_ff @(posedge clk_i) begin
      if (!(read_i && low[i])) low_q[i] <= '0;
      else low_q[i] <= word_q[i][31:0] | Word[i].ones[31:0];
      if (!(read_i && high[i])) high_q[i] <= '0;
      else high_q[i] <= word_q[i][63:32];
    end
  end

  always_ff @(posedge clk_i) begin
    show_lock_q <= read_i && raddr_i == WindowLock && lock_q;
    found_o     <= read_i && (|low || |high || raddr_i == WindowLock);
  end

  always_comb begin
    rdata_o = 32'(show_lock_q);
    for (int i = 0; i < Words; i++) rdata_o |= low_q[i] | high_q[i];
  end

  always_ff @(posedge clk_i) begin
    if (rst_ni) begin  // bits that are not there are 0
      for (int i = 0; i < Words; i++) assert ((word_q[i] & ~Word[i].bits) == '0);
    end
    if (rst_ni && $past(rst_ni)) begin  // locked windows stand still, and so does the lock
      if ($past(lock_q)) assert (lock_q && word_q[Windows-1:0] == $past(word_q[Windows-1:0]));
    end
  end

endmodule
