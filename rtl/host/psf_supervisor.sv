// SPDX-License-Identifier: Apache-2.0
//
// Begins and ends runs. A run begins with a reset of everything but the registers and bus masters
// (run_rst_no, low for one cycle, a flop) and ends well when its last job retires. It ends badly with
// the first fault, time-out or abort: stop_o rises, and when the bus masters are idle (or have not
// become so in 65,536 cycles: then stuck_o stays high, and no run begins, until they are) the reset
// follows, and ending_o with its cause. soft_reset_i does the same without ending_o, also amid another
// halt. A job that takes watchdog_i cycles is a time-out (0: no limit).
// cycles_o counts from the host's write (one cycle before run_i) or from the retirement of the job
// before to the interrupt (one cycle after ending_o).

module psf_supervisor (
    input logic clk_i,
    input logic rst_ni,
    output logic run_rst_no,
    output logic idle_o,  // a run may begin
    input logic run_i,  // it does
    input logic abort_i,
    input logic soft_reset_i,
    output logic forget_o,  // clear what the registers show of the last run
    output logic busy_o,
    output logic stuck_o,
    output logic stop_o,  // high unless a run is on
    input logic bus_idle_i,
    input logic [31:0] watchdog_i,
    output logic [31:0] cycles_o,
    // The job in front.
    input logic [15:0] job_i,  // its index
    input logic retire_i,  // it is done ...
    input logic more_i,  // ... and there is another one behind it
    input logic irq_i,  // ... and the host wants to know
    output logic retire_o,  // it counts as done
    output psf_control_pkg::ending_t ending_o,
    // Faults, in falling priority.
    input logic read_fault_valid_i,
    input psf_control_pkg::fault_t read_fault_i,
    input logic write_fault_valid_i,
    input psf_control_pkg::fault_t write_fault_i,  // its index is active_index_i
    input logic load_fault_valid_i,
    input psf_control_pkg::fault_t load_fault_i,
    input logic parity_i,
    input logic overrun_i,
    input logic program_fault_valid_i,
    input psf_control_pkg::fault_t program_fault_i,
    input logic [15:0] active_index_i  // of the layer or store that runs
);

  typedef enum logic [2:0] {
    IDLE,
    RESET,
    RUN,
    HALT,
    CLEAR   // the reset at the end of a halt
  } state_e;

  state_e state_q;
  logic run_rst_q, quiet_q, late_q, failed, done, error, halt, active;
  logic [16:0] wait_q;  // cycles in HALT
  logic [31:0] cycles_q;
  psf_control_pkg::fault_t fault_q, fault;
  logic [15:0] job_q;

  assign active = state_q == RESET || state_q == RUN;

  // The first fault counts, and none is heard of outside a run.
  always_comb begin
    failed = 1'b1;
    fault  = '{cause: psf_pkg::ERROR_ABORT, index: active_index_i, addr: '0};
    if (state_q != RUN) begin
      failed = 1'b0;
    end else if (read_fault_valid_i) begin
      fault = read_fault_i;
    end else if (write_fault_valid_i) begin
      fault       = write_fault_i;
      fault.index = active_index_i;
    end else if (load_fault_valid_i) begin
      fault = load_fault_i;
    end else if (parity_i) begin
      fault.cause = psf_pkg::ERROR_PARITY;
    end else if (overrun_i) begin
      fault.cause = psf_pkg::ERROR_OVERRUN;
    end else if (program_fault_valid_i) begin
      fault = program_fault_i;
    end else if (late_q) begin
      fault.cause = psf_pkg::ERROR_TIMEOUT;
    end else begin
      failed = 1'b0;
    end
  end

  assign halt     = active && (failed || abort_i || soft_reset_i);
  assign retire_o = state_q == RUN && retire_i && !halt;
  assign done     = retire_o && !more_i;

  always_ff @(posedge clk_i or negedge rst_ni) begin
    if (!rst_ni) begin
      {run_rst_q, quiet_q, late_q, wait_q, cycles_q} <= '0;
      state_q <= IDLE;
    end else begin
      run_rst_q <= 1'b1;
      unique case (state_q)
        IDLE: begin
          run_rst_q <= !run_i && !soft_reset_i;
          if (run_i) state_q <= RESET;
        end
        RESET:   state_q <= halt ? HALT : RUN;
        RUN: begin
          if (halt) state_q <= HALT;
          else if (done) state_q <= IDLE;
        end
        HALT: begin
          if (bus_idle_i || wait_q[16]) begin
            state_q   <= CLEAR;
            run_rst_q <= 1'b0;
          end
        end
        default: state_q <= IDLE;
      endcase
      quiet_q <= (active || state_q == HALT) && forget_o;
      wait_q  <= (state_q == HALT) ? wait_q + 17'd1 : '0;
      late_q  <= state_q == RUN && !retire_o && watchdog_i != '0 && cycles_q >= watchdog_i;
      if (state_q != IDLE) cycles_q <= cycles_q + 32'd1;
      if (retire_o && more_i) cycles_q <= '0;
      if (run_i) cycles_q <= 32'd2;  // this cycle and the one of the write
      if (forget_o) cycles_q <= '0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (active) begin
      fault_q <= fault;
      job_q   <= job_i;
    end
  end

  assign run_rst_no = run_rst_q;
  assign idle_o = state_q == IDLE && bus_idle_i && !soft_reset_i;
  assign forget_o = soft_reset_i || quiet_q;
  assign busy_o = state_q != IDLE;
  assign stuck_o = state_q == IDLE && !bus_idle_i;
  assign stop_o = state_q != RUN;
  assign cycles_o = cycles_q;
  assign error = state_q == CLEAR && !forget_o;
  assign ending_o = '{
          done: done,
          irq_job: retire_o && irq_i,
          error: error,
          fault: fault_q,
          job: job_q
      };

  // A run begins and ends with a quiet bus; it ends once.
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      if (run_i) assert (idle_o);
      if (done) assert (bus_idle_i);
      assert (!(done && error));
      if (error) assert (stop_o && !run_i);
    end
  end

endmodule
