// SPDX-License-Identifier: Apache-2.0
//
// The registers that psf_regs.rdl describes, behind AXI4-Lite (psf_axil_slave: order of AW and W,
// latencies). tb/unit/host/test_registers.py holds them against the description field by field; why they are
// written by hand is said there. SLVERR and no effect: unmapped, write to a read-only register,
// write to a window while it is locked. The outputs of a run show the registers as they were at
// run_i, the others are live. start_o, abort_o, soft_reset_o and ring_write_o pulse in the cycle
// after the write. done_i, irq_job_i and error_i are ignored from soft_reset_o on until busy_i has
// fallen: that run ends unheard.

module psf_registers #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter logic [31:0] Version = 32'h0004_0001  // major<<16 | minor
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
    // Commands of the host: pulses. start_o only while neither busy nor stuck, abort_o while busy.
    output logic        start_o,
    output logic        abort_o,
    output logic        soft_reset_o,
    output logic        ring_write_o,
    // The run: sampled at run_i.
    input  logic        run_i,
    output logic [31:3] program_base_o,
    output logic [31:3] weight_base_o,
    output logic [31:3] image_base_o,
    output logic [31:3] result_base_o,
    output logic [15:0] program_count_o,
    output logic [31:0] watchdog_o,
    output logic [31:4] ring_base_o,
    output logic [ 3:0] ring_size_o,
    // Live.
    output logic [15:0] ring_head_o,
    output logic [31:3] read_base_o,
    output logic [31:3] read_limit_o,
    output logic [31:3] write_base_o,
    output logic [31:3] write_limit_o,
    input  logic        busy_i,
    input  logic        stuck_i,
    // Events: pulses. cause, index, addr and job are those of error_i.
    input  logic        done_i,
    input  logic        irq_job_i,
    input  logic        error_i,
    input  logic [ 7:0] cause_i,
    input  logic [15:0] index_i,
    input  logic [31:0] addr_i,
    input  logic [15:0] job_i,
    // Read as they are.
    input  logic [15:0] label_i,
    input  logic [31:0] cycles_i,
    input  logic [15:0] layers_i,
    input  logic [15:0] loads_i,
    input  logic [15:0] ring_tail_i,
    output logic        counter_re_o,
    output logic [ 8:0] counter_raddr_o,  // 8 * layer id + counter
    input  logic [31:0] counter_rdata_i   // one cycle after counter_re_o
);

  if (Cfg.Groups > 255 || Cfg.Lanes > 255 || Cfg.Banks > 255 || Cfg.LineWords > 255 || Cfg.AccWidth > 255 ||
      Cfg.StreamWidth > 255) begin : gen_bad_bytes
    $fatal(1, "psf_registers: Groups, Lanes, Banks, LineWords and the widths must be below 256");
  end
  if (Cfg.AccDepth > 65535 || Cfg.BankDepth > 65535 || Cfg.RowDepth > 65535 || Cfg.ParamDepth > 65535 ||
      Cfg.SpikeLines > 65535 || Cfg.StreamDepth > 65535 || Cfg.PatchLines > 65535) begin : gen_bad_depths
    $fatal(1, "psf_registers: every depth must be below 65536 to fit its capability field");
  end

  localparam logic [31:0] Cap5 = {
    16'(psf_pkg::Features), 8'(psf_pkg::BeatBits / 8), 8'(psf_pkg::DescriptorFormat)
  };

  typedef enum logic [9:0] {  // word numbers: address / 4
    ID = 10'h000,
    VERSION,
    CAP0,
    CAP1,
    CAP2,
    CAP3,
    CAP4,
    CAP5,
    CTRL = 10'h008,
    STATUS,
    IRQ_ENABLE,
    IRQ_STATUS,
    ERROR_CAUSE,
    ERROR_INDEX,
    ERROR_ADDR,
    ERROR_JOB,
    PROGRAM_BASE = 10'h010,
    WEIGHT_BASE,
    IMAGE_BASE,
    RESULT_BASE,
    LABEL,
    CYCLES,
    LAYERS,
    LOADS,
    PROGRAM_COUNT = 10'h018,
    WATCHDOG,
    RING_BASE,
    RING_SIZE,
    RING_HEAD,
    RING_TAIL,
    READ_BASE = 10'h020,
    READ_LIMIT,
    WRITE_BASE,
    WRITE_LIMIT,
    WINDOW_LOCK
  } reg_e;

  typedef struct packed {  // sampled when a run begins
    logic [31:3] program_base;
    logic [31:3] weight_base;
    logic [31:3] image_base;
    logic [31:3] result_base;
    logic [15:0] program_count;
    logic [31:0] watchdog;
    logic [31:4] ring_base;
    logic [3:0]  ring_size;
  } run_t;

  typedef struct packed {  // what a soft reset clears
    run_t        run;
    logic [15:0] ring_head;
    logic [1:0]  irq_enable;
    logic [1:0]  irq;
    logic        done;
    logic        error;
    logic [7:0]  cause;
    logic [15:0] index;
    logic [31:0] addr;
    logic [15:0] job;
  } state_t;

  typedef struct packed {  // what it does not
    logic [31:3] read_base;
    logic [31:3] read_limit;
    logic [31:3] write_base;
    logic [31:3] write_limit;
    logic        lock;
  } window_t;

  localparam run_t RunReset = '{watchdog: 32'h0100_0000, default: '0};
  localparam state_t StateReset = '{run: RunReset, default: '0};
  localparam window_t WindowReset = '{read_base: '1, write_base: '1, default: '0};

  logic write, write_error, read, read_error;
  logic [11:2] waddr, raddr;
  logic [31:0] wdata, wmask, data, hold, rdata;

  psf_axil_slave #(
      .AddrWidth(12)
  ) u_slave (
      .clk_i,
      .rst_ni,
      .s_axil_awaddr,
      .s_axil_awvalid,
      .s_axil_awready,
      .s_axil_wdata,
      .s_axil_wstrb,
      .s_axil_wvalid,
      .s_axil_wready,
      .s_axil_bresp,
      .s_axil_bvalid,
      .s_axil_bready,
      .s_axil_araddr,
      .s_axil_arvalid,
      .s_axil_arready,
      .s_axil_rdata,
      .s_axil_rresp,
      .s_axil_rvalid,
      .s_axil_rready,
      .write_o      (write),
      .waddr_o      (waddr),
      .wdata_o      (wdata),
      .wmask_o      (wmask),
      .write_error_i(write_error),
      .read_o       (read),
      .raddr_o      (raddr),
      .rdata_i      (rdata),
      .read_error_i (read_error)
  );

  // ---- Writes.
  logic start_d, abort_d, soft_reset_d, ring_write_d;
  logic start_q, abort_q, soft_reset_q, ring_write_q;
  logic quiet, quiet_q;  // a soft reset stops a run: nobody hears how it ends
  state_t state_d, state_q;
  window_t window_d, window_q;
  run_t run_q;

  assign data  = wdata & wmask;
  assign hold  = ~wmask;
  assign quiet = soft_reset_q || quiet_q;

  always_comb begin
    state_d      = state_q;
    window_d     = window_q;
    write_error  = 1'b0;
    start_d      = 1'b0;
    abort_d      = 1'b0;
    soft_reset_d = 1'b0;
    ring_write_d = 1'b0;
    if (write) begin
      unique case (waddr)
        CTRL: begin
          soft_reset_d = data[2];  // the strongest of the three
          abort_d      = data[1] && busy_i && !data[2];
          start_d      = data[0] && !busy_i && !stuck_i && !data[2];
        end
        IRQ_ENABLE: state_d.irq_enable = (state_q.irq_enable & hold[1:0]) | data[1:0];
        IRQ_STATUS: state_d.irq = state_q.irq & ~data[1:0];
        PROGRAM_BASE:
        state_d.run.program_base = (state_q.run.program_base & hold[31:3]) | data[31:3];
        WEIGHT_BASE: state_d.run.weight_base = (state_q.run.weight_base & hold[31:3]) | data[31:3];
        IMAGE_BASE: state_d.run.image_base = (state_q.run.image_base & hold[31:3]) | data[31:3];
        RESULT_BASE: state_d.run.result_base = (state_q.run.result_base & hold[31:3]) | data[31:3];
        PROGRAM_COUNT:
        state_d.run.program_count = (state_q.run.program_count & hold[15:0]) | data[15:0];
        WATCHDOG: state_d.run.watchdog = (state_q.run.watchdog & hold) | data;
        RING_BASE: state_d.run.ring_base = (state_q.run.ring_base & hold[31:4]) | data[31:4];
        RING_SIZE: state_d.run.ring_size = (state_q.run.ring_size & hold[3:0]) | data[3:0];
        RING_HEAD: begin
          state_d.ring_head = (state_q.ring_head & hold[15:0]) | data[15:0];
          ring_write_d      = wmask[0] || wmask[8];
        end
        READ_BASE: window_d.read_base = (window_q.read_base & hold[31:3]) | data[31:3];
        READ_LIMIT: window_d.read_limit = (window_q.read_limit & hold[31:3]) | data[31:3];
        WRITE_BASE: window_d.write_base = (window_q.write_base & hold[31:3]) | data[31:3];
        WRITE_LIMIT: window_d.write_limit = (window_q.write_limit & hold[31:3]) | data[31:3];
        WINDOW_LOCK: window_d.lock = window_q.lock | data[0];
        default: write_error = 1'b1;
      endcase
      if (window_q.lock && waddr inside {READ_BASE, READ_LIMIT, WRITE_BASE, WRITE_LIMIT}) begin
        window_d    = window_q;
        write_error = 1'b1;
      end
    end
    // Events win over a write of the same cycle, a soft reset over both.
    if (run_i) begin
      state_d.done  = 1'b0;
      state_d.error = 1'b0;
      state_d.cause = '0;
      state_d.index = '0;
      state_d.addr  = '0;
      state_d.job   = '0;
    end
    if (done_i && !quiet) state_d.done = 1'b1;
    if ((done_i || irq_job_i) && !quiet) state_d.irq[0] = 1'b1;
    if (error_i && !quiet) begin
      state_d.error  = 1'b1;
      state_d.irq[1] = 1'b1;
      state_d.cause  = cause_i;
      state_d.index  = index_i;
      state_d.addr   = addr_i;
      state_d.job    = job_i;
    end
    if (soft_reset_q) state_d = StateReset;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      start_q      <= 1'b0;
      abort_q      <= 1'b0;
      soft_reset_q <= 1'b0;
      ring_write_q <= 1'b0;
      quiet_q      <= 1'b0;
      state_q      <= StateReset;
      window_q     <= WindowReset;
    end else begin
      start_q      <= start_d;
      abort_q      <= abort_d;
      soft_reset_q <= soft_reset_d;
      ring_write_q <= ring_write_d;
      quiet_q      <= soft_reset_q || (quiet_q && busy_i);
      state_q      <= state_d;
      window_q     <= window_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_i) run_q <= state_q.run;
  end

  assign start_o         = start_q;
  assign abort_o         = abort_q;
  assign soft_reset_o    = soft_reset_q;
  assign ring_write_o    = ring_write_q;
  assign irq_o           = |(state_q.irq_enable & state_q.irq);
  assign program_base_o  = run_q.program_base;
  assign weight_base_o   = run_q.weight_base;
  assign image_base_o    = run_q.image_base;
  assign result_base_o   = run_q.result_base;
  assign program_count_o = run_q.program_count;
  assign watchdog_o      = run_q.watchdog;
  assign ring_base_o     = run_q.ring_base;
  assign ring_size_o     = run_q.ring_size;
  assign ring_head_o     = state_q.ring_head;
  assign read_base_o     = window_q.read_base;
  assign read_limit_o    = window_q.read_limit;
  assign write_base_o    = window_q.write_base;
  assign write_limit_o   = window_q.write_limit;

  // ---- Reads: the word of the cycle before.
  always_comb begin
    rdata      = '0;
    read_error = 1'b0;
    unique case (raddr)
      ID:            rdata = 32'h5053_4631;  // "PSF1"
      VERSION:       rdata = Version;
      CAP0:          rdata = {8'(Cfg.LineWords), 8'(Cfg.Banks), 8'(Cfg.Lanes), 8'(Cfg.Groups)};
      CAP1:          rdata = {8'(Cfg.StreamWidth), 8'(Cfg.AccWidth), 16'(Cfg.AccDepth)};
      CAP2:          rdata = {16'(Cfg.RowDepth), 16'(Cfg.BankDepth)};
      CAP3:          rdata = {16'(Cfg.PatchLines), 16'(Cfg.ParamDepth)};
      CAP4:          rdata = {16'(Cfg.StreamDepth), 16'(Cfg.SpikeLines)};
      CAP5:          rdata = Cap5;
      CTRL:          rdata = '0;
      STATUS:        rdata = {28'd0, stuck_i, state_q.error, state_q.done, busy_i};
      IRQ_ENABLE:    rdata = 32'(state_q.irq_enable);
      IRQ_STATUS:    rdata = 32'(state_q.irq);
      ERROR_CAUSE:   rdata = 32'(state_q.cause);
      ERROR_INDEX:   rdata = 32'(state_q.index);
      ERROR_ADDR:    rdata = state_q.addr;
      ERROR_JOB:     rdata = 32'(state_q.job);
      PROGRAM_BASE:  rdata = {state_q.run.program_base, 3'b000};
      WEIGHT_BASE:   rdata = {state_q.run.weight_base, 3'b000};
      IMAGE_BASE:    rdata = {state_q.run.image_base, 3'b000};
      RESULT_BASE:   rdata = {state_q.run.result_base, 3'b000};
      LABEL:         rdata = 32'(label_i);
      CYCLES:        rdata = cycles_i;
      LAYERS:        rdata = 32'(layers_i);
      LOADS:         rdata = 32'(loads_i);
      PROGRAM_COUNT: rdata = 32'(state_q.run.program_count);
      WATCHDOG:      rdata = state_q.run.watchdog;
      RING_BASE:     rdata = {state_q.run.ring_base, 4'b0000};
      RING_SIZE:     rdata = 32'(state_q.run.ring_size);
      RING_HEAD:     rdata = 32'(state_q.ring_head);
      RING_TAIL:     rdata = 32'(ring_tail_i);
      READ_BASE:     rdata = {window_q.read_base, 3'b000};
      READ_LIMIT:    rdata = {window_q.read_limit, 3'b111};
      WRITE_BASE:    rdata = {window_q.write_base, 3'b000};
      WRITE_LIMIT:   rdata = {window_q.write_limit, 3'b111};
      WINDOW_LOCK:   rdata = 32'(window_q.lock);
      default: begin
        if (raddr[11]) rdata = counter_rdata_i;
        else read_error = 1'b1;
      end
    endcase
  end

  assign counter_re_o    = read && raddr[11];
  assign counter_raddr_o = raddr[10:2];

  always_ff @(posedge clk_i) begin
    if (rst_ni && $past(rst_ni)) begin
      // Commands are one-cycle pulses and come only when they may.
      assert (!(soft_reset_o && (start_o || abort_o)) && !(start_o && abort_o));
      if (start_o) assert ($past(!busy_i && !stuck_i));
      if (abort_o) assert ($past(busy_i));
      // Locked windows stand still, and so does the lock.
      if ($past(window_q.lock)) assert (window_q == $past(window_q));
    end
  end

endmodule
