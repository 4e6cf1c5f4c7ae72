// SPDX-License-Identifier: Apache-2.0
// Bounded proof that psf_read_dma hands over the right data: the memory answers with the address of
// each beat in a word, so a client must get the addresses of its commands, in order, each once, and only
// words with an OKAY response; idle_o with nothing left undelivered; a bad response is reported once, with
// its address, and nothing is handed on behind it. Assumed: the bus as in psf_read_dma_formal;
// stop_i, once high, stays until idle_o, as psf_program does; the window stands still. Commands
// have at most 3 beats and lie at the begin or the end of one of two pages; reset comes once.
module psf_read_dma_data_formal #(
    parameter int unsigned Clients = 2,
    parameter int unsigned Outstanding = 2,
    parameter int unsigned MaxBurst = 2,
    parameter int unsigned BusBytes = 8,
    localparam int unsigned Beats = BusBytes / 8,
    localparam int unsigned PlaceWidth = BusBytes > 8 ? $clog2(Beats) : 1
) (
    input logic                            clk_i,
    input logic                            stop_i,
    input logic                            shut_i,        // the second page is outside the window
    input logic [        Clients-1:0]      cmd_valid_i,
    input logic [        Clients-1:0][3:0] cmd_place_i,   // page, half, beat
    input logic [        Clients-1:0][1:0] cmd_beats_i,
    input logic [        Clients-1:0]      beat_ready_i,
    input logic                            arready_i,
    input logic [                1:0]      rresp_i,
    input logic                            rvalid_i,
    input logic [$clog2(Clients)-1:0]      who_i          // any client
);

  localparam int unsigned OpenWidth = $clog2(Outstanding) + 1;

  logic started_q = 1'b0;
  logic rst_n, shut_q;
  assign rst_n = started_q;

  logic idle, fault_valid;
  psf_control_pkg::axi_read_request_t axi;
  logic [Clients-1:0] cmd_ready, beat_valid;
  logic [Clients-1:0][63:3] cmd_addr;
  psf_control_pkg::read_command_t [Clients-1:0] cmd;
  logic [8*BusBytes-1:0] beat_data, rdata;
  logic [PlaceWidth-1:0] beat_first, beat_last;
  logic [ 7:0] fault_cause;
  logic [63:0] fault_addr;
  logic [15:0] fault_tag;

  // The bus: bursts it has to answer (the oldest in place 0).
  logic [OpenWidth-1:0] open_q, place;
  logic [Outstanding-1:0][ 7:0] len_q;
  logic [Outstanding-1:0][63:3] addr_q;
  logic ar, r, rlast;
  assign rlast = len_q[0] == '0;
  assign ar    = axi.arvalid && arready_i;
  assign r     = rvalid_i && axi.rready;
  assign place = open_q - OpenWidth'(r && rlast);

  always_comb begin
    for (int unsigned c = 0; c < Clients; c++) begin
      cmd_addr[c] = {51'd0, cmd_place_i[c][3], {7{cmd_place_i[c][2]}}, cmd_place_i[c][1:0]};
      cmd[c] = '{addr: cmd_addr[c], beats: 29'(cmd_beats_i[c]), tag: '0};
    end
  end

  psf_read_dma #(
      .Clients    (Clients),
      .Outstanding(Outstanding),
      .MaxBurst   (MaxBurst),
      .BusBytes   (BusBytes)
  ) u_dut (
      .clk_i,
      .rst_ni       (rst_n),
      .stop_i,
      .idle_o       (idle),
      .window_i     ({61'd0, {50'd0, !shut_q, 10'h1FF}}),
      .cmd_valid_i,
      .cmd_ready_o  (cmd_ready),
      .cmd_i        (cmd),
      .beat_valid_o (beat_valid),
      .beat_ready_i,
      .beat_data_o  (beat_data),
      .beat_first_o (beat_first),
      .beat_last_o  (beat_last),
      .fault_valid_o(fault_valid),
      .fault_o      ({fault_cause, fault_tag, fault_addr}),
      .axi_read_o   (axi),
      .axi_read_i   ({arready_i, rresp_i, rlast, rvalid_i}),
      .axi_rdata_i  (rdata)
  );

  for (genvar k = 0; k < Beats; k++) begin : gen_rdata
    assign rdata[64*k+:64] = {rresp_i == '0, 2'd0, addr_q[0] | 61'(k)};
  end

  // What one client still has to get: commands, the oldest in place 0.
  logic [$clog2(Clients)-1:0] who_q;
  logic [2:0] commands_q, slot;
  logic [3:0][60:0] next_q;
  logic [3:0][1:0] left_q;
  logic [1:0] got;  // beats of the command in the word at hand
  logic take, beat, ended, failed_q, bad_q, stop_q, idle_q, twice_q;
  logic [63:3] bad_addr_q;
  assign take  = cmd_valid_i[who_q] && cmd_ready[who_q] && cmd_beats_i[who_q] != '0;
  assign beat  = beat_valid[who_q] && beat_ready_i[who_q];
  assign got   = 2'(beat_last) - 2'(beat_first) + 2'd1;
  assign ended = beat && left_q[0] == got;
  assign slot  = commands_q - 3'(ended);

  always_ff @(posedge clk_i) begin
    started_q <= 1'b1;
    if (!started_q) begin
      who_q   <= who_i;
      shut_q  <= shut_i;
      twice_q <= 1'b0;
    end
    if (ended && commands_q == 3'd2) twice_q <= 1'b1;
    stop_q <= rst_n && stop_i;
    idle_q <= idle;
    if (!rst_n) begin
      open_q     <= '0;
      commands_q <= '0;
      failed_q   <= 1'b0;
      bad_q      <= 1'b0;
    end else begin
      open_q <= open_q + OpenWidth'(ar) - OpenWidth'(r && rlast);
      if (r) begin
        addr_q[0] <= addr_q[0] + 61'(Beats);
        len_q[0]  <= len_q[0] - 8'd1;
        if (rlast) begin
          addr_q <= addr_q >> 61;
          len_q  <= len_q >> 8;
        end
      end
      if (ar) begin
        addr_q[place] <= axi.araddr[63:3];
        len_q[place]  <= axi.arlen;
      end
      if (r && rresp_i != '0 && !bad_q) begin
        bad_q      <= 1'b1;
        bad_addr_q <= addr_q[0];
      end
      if (fault_valid) failed_q <= 1'b1;
      commands_q <= commands_q + 3'(take) - 3'(ended);
      if (beat) begin
        next_q[0] <= next_q[0] + 61'(got);
        left_q[0] <= left_q[0] - got;
        if (ended) begin
          next_q <= next_q >> 61;
          left_q <= left_q >> 2;
        end
      end
      if (take) begin
        next_q[2'(slot)] <= cmd_addr[who_q];
        left_q[2'(slot)] <= cmd_beats_i[who_q];
      end
      if (stop_i) begin
        commands_q <= '0;
        failed_q   <= 1'b0;
        bad_q      <= 1'b0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (rst_n) begin
      assume (32'(who_q) < Clients);
      assume (!rvalid_i || open_q != '0);
      assume (!(stop_q && !idle_q) || stop_i);
      assume (!take || commands_q < 3'd4);  // as far as this harness counts
      if (beat_valid[who_q]) begin
        assert (commands_q != '0 && beat_first <= beat_last && got <= left_q[0]);
        for (int unsigned k = 0; k < Beats; k++) begin
          if (k >= 32'(beat_first) && k <= 32'(beat_last)) begin
            assert (beat_data[64*k+:61] == next_q[0] + 61'(k) - 61'(beat_first));
            assert (beat_data[64*k+63]);
          end
        end
        assert (!failed_q && !fault_valid && !stop_i);
      end
      if (idle && !failed_q && !fault_valid) assert (commands_q == '0);
      if (fault_valid) begin
        assert (!failed_q && fault_cause != psf_pkg::ERROR_PARITY);
        if (fault_cause == psf_pkg::ERROR_READ) begin
          assert (bad_q && (fault_addr & ~64'(BusBytes - 1)) == {bad_addr_q, 3'b000});
        end
      end
      cover (idle && twice_q && commands_q == '0 && who_q == '1);
      cover (ended && next_q[0][8:0] == 9'(Beats) && !twice_q);
      cover (fault_valid && fault_cause == psf_pkg::ERROR_READ && twice_q);
      cover (fault_valid && fault_cause == psf_pkg::ERROR_READ_WINDOW && bad_q);
    end
  end

endmodule
