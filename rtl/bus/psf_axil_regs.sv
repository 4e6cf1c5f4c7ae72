// SPDX-License-Identifier: Apache-2.0
//
// AXI4-Lite slave with the register file of docs/architecture.md ("Registers").
// Writes: AW and W in any order, byte strobes, one write in flight. Reads: 4 cycles from AR to R,
// one in flight, independent of writes. SLVERR (and no effect) for unmapped addresses and writes to
// read-only registers; CTRL reads as 0. Address bits 1:0 are ignored, bits 2:0 of a base are 0.
// start_o pulses in the cycle after the write that sets CTRL.start, when not busy; the base
// outputs are those of that moment, so that the host may prepare the next run during this one.
// finish_i ends a run: busy falls, done or error (finish_cause_i != 0) and IRQ_STATUS rise.

module psf_axil_regs #(
  parameter int unsigned Groups = 2,
  parameter int unsigned Lanes = 8,
  parameter int unsigned Banks = 4,
  parameter int unsigned LineWords = 8,
  parameter int unsigned AccDepth = 32,
  parameter int unsigned AccWidth = 20,
  parameter int unsigned StreamWidth = 16,
  parameter int unsigned BankDepth = 2048,
  parameter int unsigned RowDepth = 2048,
  parameter int unsigned ParamDepth = 256,
  parameter int unsigned SpikeLines = 4096,
  parameter int unsigned StreamDepth = 1024,
  parameter int unsigned PatchLines = 64,
  parameter logic [31:0] Version = 32'h0001_0000  // major<<16 | minor
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  output logic        irq_o,
  input  logic [11:0] s_axil_awaddr,
  input  logic        s_axil_awvalid,
  output logic        s_axil_awready,
  input  logic [31:0] s_axil_wdata,
  input  logic [ 3:0] s_axil_wstrb,
  input  logic        s_axil_wvalid,
  output logic        s_axil_wready,
  output logic [ 1:0] s_axil_bresp,
  output logic        s_axil_bvalid,
  input  logic        s_axil_bready,
  input  logic [11:0] s_axil_araddr,
  input  logic        s_axil_arvalid,
  output logic        s_axil_arready,
  output logic [31:0] s_axil_rdata,
  output logic [ 1:0] s_axil_rresp,
  output logic        s_axil_rvalid,
  input  logic        s_axil_rready,
  output logic        start_o,
  output logic [31:3] program_base_o,
  output logic [31:3] weight_base_o,
  output logic [31:3] image_base_o,
  output logic [31:3] result_base_o,
  input  logic        finish_i,
  input  logic [ 7:0] finish_cause_i,
  input  logic [15:0] finish_index_i,
  input  logic [15:0] label_i,
  input  logic [31:0] cycles_i,
  input  logic [15:0] layers_i,
  input  logic [15:0] loads_i,
  output logic        counter_re_o,
  output logic [ 8:0] counter_raddr_o,  // 8 * layer id + counter
  input  logic [31:0] counter_rdata_i   // one cycle after counter_re_o
);

  localparam logic [1:0] OKAY = 2'b00;
  localparam logic [1:0] SLVERR = 2'b10;

  // Word numbers (address / 4).
  localparam logic [9:0] CTRL = 10'h008, IRQ_ENABLE = 10'h00A, IRQ_STATUS = 10'h00B;
  localparam logic [9:0] BASES = 10'h010;  // program, weight, image, result

  // ---- Writes: whatever of AW and W comes first waits in its register.
  logic aw_q, w_q, bvalid_q;
  logic [9:0] waddr_q;
  logic [31:0] wdata_q;
  logic [3:0] wstrb_q;
  logic [1:0] bresp_q;
  logic write, base_hit, start;

  assign write    = aw_q && w_q && !bvalid_q;
  assign base_hit = waddr_q[9:2] == BASES[9:2];

  logic busy_q, done_q, error_q, irq_enable_q, irq_q, start_q;
  logic [7:0] cause_q;
  logic [15:0] index_q;
  logic [3:0][31:3] base_q, run_base_q;

  assign start = write && waddr_q == CTRL && wstrb_q[0] && wdata_q[0] && !busy_q;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      aw_q         <= 1'b0;
      w_q          <= 1'b0;
      bvalid_q     <= 1'b0;
      busy_q       <= 1'b0;
      done_q       <= 1'b0;
      error_q      <= 1'b0;
      start_q      <= 1'b0;
      irq_enable_q <= 1'b0;
      irq_q        <= 1'b0;
      cause_q      <= '0;
      index_q      <= '0;
      base_q       <= '0;
    end else begin
      if (s_axil_awvalid && s_axil_awready) aw_q <= 1'b1;
      if (s_axil_wvalid && s_axil_wready) w_q <= 1'b1;
      if (s_axil_bready) bvalid_q <= 1'b0;
      start_q <= start;
      if (write) begin
        aw_q     <= 1'b0;
        w_q      <= 1'b0;
        bvalid_q <= 1'b1;
        if (waddr_q == IRQ_ENABLE && wstrb_q[0]) irq_enable_q <= wdata_q[0];
        if (waddr_q == IRQ_STATUS && wstrb_q[0] && wdata_q[0]) irq_q <= 1'b0;
        if (base_hit) begin
          if (wstrb_q[0]) base_q[waddr_q[1:0]][7:3] <= wdata_q[7:3];
          for (int b = 1; b < 4; b++) begin
            if (wstrb_q[b]) base_q[waddr_q[1:0]][8*b+:8] <= wdata_q[8*b+:8];
          end
        end
      end
      if (start) begin
        busy_q  <= 1'b1;
        done_q  <= 1'b0;
        error_q <= 1'b0;
        cause_q <= '0;
        index_q <= '0;
      end
      if (finish_i) begin
        busy_q  <= 1'b0;
        done_q  <= finish_cause_i == psf_pkg::ERROR_NONE;
        error_q <= finish_cause_i != psf_pkg::ERROR_NONE;
        irq_q   <= 1'b1;  // wins over a clear in the same cycle
        cause_q <= finish_cause_i;
        index_q <= finish_index_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axil_awvalid && s_axil_awready) waddr_q <= s_axil_awaddr[11:2];
    if (s_axil_wvalid && s_axil_wready) begin
      wdata_q <= s_axil_wdata;
      wstrb_q <= s_axil_wstrb;
    end
    if (write) begin
      bresp_q <= SLVERR;
      if (base_hit || waddr_q inside {CTRL, IRQ_ENABLE, IRQ_STATUS}) bresp_q <= OKAY;
    end
    if (start) run_base_q <= base_q;
  end

  assign s_axil_awready = !aw_q;
  assign s_axil_wready  = !w_q;
  assign s_axil_bvalid  = bvalid_q;
  assign s_axil_bresp   = bresp_q;
  assign start_o        = start_q;
  assign irq_o          = irq_q && irq_enable_q;
  assign program_base_o = run_base_q[0];
  assign weight_base_o  = run_base_q[1];
  assign image_base_o   = run_base_q[2];
  assign result_base_o  = run_base_q[3];

  // ---- Reads.
  typedef enum logic [1:0] {
    IDLE,
    LOOK,  // select the register, address the counters
    COUNTER,  // a counter arrives
    RESPOND
  } read_e;

  read_e read_q;
  logic [9:0] raddr_q;
  logic [31:0] rdata, rdata_q;
  logic [1:0] rresp, rresp_q;

  always_comb begin
    rdata = '0;
    rresp = OKAY;
    unique case (raddr_q)
      10'h000: rdata = 32'h5053_4631;  // "PSF1"
      10'h001: rdata = Version;
      10'h002: rdata = {8'(LineWords), 8'(Banks), 8'(Lanes), 8'(Groups)};
      10'h003: rdata = {8'(StreamWidth), 8'(AccWidth), 16'(AccDepth)};
      10'h004: rdata = {16'(RowDepth), 16'(BankDepth)};
      10'h005: rdata = {16'(PatchLines), 16'(ParamDepth)};
      10'h006: rdata = {16'(StreamDepth), 16'(SpikeLines)};
      CTRL: rdata = '0;
      10'h009: rdata = {29'd0, error_q, done_q, busy_q};
      IRQ_ENABLE: rdata = 32'(irq_enable_q);
      IRQ_STATUS: rdata = 32'(irq_q);
      10'h00C: rdata = 32'(cause_q);
      10'h00D: rdata = 32'(index_q);
      10'h010: rdata = {base_q[0], 3'b000};
      10'h011: rdata = {base_q[1], 3'b000};
      10'h012: rdata = {base_q[2], 3'b000};
      10'h013: rdata = {base_q[3], 3'b000};
      10'h014: rdata = 32'(label_i);
      10'h015: rdata = cycles_i;
      10'h016: rdata = 32'(layers_i);
      10'h017: rdata = 32'(loads_i);
      default: rresp = raddr_q[9] ? OKAY : SLVERR;  // counters follow one cycle later
    endcase
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      read_q <= IDLE;
    end else begin
      unique case (read_q)
        IDLE: if (s_axil_arvalid) read_q <= LOOK;
        LOOK: read_q <= COUNTER;
        COUNTER: read_q <= RESPOND;
        default: if (s_axil_rready) read_q <= IDLE;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (read_q == IDLE) raddr_q <= s_axil_araddr[11:2];
    if (read_q == LOOK) begin
      rdata_q <= rdata;
      rresp_q <= rresp;
    end
    if (read_q == COUNTER && raddr_q[9]) rdata_q <= counter_rdata_i;
  end

  assign counter_re_o    = read_q == LOOK && raddr_q[9];
  assign counter_raddr_o = raddr_q[8:0];
  assign s_axil_arready  = read_q == IDLE;
  assign s_axil_rvalid   = read_q == RESPOND;
  assign s_axil_rdata    = rdata_q;
  assign s_axil_rresp    = rresp_q;

  logic unused_address_bits;
  assign unused_address_bits = ^{s_axil_awaddr[1:0], s_axil_araddr[1:0]};

  // Responses hold until taken; a run ends only if one is on.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if ($past(rst_ni && s_axil_bvalid && !s_axil_bready)) begin
        assert (s_axil_bvalid && s_axil_bresp == $past(s_axil_bresp));
      end
      if ($past(rst_ni && s_axil_rvalid && !s_axil_rready)) begin
        assert (s_axil_rvalid && s_axil_rdata == $past(s_axil_rdata));
      end
      if (finish_i) assert (busy_q);
    end
  end

endmodule
