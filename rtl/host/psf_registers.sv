// SPDX-License-Identifier: Apache-2.0
//
// The registers that psf_regs.rdl describes, behind AXI4-Lite (psf_axil_slave: order of AW and W,
// latencies). tb/unit/host/test_registers.py holds them against the description field by field.
// SLVERR and no effect: unmapped, write to a read-only register, write to a window while it is
// locked. setup_o shows registers as they were at run_i, the other outputs are live. start_o,
// abort_o, soft_reset_o and ring_write_o pulse in the cycle after the write. ending_i is ignored
// from soft_reset_o on until status_i.busy has fallen: that run ends unheard. The high word of an
// address register lies 0x100 behind it; bits from AddrWidth on read 0.

module psf_registers #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned AddrWidth = 32,  // bits of an address on the bus, 32 to 64
    parameter int unsigned Outstanding = 4  // read bursts in flight
) (
    input  logic                                   clk_i,
    input  logic                                   rst_ni,
    output logic                                   irq_o,
    input  psf_control_pkg::axil_request_t         axil_i,
    output psf_control_pkg::axil_response_t        axil_o,
    // Commands of the host: pulses. start_o only while neither busy nor stuck, abort_o while busy.
    output logic                                   start_o,
    output logic                                   abort_o,
    output logic                                   soft_reset_o,
    output logic                                   ring_write_o,
    // The run: sampled at run_i.
    input  logic                                   run_i,
    output psf_control_pkg::setup_t                setup_o,
    // Live.
    output logic                            [15:0] ring_head_o,
    output psf_control_pkg::window_t               read_window_o,
    output psf_control_pkg::window_t               write_window_o,
    input  psf_control_pkg::status_t               status_i,
    // Events.
    input  psf_control_pkg::ending_t               ending_i,
    output logic                                   counter_re_o,
    output logic                            [ 8:0] counter_raddr_o,  // 8 * layer id + counter
    input  logic                            [31:0] counter_rdata_i   // one cycle after counter_re_o
);

  typedef enum logic [9:0] {  // word numbers: address / 4
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
    CAP6 = 10'h01E,
    BUS,
    READ_BASE = 10'h020,
    READ_LIMIT,
    WRITE_BASE,
    WRITE_LIMIT,
    WINDOW_LOCK
  } reg_e;

  typedef struct packed {  // what a soft reset clears
    psf_control_pkg::setup_t setup;
    logic [15:0]             ring_head;
    logic [1:0]              irq_enable;
    logic [1:0]              irq;
    logic                    done;
    logic                    error;
    psf_control_pkg::fault_t fault;
    logic [15:0]             job;
  } state_t;

  typedef struct packed {  // what it does not
    psf_control_pkg::window_t read;
    psf_control_pkg::window_t write;
    logic                     lock;
  } locks_t;

  localparam psf_control_pkg::setup_t SetupReset = '{watchdog: 32'h0100_0000, default: '0};
  localparam state_t StateReset = '{setup: SetupReset, default: '0};
  localparam psf_control_pkg::window_t Nothing = '{base: 61'h1FFF_FFFF, limit: '0};
  localparam locks_t LocksReset = '{read: Nothing, write: Nothing, default: '0};

  // Registers that have a high word.
  function automatic logic wide(logic [11:2] register);
    wide = register inside {ERROR_ADDR, PROGRAM_BASE, WEIGHT_BASE, IMAGE_BASE, RESULT_BASE,
                            RING_BASE, READ_BASE, READ_LIMIT, WRITE_BASE, WRITE_LIMIT};
  endfunction

  logic [63:3] put, keep;  // of an address: the bits written, and those that stay
  // An address with the word that is written, as the bus can have it.
  function automatic logic [63:3] merged(logic [63:3] old);
    merged = 61'((AddrWidth - 3)'((old & keep) | put));
  endfunction

  logic write, write_error, read, read_error;
  logic [11:2] waddr, raddr, wlow, rlow;  // low: of the register's first or only word
  logic [31:0] wdata, wmask, data, hold, rdata;

  psf_axil_slave u_slave (
      .clk_i,
      .rst_ni,
      .axil_i,
      .axil_o,
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
  locks_t window_d, window_q;
  psf_control_pkg::setup_t run_q;

  assign data  = wdata & wmask;
  assign hold  = ~wmask;
  assign wlow  = {waddr[11:9], 1'b0, waddr[7:2]};
  assign keep  = waddr[8] ? {hold, {29{1'b1}}} : {{32{1'b1}}, hold[31:3]};
  assign put   = waddr[8] ? {data, 29'd0} : 61'(data[31:3]);
  assign quiet = soft_reset_q || quiet_q;

  always_comb begin
    state_d                                        = state_q;
    window_d                                       = window_q;
    write_error                                    = 1'b0;
    {start_d, abort_d, soft_reset_d, ring_write_d} = '0;
    if (write && waddr[8] && !wide(wlow)) begin
      write_error = 1'b1;
    end else if (write) begin
      unique case (wlow)
        CTRL: begin
          soft_reset_d = data[2];  // the strongest of the three
          abort_d      = data[1] && status_i.busy && !data[2];
          start_d      = data[0] && !status_i.busy && !status_i.stuck && !data[2];
        end
        IRQ_ENABLE: state_d.irq_enable = (state_q.irq_enable & hold[1:0]) | data[1:0];
        IRQ_STATUS: state_d.irq = state_q.irq & ~data[1:0];
        PROGRAM_BASE: state_d.setup.program_base = merged(state_q.setup.program_base);
        WEIGHT_BASE: state_d.setup.weight_base = merged(state_q.setup.weight_base);
        IMAGE_BASE: state_d.setup.image_base = merged(state_q.setup.image_base);
        RESULT_BASE: state_d.setup.result_base = merged(state_q.setup.result_base);
        PROGRAM_COUNT:
        state_d.setup.program_count = (state_q.setup.program_count & hold[15:0]) | data[15:0];
        WATCHDOG: state_d.setup.watchdog = (state_q.setup.watchdog & hold) | data;
        RING_BASE: state_d.setup.ring_base = 60'(merged({state_q.setup.ring_base, 1'b0}) >> 1);
        RING_SIZE:
        {state_d.setup.ring_crc, state_d.setup.ring_size} = {data[8], data[3:0]} |
            ({state_q.setup.ring_crc, state_q.setup.ring_size} & {hold[8], hold[3:0]});
        RING_HEAD: begin
          state_d.ring_head = (state_q.ring_head & hold[15:0]) | data[15:0];
          ring_write_d      = wmask[0] || wmask[8];
        end
        READ_BASE: window_d.read.base = merged(window_q.read.base);
        READ_LIMIT: window_d.read.limit = merged(window_q.read.limit);
        WRITE_BASE: window_d.write.base = merged(window_q.write.base);
        WRITE_LIMIT: window_d.write.limit = merged(window_q.write.limit);
        WINDOW_LOCK: window_d.lock = window_q.lock | data[0];
        default: write_error = 1'b1;
      endcase
      if (window_q.lock && wlow inside {READ_BASE, READ_LIMIT, WRITE_BASE, WRITE_LIMIT}) begin
        window_d    = window_q;
        write_error = 1'b1;
      end
    end
    // Events win over a write of the same cycle, a soft reset over both.
    if (run_i) {state_d.done, state_d.error, state_d.fault, state_d.job} = '0;
    if (ending_i.done && !quiet) state_d.done = 1'b1;
    if ((ending_i.done || ending_i.irq_job) && !quiet) state_d.irq[0] = 1'b1;
    if (ending_i.error && !quiet) begin
      state_d.error  = 1'b1;
      state_d.irq[1] = 1'b1;
      state_d.fault  = ending_i.fault;
      state_d.job    = ending_i.job;
    end
    if (soft_reset_q) state_d = StateReset;
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {start_q, abort_q, soft_reset_q, ring_write_q, quiet_q} <= '0;
      state_q                                                 <= StateReset;
      window_q                                                <= LocksReset;
    end else begin
      {start_q, abort_q, soft_reset_q, ring_write_q} <= {
        start_d, abort_d, soft_reset_d, ring_write_d
      };
      quiet_q <= soft_reset_q || (quiet_q && status_i.busy);
      state_q <= state_d;
      window_q <= window_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_i) run_q <= state_q.setup;
  end

  assign {start_o, abort_o, soft_reset_o, ring_write_o} = {
    start_q, abort_q, soft_reset_q, ring_write_q
  };
  assign irq_o = |(state_q.irq_enable & state_q.irq);
  assign setup_o = run_q;
  assign ring_head_o = state_q.ring_head;
  assign read_window_o = window_q.read;
  assign write_window_o = window_q.write;

  // ---- Reads: the word of the cycle before.
  logic [31:0] capability;

  assign rlow = {raddr[11:9], 1'b0, raddr[7:2]};

  function automatic logic [31:0] half(logic [63:0] address, logic high);
    half = high ? address[63:32] : address[31:0];
  endfunction

  psf_capabilities #(
      .Cfg(Cfg)
  ) u_capabilities (
      .raddr_i(raddr[4:2]),
      .rdata_o(capability)
  );

  always_comb begin
    rdata      = '0;
    read_error = 1'b0;
    unique case (rlow)
      CTRL:          rdata = '0;
      STATUS:        rdata = {28'd0, status_i.stuck, state_q.error, state_q.done, status_i.busy};
      IRQ_ENABLE:    rdata = 32'(state_q.irq_enable);
      IRQ_STATUS:    rdata = 32'(state_q.irq);
      ERROR_CAUSE:   rdata = 32'(state_q.fault.cause);
      ERROR_INDEX:   rdata = 32'(state_q.fault.index);
      ERROR_ADDR:    rdata = half(state_q.fault.addr, raddr[8]);
      ERROR_JOB:     rdata = 32'(state_q.job);
      PROGRAM_BASE:  rdata = half({state_q.setup.program_base, 3'd0}, raddr[8]);
      WEIGHT_BASE:   rdata = half({state_q.setup.weight_base, 3'd0}, raddr[8]);
      IMAGE_BASE:    rdata = half({state_q.setup.image_base, 3'd0}, raddr[8]);
      RESULT_BASE:   rdata = half({state_q.setup.result_base, 3'd0}, raddr[8]);
      LABEL:         rdata = 32'(status_i.label);
      CYCLES:        rdata = status_i.cycles;
      LAYERS:        rdata = 32'(status_i.layers);
      LOADS:         rdata = 32'(status_i.loads);
      PROGRAM_COUNT: rdata = 32'(state_q.setup.program_count);
      WATCHDOG:      rdata = state_q.setup.watchdog;
      RING_BASE:     rdata = half({state_q.setup.ring_base, 4'd0}, raddr[8]);
      RING_SIZE:     rdata = {23'd0, state_q.setup.ring_crc, 4'd0, state_q.setup.ring_size};
      RING_HEAD:     rdata = 32'(state_q.ring_head);
      RING_TAIL:     rdata = 32'(status_i.ring_tail);
      CAP6:          rdata = {16'(Cfg.Patterns), 16'(Cfg.Classes)};
      BUS:           rdata = {16'd0, 8'(Outstanding), 8'(AddrWidth)};
      READ_BASE:     rdata = half({window_q.read.base, 3'd0}, raddr[8]);
      READ_LIMIT:    rdata = half({window_q.read.limit, 3'd7}, raddr[8]);
      WRITE_BASE:    rdata = half({window_q.write.base, 3'd0}, raddr[8]);
      WRITE_LIMIT:   rdata = half({window_q.write.limit, 3'd7}, raddr[8]);
      WINDOW_LOCK:   rdata = 32'(window_q.lock);
      default: begin
        if (raddr[11]) rdata = counter_rdata_i;
        else if (raddr < CTRL) rdata = capability;
        else read_error = 1'b1;
      end
    endcase
    if (!raddr[11] && raddr[8] && !wide(rlow)) {rdata, read_error} = 33'd1;
  end

  assign counter_re_o    = read && raddr[11];
  assign counter_raddr_o = raddr[10:2];

  always_ff @(posedge clk_i) begin
    if (rst_ni && $past(rst_ni)) begin
      // Commands are one-cycle pulses and come only when they may.
      assert (!(soft_reset_o && (start_o || abort_o)) && !(start_o && abort_o));
      if (start_o) assert ($past(!status_i.busy && !status_i.stuck));
      if (abort_o) assert ($past(status_i.busy));
      // Locked windows stand still, and so does the lock.
      if ($past(window_q.lock)) assert (window_q == $past(window_q));
    end
  end

endmodule
