// SPDX-License-Identifier: Apache-2.0
//
// AXI4 read master for two clients (0 has priority): a command {address, beats} becomes a stream of
// 64-bit beats, in order. Bursts are INCR, at most MaxBurst beats, never across a 4 KiB boundary;
// up to Outstanding bursts are in flight, all with ID 0, and a queue remembers whose they are.
// Latency 2 from a command to ARVALID. Throughput: one beat per cycle while MaxBurst * Outstanding
// exceeds the memory latency in cycles. Stalls with beat_ready_i of the client whose burst is at the
// front: a client that waits for the other one before it takes its beats stops both.
// beat_error_o marks beats whose response was not OKAY. A command of 0 beats does nothing.

module psf_read_dma #(
  parameter int unsigned AxiIdWidth = 1,
  parameter int unsigned Outstanding = 4,  // bursts in flight, a power of two
  parameter int unsigned MaxBurst = 64  // beats, 1 to 256
) (
  input  logic                  clk_i,
  input  logic                  rst_ni,
  input  logic [ 1:0]           cmd_valid_i,
  output logic [ 1:0]           cmd_ready_o,
  input  logic [ 1:0][31:3]     cmd_addr_i,  // byte address, a multiple of 8
  input  logic [ 1:0][28:0]     cmd_beats_i,
  output logic [ 1:0]           beat_valid_o,
  input  logic [ 1:0]           beat_ready_i,
  output logic [63:0]           beat_data_o,
  output logic                  beat_error_o,
  output logic [AxiIdWidth-1:0] m_axi_arid,
  output logic [31:0]           m_axi_araddr,
  output logic [ 7:0]           m_axi_arlen,
  output logic [ 2:0]           m_axi_arsize,
  output logic [ 1:0]           m_axi_arburst,
  output logic                  m_axi_arvalid,
  input  logic                  m_axi_arready,
  input  logic [AxiIdWidth-1:0] m_axi_rid,
  input  logic [63:0]           m_axi_rdata,
  input  logic [ 1:0]           m_axi_rresp,
  input  logic                  m_axi_rlast,
  input  logic                  m_axi_rvalid,
  output logic                  m_axi_rready
);

  if (MaxBurst < 1 || MaxBurst > 256) begin : gen_bad_burst
    $fatal(1, "psf_read_dma: MaxBurst must be 1 to 256 beats");
  end

  // What is left of each client's command.
  logic [1:0][31:3] addr_q;
  logic [1:0][28:0] left_q;

  // The next burst: as long as the command, MaxBurst and the 4 KiB page allow.
  logic             client;
  logic [28:0]      left;
  logic [31:3]      addr;
  logic [9:0]       to_page, page_limit, beats;
  logic             issue;

  assign client     = left_q[0] == '0;
  assign left       = left_q[client];
  assign addr       = addr_q[client];
  assign to_page    = 10'd512 - {1'b0, addr[11:3]};
  assign page_limit = (to_page < 10'(MaxBurst)) ? to_page : 10'(MaxBurst);
  assign beats      = (left < 29'(page_limit)) ? left[9:0] : page_limit;

  logic owner_ready, owner_valid, owner;
  logic arvalid_q;
  logic [31:3] araddr_q;
  logic [7:0] arlen_q;

  assign issue = (left != '0) && owner_ready && (!arvalid_q || m_axi_arready);

  always_comb begin
    for (int c = 0; c < 2; c++) cmd_ready_o[c] = left_q[c] == '0;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      left_q    <= '0;
      arvalid_q <= 1'b0;
    end else begin
      for (int c = 0; c < 2; c++) begin
        if (cmd_valid_i[c] && cmd_ready_o[c]) left_q[c] <= cmd_beats_i[c];
      end
      if (issue) left_q[client] <= left - 29'(beats);
      if (issue) arvalid_q <= 1'b1;
      else if (m_axi_arready) arvalid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    for (int c = 0; c < 2; c++) begin
      if (cmd_valid_i[c] && cmd_ready_o[c]) addr_q[c] <= cmd_addr_i[c];
    end
    if (issue) begin
      addr_q[client] <= addr + 29'(beats);
      araddr_q       <= addr;
      arlen_q        <= 8'(beats - 10'd1);
    end
  end

  assign m_axi_arid    = '0;
  assign m_axi_araddr  = {araddr_q, 3'b000};
  assign m_axi_arlen   = arlen_q;
  assign m_axi_arsize  = 3'd3;  // 8 bytes
  assign m_axi_arburst = 2'b01;  // INCR
  assign m_axi_arvalid = arvalid_q;

  // Whose burst is next to answer.
  psf_fifo #(
    .Width(1),
    .Depth(Outstanding)
  ) u_owner (
    .clk_i,
    .rst_ni,
    .clear_i    (1'b0),
    .in_valid_i (issue),
    .in_ready_o (owner_ready),
    .in_data_i  (client),
    .out_valid_o(owner_valid),
    .out_ready_i(m_axi_rvalid && m_axi_rready && m_axi_rlast),
    .out_data_o (owner)
  );

  always_comb begin
    beat_valid_o = '0;
    beat_valid_o[owner] = m_axi_rvalid && owner_valid;
  end

  assign m_axi_rready = owner_valid && beat_ready_i[owner];
  assign beat_data_o  = m_axi_rdata;
  assign beat_error_o = m_axi_rresp != 2'b00;

  // Address channel: valid holds with its payload, and no burst crosses a page.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && m_axi_arvalid && !m_axi_arready)) begin
        assert (m_axi_arvalid && m_axi_araddr == $past(m_axi_araddr));
        assert (m_axi_arlen == $past(m_axi_arlen));
      end
      if (m_axi_arvalid) assert (10'(araddr_q[11:3]) + 10'(arlen_q) < 10'd512);
      if (m_axi_rvalid) begin
        assert (owner_valid);  // the memory answers only what was asked
        assert (m_axi_rid == '0);
      end
    end
  end

endmodule
