// SPDX-License-Identifier: Apache-2.0
//
// Everything between the host and the datapath: registers (AXI4-Lite), jobs and their program, loads
// (AXI read), results (AXI write), the order of layers, faults, performance counters. Loads stream
// while layers run. Datapath side: it has datapath_rst_no, which pulses low as a run begins and after
// one that failed; layer_start_o pulses with layer_o, which then holds; layer_done_i pulses 2 or more
// cycles later and a new layer_start_o may follow in the next cycle. Row, parameter and logit writes
// are always taken; weight and spike writes hold until taken. A layer that waits for a load starts at
// least 2 cycles after the load's last write was taken. event_i adds to counters 1 to 6.

module psf_control #(
    parameter psf_pkg::config_t Cfg = psf_pkg::CFG_2X8,
    parameter int unsigned AxiIdWidth = 1,
    localparam int unsigned SlotWidth = $clog2(Cfg.AccDepth) + 8
) (
    input logic clk_i,
    input logic rst_ni,
    output logic irq_o,
    // Registers.
    input logic [11:0] s_axil_awaddr,
    input logic s_axil_awvalid,
    output logic s_axil_awready,
    input logic [31:0] s_axil_wdata,
    input logic [3:0] s_axil_wstrb,
    input logic s_axil_wvalid,
    output logic s_axil_wready,
    output logic [1:0] s_axil_bresp,
    output logic s_axil_bvalid,
    input logic s_axil_bready,
    input logic [11:0] s_axil_araddr,
    input logic s_axil_arvalid,
    output logic s_axil_arready,
    output logic [31:0] s_axil_rdata,
    output logic [1:0] s_axil_rresp,
    output logic s_axil_rvalid,
    input logic s_axil_rready,
    // Memory.
    output logic [AxiIdWidth-1:0] m_axi_awid,
    output logic [31:0] m_axi_awaddr,
    output logic [7:0] m_axi_awlen,
    output logic [2:0] m_axi_awsize,
    output logic [1:0] m_axi_awburst,
    output logic m_axi_awvalid,
    input logic m_axi_awready,
    output logic [63:0] m_axi_wdata,
    output logic [7:0] m_axi_wstrb,
    output logic m_axi_wlast,
    output logic m_axi_wvalid,
    input logic m_axi_wready,
    input logic [AxiIdWidth-1:0] m_axi_bid,
    input logic [1:0] m_axi_bresp,
    input logic m_axi_bvalid,
    output logic m_axi_bready,
    output logic [AxiIdWidth-1:0] m_axi_arid,
    output logic [31:0] m_axi_araddr,
    output logic [7:0] m_axi_arlen,
    output logic [2:0] m_axi_arsize,
    output logic [1:0] m_axi_arburst,
    output logic m_axi_arvalid,
    input logic m_axi_arready,
    input logic [AxiIdWidth-1:0] m_axi_rid,
    input logic [63:0] m_axi_rdata,
    input logic [1:0] m_axi_rresp,
    input logic m_axi_rlast,
    input logic m_axi_rvalid,
    output logic m_axi_rready,
    // Datapath.
    output logic datapath_rst_no,
    input logic [1:0] fault_i,  // {overrun, parity}, registered
    output logic layer_start_o,
    output psf_pkg::layer_t layer_o,
    input logic layer_done_i,
    output logic weight_valid_o,
    input logic weight_ready_i,
    output logic [$clog2(Cfg.Banks)-1:0] weight_bank_o,
    output logic [$clog2(Cfg.BankDepth)-1:0] weight_addr_o,
    output logic [Cfg.Lanes*SlotWidth-1:0] weight_data_o,
    output logic row_valid_o,
    output logic [$clog2(Cfg.Banks)-1:0] row_bank_o,
    output logic [$clog2(Cfg.RowDepth)-1:0] row_addr_o,
    output logic [31:0] row_data_o,
    output logic param_valid_o,
    output logic [$clog2(Cfg.ParamDepth)-1:0] param_addr_o,
    output logic [2*Cfg.Lanes*Cfg.AccWidth-1:0] param_data_o,
    output logic mask_valid_o,
    output logic [$clog2(psf_pkg::MaskLines)-1:0] mask_addr_o,
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] mask_data_o,
    output logic spike_valid_o,
    input logic spike_ready_i,
    output logic [$clog2(Cfg.SpikeLines)-1:0] spike_addr_o,
    output logic [Cfg.LineWords-1:0] spike_words_o,
    output logic [Cfg.LineWords*Cfg.Lanes-1:0] spike_data_o,
    output logic logit_valid_o,
    output logic [15:0] logit_addr_o,
    output logic [31:0] logit_data_o,
    input logic [15:0] label_i,
    output logic [15:0] logit_raddr_o,
    input logic [31:0] logit_rdata_i,
    input logic [5:0][7:0] event_i  // [0] is counter 1
);

  // Registers, bus masters, run control and counters keep rst_ni; the rest is reset for every run.
  logic run_rst_n, stop, run, retire;

  assign datapath_rst_no = run_rst_n;

  // ---- Registers.
  logic start, abort, soft_reset, ring_write, busy, stuck;
  logic [31:3] program_base, weight_base, image_base, result_base;
  logic [31:4] ring_base;
  logic [ 3:0] ring_size;
  logic [15:0] program_count, ring_head, ring_tail;
  logic [31:0] watchdog;
  logic [31:3] read_base, read_limit, write_base, write_limit;
  logic done, irq_job, error;
  logic [7:0] error_cause;
  logic [15:0] error_index, error_job;
  logic [31:0] error_addr;
  logic [15:0] layers, loads;
  logic [31:0] cycles;
  logic counter_re;
  logic [8:0] counter_raddr;
  logic [31:0] counter_rdata;

  psf_registers #(
      .Cfg(Cfg)
  ) u_regs (
      .clk_i,
      .rst_ni,
      .irq_o,
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
      .start_o        (start),
      .abort_o        (abort),
      .soft_reset_o   (soft_reset),
      .ring_write_o   (ring_write),
      .run_i          (run),
      .program_base_o (program_base),
      .weight_base_o  (weight_base),
      .image_base_o   (image_base),
      .result_base_o  (result_base),
      .program_count_o(program_count),
      .watchdog_o     (watchdog),
      .ring_base_o    (ring_base),
      .ring_size_o    (ring_size),
      .ring_head_o    (ring_head),
      .read_base_o    (read_base),
      .read_limit_o   (read_limit),
      .write_base_o   (write_base),
      .write_limit_o  (write_limit),
      .busy_i         (busy),
      .stuck_i        (stuck),
      .done_i         (done),
      .irq_job_i      (irq_job),
      .error_i        (error),
      .cause_i        (error_cause),
      .index_i        (error_index),
      .addr_i         (error_addr),
      .job_i          (error_job),
      .label_i,
      .cycles_i       (cycles),
      .layers_i       (layers),
      .loads_i        (loads),
      .ring_tail_i    (ring_tail),
      .counter_re_o   (counter_re),
      .counter_raddr_o(counter_raddr),
      .counter_rdata_i(counter_rdata)
  );

  // ---- Run control.
  logic idle, more, forget, program_empty, program_fault, bad_descriptor, job_retired, job_irq;
  logic read_idle, write_idle, read_fault, write_fault, load_fault, parity_q;
  logic fetch_parity, sequencer_parity, issue_parity, beat_parity, loader_parity;
  logic [7:0] read_cause, write_cause, load_cause, descriptor_cause;
  logic [15:0] front, read_tag, load_fault_index, descriptor_index, active_index;
  logic [31:0] read_fault_addr, write_fault_addr;

  assign program_empty = program_count == '0;
  assign program_fault = program_empty || bad_descriptor;

  always_ff @(posedge clk_i or negedge run_rst_n) begin
    if (!run_rst_n) parity_q <= 1'b0;
    else parity_q <= beat_parity || loader_parity;
  end

  psf_supervisor u_supervisor (
      .clk_i,
      .rst_ni,
      .run_rst_no     (run_rst_n),
      .idle_o         (idle),
      .run_i          (run),
      .abort_i        (abort),
      .soft_reset_i   (soft_reset),
      .forget_o       (forget),
      .busy_o         (busy),
      .stuck_o        (stuck),
      .stop_o         (stop),
      .bus_idle_i     (read_idle && write_idle),
      .watchdog_i     (watchdog),
      .cycles_o       (cycles),
      .job_i          (front),
      .retire_i       (job_retired),
      .more_i         (more),
      .irq_i          (job_irq),
      .retire_o       (retire),
      .irq_job_o      (irq_job),
      .done_o         (done),
      .error_o        (error),
      .cause_o        (error_cause),
      .index_o        (error_index),
      .addr_o         (error_addr),
      .job_o          (error_job),
      .read_fault_i   (read_fault),
      .read_cause_i   (read_cause),
      .read_addr_i    (read_fault_addr),
      .read_index_i   (read_tag),
      .write_fault_i  (write_fault),
      .write_cause_i  (write_cause),
      .write_addr_i   (write_fault_addr),
      .load_fault_i   (load_fault),
      .load_cause_i   (load_cause),
      .load_index_i   (load_fault_index),
      .parity_i       (fetch_parity || sequencer_parity || issue_parity || parity_q || fault_i[0]),
      .overrun_i      (fault_i[1]),
      .program_fault_i(program_fault),
      .program_cause_i(program_empty ? psf_pkg::ERROR_NO_END : descriptor_cause),
      .program_index_i(program_empty ? 16'd0 : descriptor_index),
      .active_index_i (active_index)
  );

  // ---- Reads: client 0 fetches descriptors, client 1 the jobs of the ring, client 2 loads.
  logic [2:0] cmd_valid, cmd_ready, beat_valid, beat_ready;
  logic [2:0][31:3] cmd_addr;
  logic [2:0][28:0] cmd_beats;
  logic [2:0][15:0] cmd_tag;
  logic [63:0] beat_data;

  psf_read_dma #(
      .AxiIdWidth(AxiIdWidth)
  ) u_read_dma (
      .clk_i,
      .rst_ni,
      .stop_i        (stop),
      .idle_o        (read_idle),
      .window_base_i (read_base),
      .window_limit_i(read_limit),
      .cmd_valid_i   (cmd_valid),
      .cmd_ready_o   (cmd_ready),
      .cmd_addr_i    (cmd_addr),
      .cmd_beats_i   (cmd_beats),
      .cmd_tag_i     (cmd_tag),
      .beat_valid_o  (beat_valid),
      .beat_ready_i  (beat_ready),
      .beat_data_o   (beat_data),
      .fault_valid_o (read_fault),
      .fault_cause_o (read_cause),
      .fault_addr_o  (read_fault_addr),
      .fault_tag_o   (read_tag),
      .m_axi_arid,
      .m_axi_araddr,
      .m_axi_arlen,
      .m_axi_arsize,
      .m_axi_arburst,
      .m_axi_arvalid,
      .m_axi_arready,
      .m_axi_rid,
      .m_axi_rdata,
      .m_axi_rresp,
      .m_axi_rlast,
      .m_axi_rvalid,
      .m_axi_rready
  );

  // ---- Jobs, their descriptors and what they say.
  logic job_valid, job_ready;
  psf_pkg::job_t job, desc_job;

  psf_job_queue u_job_queue (
      .clk_i,
      .rst_ni,
      .start_i      (start),
      .soft_reset_i (soft_reset),
      .ring_write_i (ring_write),
      .ring_head_i  (ring_head),
      .ring_base_i  (ring_base),
      .ring_size_i  (ring_size),
      .image_base_i (image_base),
      .result_base_i(result_base),
      .ring_tail_o  (ring_tail),
      .idle_i       (idle),
      .run_o        (run),
      .stop_i       (stop),
      .retire_i     (retire),
      .fail_i       (error),
      .more_o       (more),
      .front_o      (front),
      .job_valid_o  (job_valid),
      .job_ready_i  (job_ready && !program_empty),
      .job_o        (job),
      .cmd_valid_o  (cmd_valid[1]),
      .cmd_ready_i  (cmd_ready[1]),
      .cmd_addr_o   (cmd_addr[1]),
      .cmd_beats_o  (cmd_beats[1]),
      .beat_valid_i (beat_valid[1]),
      .beat_ready_o (beat_ready[1]),
      .beat_data_i  (beat_data)
  );

  assign cmd_tag[1] = '0;

  logic desc_valid, desc_ready, desc_last, desc_bad;
  logic [511:0] desc_data;
  logic [ 15:0] desc_index;

  psf_descriptor_fetch u_fetch (
      .clk_i,
      .rst_ni      (run_rst_n),
      .base_i      (program_base),
      .count_i     (program_count),
      .job_valid_i (job_valid && !program_empty),
      .job_ready_o (job_ready),
      .job_i       (job),
      .stop_i      (stop),
      .cmd_valid_o (cmd_valid[0]),
      .cmd_ready_i (cmd_ready[0]),
      .cmd_addr_o  (cmd_addr[0]),
      .cmd_beats_o (cmd_beats[0]),
      .cmd_tag_o   (cmd_tag[0]),
      .beat_valid_i(beat_valid[0]),
      .beat_ready_o(beat_ready[0]),
      .beat_data_i (beat_data),
      .desc_valid_o(desc_valid),
      .desc_ready_i(desc_ready),
      .desc_data_o (desc_data),
      .desc_index_o(desc_index),
      .desc_last_o (desc_last),
      .desc_job_o  (desc_job),
      .desc_bad_o  (desc_bad),
      .parity_o    (fetch_parity)
  );

  logic load_valid, load_ready, load_done, layer_retire, store_valid, store_ready, store_done;
  psf_pkg::load_t load;
  logic [15:0] load_index, store_logits;
  logic [31:3] load_base, store_addr;

  psf_sequencer #(
      .Cfg(Cfg)
  ) u_sequencer (
      .clk_i,
      .rst_ni        (run_rst_n),
      .stop_i        (stop),
      .weight_base_i (weight_base),
      .desc_valid_i  (desc_valid),
      .desc_ready_o  (desc_ready),
      .desc_data_i   (desc_data),
      .desc_index_i  (desc_index),
      .desc_last_i   (desc_last),
      .desc_job_i    (desc_job),
      .desc_bad_i    (desc_bad),
      .fault_valid_o (bad_descriptor),
      .fault_cause_o (descriptor_cause),
      .fault_index_o (descriptor_index),
      .parity_o      (sequencer_parity),
      .load_valid_o  (load_valid),
      .load_ready_i  (load_ready),
      .load_o        (load),
      .load_base_o   (load_base),
      .load_index_o  (load_index),
      .load_done_i   (load_done),
      .layer_start_o,
      .layer_o,
      .layer_done_i  (layer_retire),
      .store_valid_o (store_valid),
      .store_ready_i (store_ready),
      .store_addr_o  (store_addr),
      .store_logits_o(store_logits),
      .store_done_i  (store_done),
      .active_index_o(active_index),
      .retire_o      (job_retired),
      .irq_o         (job_irq)
  );

  // ---- Loads.
  logic unpack_valid, unpack_ready, unpack_check;
  logic [3:0] unpack_target;
  logic [7:0] unpack_words;
  logic [15:0] unpack_dest, unpack_index;
  logic [23:0] unpack_records;
  logic [31:0] unpack_crc;
  logic unpack_coded, unpack_block;
  logic [3:0] unpack_index_bits;
  logic [7:0] unpack_row_words;
  logic [15:0] unpack_first_word;
  logic [15:0][7:0] unpack_codebook;
  logic loader_valid, loader_ready;
  logic [63:0] loader_data;

  psf_fifo #(
      .Width(64),
      .Depth(8)
  ) u_beats (
      .clk_i,
      .rst_ni     (run_rst_n),
      .clear_i    (1'b0),
      .in_valid_i (beat_valid[2]),
      .in_ready_o (beat_ready[2]),
      .in_data_i  (beat_data),
      .out_valid_o(loader_valid),
      .out_ready_i(loader_ready),
      .out_data_o (loader_data),
      .error_o    (beat_parity)
  );

  psf_load_issue #(
      .Cfg(Cfg),
      .WeightBeats((Cfg.Lanes * SlotWidth + 63) / 64),
      .ParamBeats((2 * Cfg.Lanes * Cfg.AccWidth + 63) / 64),
      .MaskBeats((Cfg.LineWords * Cfg.Lanes + 63) / 64)
  ) u_load_issue (
      .clk_i,
      .rst_ni             (run_rst_n),
      .load_valid_i       (load_valid),
      .load_ready_o       (load_ready),
      .load_i             (load),
      .load_base_i        (load_base),
      .load_index_i       (load_index),
      .read_valid_o       (cmd_valid[2]),
      .read_ready_i       (cmd_ready[2]),
      .read_addr_o        (cmd_addr[2]),
      .read_beats_o       (cmd_beats[2]),
      .read_tag_o         (cmd_tag[2]),
      .unpack_valid_o     (unpack_valid),
      .unpack_ready_i     (unpack_ready),
      .unpack_target_o    (unpack_target),
      .unpack_words_o     (unpack_words),
      .unpack_dest_o      (unpack_dest),
      .unpack_records_o   (unpack_records),
      .unpack_index_o     (unpack_index),
      .unpack_check_o     (unpack_check),
      .unpack_crc_o       (unpack_crc),
      .unpack_coded_o     (unpack_coded),
      .unpack_block_o     (unpack_block),
      .unpack_index_bits_o(unpack_index_bits),
      .unpack_row_words_o (unpack_row_words),
      .unpack_first_word_o(unpack_first_word),
      .unpack_codebook_o  (unpack_codebook),
      .parity_o           (issue_parity)
  );

  psf_loader #(
      .Cfg(Cfg)
  ) u_loader (
      .clk_i,
      .rst_ni          (run_rst_n),
      .cmd_valid_i     (unpack_valid),
      .cmd_ready_o     (unpack_ready),
      .cmd_target_i    (unpack_target),
      .cmd_words_i     (unpack_words),
      .cmd_dest_i      (unpack_dest),
      .cmd_records_i   (unpack_records),
      .cmd_index_i     (unpack_index),
      .cmd_check_i     (unpack_check),
      .cmd_crc_i       (unpack_crc),
      .cmd_coded_i     (unpack_coded),
      .cmd_block_i     (unpack_block),
      .cmd_index_bits_i(unpack_index_bits),
      .cmd_row_words_i (unpack_row_words),
      .cmd_first_word_i(unpack_first_word),
      .cmd_codebook_i  (unpack_codebook),
      .beat_valid_i    (loader_valid),
      .beat_ready_o    (loader_ready),
      .beat_data_i     (loader_data),
      .weight_valid_o,
      .weight_ready_i,
      .weight_bank_o,
      .weight_addr_o,
      .weight_data_o,
      .row_valid_o,
      .row_bank_o,
      .row_addr_o,
      .row_data_o,
      .param_valid_o,
      .param_addr_o,
      .param_data_o,
      .mask_valid_o,
      .mask_addr_o,
      .mask_data_o,
      .spike_valid_o,
      .spike_ready_i,
      .spike_addr_o,
      .spike_words_o,
      .spike_data_o,
      .logit_valid_o,
      .logit_addr_o,
      .logit_data_o,
      .done_o          (load_done),
      .parity_o        (loader_parity),
      .fault_valid_o   (load_fault),
      .fault_cause_o   (load_cause),
      .fault_index_o   (load_fault_index)
  );

  // ---- Results and counters.
  psf_result_writer #(
      .AxiIdWidth(AxiIdWidth)
  ) u_result_writer (
      .clk_i,
      .rst_ni,
      .stop_i        (stop),
      .idle_o        (write_idle),
      .window_base_i (write_base),
      .window_limit_i(write_limit),
      .store_valid_i (store_valid),
      .store_ready_o (store_ready),
      .store_addr_i  (store_addr),
      .store_logits_i(store_logits),
      .cycles_i      (cycles),
      .label_i,
      .logit_raddr_o,
      .logit_rdata_i,
      .done_o        (store_done),
      .fault_valid_o (write_fault),
      .fault_cause_o (write_cause),
      .fault_addr_o  (write_fault_addr),
      .m_axi_awid,
      .m_axi_awaddr,
      .m_axi_awlen,
      .m_axi_awsize,
      .m_axi_awburst,
      .m_axi_awvalid,
      .m_axi_awready,
      .m_axi_wdata,
      .m_axi_wstrb,
      .m_axi_wlast,
      .m_axi_wvalid,
      .m_axi_wready,
      .m_axi_bid,
      .m_axi_bresp,
      .m_axi_bvalid,
      .m_axi_bready
  );

  psf_counters u_perf (
      .clk_i,
      .rst_ni,
      .start_i      (run),
      .stop_i       (stop),
      .clear_i      (forget),
      .layer_start_i(layer_start_o),
      .layer_id_i   (layer_o.id),
      .layer_done_i,
      .load_done_i  (load_done),
      .event_i,
      .retire_o     (layer_retire),
      .layers_o     (layers),
      .loads_o      (loads),
      .re_i         (counter_re),
      .raddr_i      (counter_raddr),
      .rdata_o      (counter_rdata)
  );

endmodule
