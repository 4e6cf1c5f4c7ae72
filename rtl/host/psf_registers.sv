// SPDX-License-Identifier: Apache-2.0
//
// The registers that psf_regs.rdl describes, behind AXI4-Lite (psf_axil_slave: order of AW and W,
// latencies); psf_host_words keeps what the host writes. tb/unit/host/test_registers.py holds them
// against the description field by field.
// SLVERR and no effect: unmapped, write to a read-only register, write to a window while it is
// locked. setup_o shows registers as they were at run_i, the other outputs are live. start_o,
// abort_o, soft_reset_o and ring_write_o pulse in the cycle after the write. ending_i is ignored
// from soft_reset_o on until status_i.busy has fallen: that run ends unheard. The high word of an
// address register lies 0x100 behind it; bits from AddrWidth on read 0. A read shows registers and
// status_i as they were in the cycle after AR.

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

  // Word numbers, address / 4, of what psf_host_words does not keep, but RING_HEAD.
  typedef enum logic [9:0] {
    CTRL = 10'h008,
    STATUS,
    IRQ_ENABLE,
    IRQ_STATUS,
    ERROR_CAUSE,
    ERROR_INDEX,
    ERROR_ADDR,
    ERROR_JOB,
    LABEL = 10'h014,
    CYCLES,
    LAYERS,
    LOADS,
    RING_HEAD = 10'h01C,
    RING_TAIL,
    CAP6,
    BUS,
    ERROR_ADDR_HIGH = 10'h04E
  } reg_e;

  logic write, write_error, written, refused, read, found, host_found, found_q;
  logic [11:2] waddr, raddr;
  logic [31:0] wdata, rdata, host_rdata;
  logic [3:0] wstrb;
  logic start_q, abort_q, soft_reset_q, ring_write_q;

  psf_axil_slave u_slave (
      .clk_i,
      .rst_ni,
      .axil_i,
      .axil_o,
      .write_o      (write),
      .waddr_o      (waddr),
      .wdata_o      (wdata),
      .wstrb_o      (wstrb),
      .write_error_i(write_error),
      .read_o       (read),
      .raddr_o      (raddr),
      .rdata_i      (rdata),
      .read_error_i (!found)
  );

  psf_control_pkg::setup_t setup;

  psf_host_words #(
      .AddrWidth(AddrWidth)
  ) u_words (
      .clk_i,
      .rst_ni,
      .write_i  (write),
      .waddr_i  (waddr),
      .wdata_i  (wdata),
      .wstrb_i  (wstrb),
      .clear_i  (soft_reset_q),
      .written_o(written),
      .refused_o(refused),
      .setup_o  (setup),
      .ring_head_o,
      .read_window_o,
      .write_window_o,
      .read_i   (read),
      .raddr_i  (raddr),
      .rdata_o  (host_rdata),
      .found_o  (host_found)
  );

  always_ff @(posedge clk_i) begin
    if (run_i) setup_o <= setup;
  end

  // ---- Commands and events. An event wins over a write of the same cycle, a soft reset over both;
  // it stops a run without anybody hearing how it ends.
  logic ctrl, quiet, quiet_q, failed;
  logic done_q, error_q;
  logic [1:0] enable_q, irq_q;
  psf_control_pkg::fault_t fault_q;
  logic [15:0] job_q;

  assign ctrl        = write && waddr == CTRL && wstrb[0];
  assign quiet       = soft_reset_q || quiet_q;
  assign failed      = ending_i.error && !quiet;
  assign write_error = refused || !(written || waddr inside {CTRL, IRQ_ENABLE, IRQ_STATUS});

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {start_q, abort_q, soft_reset_q, ring_write_q, quiet_q} <= '0;
      {done_q, error_q, enable_q, irq_q}                      <= '0;
    end else begin
      soft_reset_q <= ctrl && wdata[2];  // the strongest of the three
      abort_q      <= ctrl && wdata[1] && status_i.busy && !wdata[2];
      start_q      <= ctrl && wdata[0] && !status_i.busy && !status_i.stuck && !wdata[2];
      ring_write_q <= write && waddr == RING_HEAD && |wstrb[1:0];
      quiet_q      <= soft_reset_q || (quiet_q && status_i.busy);
      if (write && waddr == IRQ_ENABLE && wstrb[0]) enable_q <= wdata[1:0];
      if (write && waddr == IRQ_STATUS && wstrb[0]) irq_q <= irq_q & ~wdata[1:0];
      if (run_i) {done_q, error_q} <= '0;
      if ((ending_i.done || ending_i.irq_job) && !quiet) irq_q[0] <= 1'b1;
      if (ending_i.done && !quiet) done_q <= 1'b1;
      if (failed) {error_q, irq_q[1]} <= '1;
      if (soft_reset_q) {done_q, error_q, enable_q, irq_q} <= '0;
    end
  end

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {fault_q, job_q} <= '0;
    end else if (run_i || failed || soft_reset_q) begin
      {fault_q, job_q} <= failed ? {ending_i.fault, ending_i.job} : '0;
    end
  end

  assign {start_o, abort_o, soft_reset_o, ring_write_o} = {
    start_q, abort_q, soft_reset_q, ring_write_q
  };
  assign irq_o = |(enable_q & irq_q);

  // ---- Reads, as in psf_host_words: a register for every word, 0 unless it is asked for, and an OR.
  localparam int unsigned Shown = 16;
  logic [31:0] capability;
  logic [Shown-1:0] asked;
  logic [Shown-1:0][31:0] shown, shown_q;
  logic counter_q;

  psf_capabilities #(
      .Cfg(Cfg)
  ) u_capabilities (
      .raddr_i(raddr[4:2]),
      .rdata_o(capability)
  );

  assign shown = {
    capability,
    {28'd0, status_i.stuck, error_q, done_q, status_i.busy},
    32'(enable_q),
    32'(irq_q),
    32'(fault_q.cause),
    32'(fault_q.index),
    fault_q.addr[31:0],
    fault_q.addr[63:32],
    32'(job_q),
    32'(status_i.label),
    status_i.cycles,
    32'(status_i.layers),
    32'(status_i.loads),
    32'(status_i.ring_tail),
    {16'(Cfg.Patterns), 16'(Cfg.Classes)},
    {16'd0, 8'(Outstanding), 8'(AddrWidth)}
  };
  assign asked = {
    raddr < CTRL,
    raddr == STATUS,
    raddr == IRQ_ENABLE,
    raddr == IRQ_STATUS,
    raddr == ERROR_CAUSE,
    raddr == ERROR_INDEX,
    raddr == ERROR_ADDR,
    raddr == ERROR_ADDR_HIGH,
    raddr == ERROR_JOB,
    raddr == LABEL,
    raddr == CYCLES,
    raddr == LAYERS,
    raddr == LOADS,
    raddr == RING_TAIL,
    raddr == CAP6,
    raddr == BUS
  };

  for (genvar i = 0; i < Shown; i++) begin : gen_shown
    always_ff @(posedge clk_i) begin
      if (!(read && asked[i])) shown_q[i] <= '0;
      else shown_q[i] <= shown[i];
    end
  end

  always_ff @(posedge clk_i) begin
    counter_q <= counter_re_o;
    found_q   <= |asked || raddr == CTRL;
  end

  always_comb begin
    rdata = host_rdata | (counter_rdata_i & {32{counter_q}});
    for (int i = 0; i < Shown; i++) rdata |= shown_q[i];
  end

  assign found           = found_q || host_found || counter_q;
  assign counter_re_o    = read && raddr[11];
  assign counter_raddr_o = raddr[10:2];

  always_ff @(posedge clk_i) begin
    if (rst_ni && $past(rst_ni)) begin
      // Commands are one-cycle pulses and come only when they may.
      assert (!(soft_reset_o && (start_o || abort_o)) && !(start_o && abort_o));
      if (start_o) assert ($past(!status_i.busy && !status_i.stuck));
      if (abort_o) assert ($past(status_i.busy));
    end
  end

endmodule
