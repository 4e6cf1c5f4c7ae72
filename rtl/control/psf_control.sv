// SPDX-License-Identifier: Apache-2.0
//
// Everything between the host and the datapath: registers (AXI4-Lite), the program, loads (AXI read),
// results (AXI write), the order of layers, performance counters. Loads stream while layers run.
// Datapath side: layer_start_o pulses with layer_o, which then holds; layer_done_i pulses 2 or more
// cycles later and a new layer_start_o may follow in the next cycle. Row, parameter and logit writes
// are always taken; weight and spike writes hold until taken. A layer that waits for a load starts at
// least 2 cycles after the load's last write was taken. event_i adds to counters 1 to 6.

module psf_control #(
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
  parameter int unsigned AxiIdWidth = 1,
  localparam int unsigned SlotWidth = $clog2(AccDepth) + 8
) (
  input  logic                          clk_i,
  input  logic                          rst_ni,
  output logic                          irq_o,
  // Registers.
  input  logic [11:0]                   s_axil_awaddr,
  input  logic                          s_axil_awvalid,
  output logic                          s_axil_awready,
  input  logic [31:0]                   s_axil_wdata,
  input  logic [ 3:0]                   s_axil_wstrb,
  input  logic                          s_axil_wvalid,
  output logic                          s_axil_wready,
  output logic [ 1:0]                   s_axil_bresp,
  output logic                          s_axil_bvalid,
  input  logic                          s_axil_bready,
  input  logic [11:0]                   s_axil_araddr,
  input  logic                          s_axil_arvalid,
  output logic                          s_axil_arready,
  output logic [31:0]                   s_axil_rdata,
  output logic [ 1:0]                   s_axil_rresp,
  output logic                          s_axil_rvalid,
  input  logic                          s_axil_rready,
  // Memory.
  output logic [AxiIdWidth-1:0]         m_axi_awid,
  output logic [31:0]                   m_axi_awaddr,
  output logic [ 7:0]                   m_axi_awlen,
  output logic [ 2:0]                   m_axi_awsize,
  output logic [ 1:0]                   m_axi_awburst,
  output logic                          m_axi_awvalid,
  input  logic                          m_axi_awready,
  output logic [63:0]                   m_axi_wdata,
  output logic [ 7:0]                   m_axi_wstrb,
  output logic                          m_axi_wlast,
  output logic                          m_axi_wvalid,
  input  logic                          m_axi_wready,
  input  logic [AxiIdWidth-1:0]         m_axi_bid,
  input  logic [ 1:0]                   m_axi_bresp,
  input  logic                          m_axi_bvalid,
  output logic                          m_axi_bready,
  output logic [AxiIdWidth-1:0]         m_axi_arid,
  output logic [31:0]                   m_axi_araddr,
  output logic [ 7:0]                   m_axi_arlen,
  output logic [ 2:0]                   m_axi_arsize,
  output logic [ 1:0]                   m_axi_arburst,
  output logic                          m_axi_arvalid,
  input  logic                          m_axi_arready,
  input  logic [AxiIdWidth-1:0]         m_axi_rid,
  input  logic [63:0]                   m_axi_rdata,
  input  logic [ 1:0]                   m_axi_rresp,
  input  logic                          m_axi_rlast,
  input  logic                          m_axi_rvalid,
  output logic                          m_axi_rready,
  // Datapath.
  output logic                          layer_start_o,
  output psf_pkg::layer_t               layer_o,
  input  logic                          layer_done_i,
  output logic                          weight_valid_o,
  input  logic                          weight_ready_i,
  output logic [$clog2(Banks)-1:0]      weight_bank_o,
  output logic [$clog2(BankDepth)-1:0]  weight_addr_o,
  output logic [Lanes*SlotWidth-1:0]    weight_data_o,
  output logic                          row_valid_o,
  output logic [$clog2(Banks)-1:0]      row_bank_o,
  output logic [$clog2(RowDepth)-1:0]   row_addr_o,
  output logic [31:0]                   row_data_o,
  output logic                          param_valid_o,
  output logic [$clog2(ParamDepth)-1:0] param_addr_o,
  output logic [2*Lanes*AccWidth-1:0]   param_data_o,
  output logic                          spike_valid_o,
  input  logic                          spike_ready_i,
  output logic [$clog2(SpikeLines)-1:0] spike_addr_o,
  output logic [LineWords-1:0]          spike_words_o,
  output logic [LineWords*Lanes-1:0]    spike_data_o,
  output logic                          logit_valid_o,
  output logic [15:0]                   logit_addr_o,
  output logic [31:0]                   logit_data_o,
  input  logic [15:0]                   label_i,
  output logic [15:0]                   logit_raddr_o,
  input  logic [31:0]                   logit_rdata_i,
  input  logic [5:0][7:0]               event_i         // [0] is counter 1
);

  logic start, finish;
  logic [31:3] program_base, weight_base, image_base, result_base;
  logic [7:0] finish_cause;
  logic [15:0] finish_index, layers, loads;
  logic [31:0] cycles;
  logic counter_re;
  logic [8:0] counter_raddr;
  logic [31:0] counter_rdata;

  psf_axil_regs #(
    .Groups(Groups),
    .Lanes(Lanes),
    .Banks(Banks),
    .LineWords(LineWords),
    .AccDepth(AccDepth),
    .AccWidth(AccWidth),
    .StreamWidth(StreamWidth),
    .BankDepth(BankDepth),
    .RowDepth(RowDepth),
    .ParamDepth(ParamDepth),
    .SpikeLines(SpikeLines),
    .StreamDepth(StreamDepth),
    .PatchLines(PatchLines)
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
    .program_base_o (program_base),
    .weight_base_o  (weight_base),
    .image_base_o   (image_base),
    .result_base_o  (result_base),
    .finish_i       (finish),
    .finish_cause_i (finish_cause),
    .finish_index_i (finish_index),
    .label_i,
    .cycles_i       (cycles),
    .layers_i       (layers),
    .loads_i        (loads),
    .counter_re_o   (counter_re),
    .counter_raddr_o(counter_raddr),
    .counter_rdata_i(counter_rdata)
  );

  // Reads: client 0 fetches descriptors, client 1 loads.
  logic [1:0] cmd_valid, cmd_ready, beat_valid, beat_ready;
  logic [1:0][31:3] cmd_addr;
  logic [1:0][28:0] cmd_beats;
  logic [63:0] beat_data;
  logic beat_error;

  psf_read_dma #(
    .AxiIdWidth(AxiIdWidth)
  ) u_read_dma (
    .clk_i,
    .rst_ni,
    .cmd_valid_i (cmd_valid),
    .cmd_ready_o (cmd_ready),
    .cmd_addr_i  (cmd_addr),
    .cmd_beats_i (cmd_beats),
    .beat_valid_o(beat_valid),
    .beat_ready_i(beat_ready),
    .beat_data_o (beat_data),
    .beat_error_o(beat_error),
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

  logic fetch_stop, fetch_idle, desc_valid, desc_ready, desc_error;
  logic [511:0] desc_data;
  logic [15:0] desc_index;

  psf_descriptor_fetch u_fetch (
    .clk_i,
    .rst_ni,
    .start_i     (start),
    .base_i      (program_base),
    .stop_i      (fetch_stop),
    .idle_o      (fetch_idle),
    .cmd_valid_o (cmd_valid[0]),
    .cmd_ready_i (cmd_ready[0]),
    .cmd_addr_o  (cmd_addr[0]),
    .cmd_beats_o (cmd_beats[0]),
    .beat_valid_i(beat_valid[0]),
    .beat_ready_o(beat_ready[0]),
    .beat_data_i (beat_data),
    .beat_error_i(beat_error),
    .desc_valid_o(desc_valid),
    .desc_ready_i(desc_ready),
    .desc_data_o (desc_data),
    .desc_index_o(desc_index),
    .desc_error_o(desc_error)
  );

  logic load_valid, load_ready, load_done, load_error, layer_retire;
  logic store_valid, store_ready, store_done, store_error;
  psf_pkg::load_t load;
  logic [15:0] load_index, load_done_index, store_logits;
  logic [31:3] store_offset;

  psf_sequencer u_sequencer (
    .clk_i,
    .rst_ni,
    .start_i          (start),
    .finish_o         (finish),
    .finish_cause_o   (finish_cause),
    .finish_index_o   (finish_index),
    .cycles_o         (cycles),
    .layers_o         (layers),
    .loads_o          (loads),
    .fetch_stop_o     (fetch_stop),
    .fetch_idle_i     (fetch_idle),
    .desc_valid_i     (desc_valid),
    .desc_ready_o     (desc_ready),
    .desc_data_i      (desc_data),
    .desc_index_i     (desc_index),
    .desc_error_i     (desc_error),
    .load_valid_o     (load_valid),
    .load_ready_i     (load_ready),
    .load_o           (load),
    .load_index_o     (load_index),
    .load_done_i      (load_done),
    .load_error_i     (load_error),
    .load_done_index_i(load_done_index),
    .layer_start_o,
    .layer_o,
    .layer_done_i     (layer_retire),
    .store_valid_o    (store_valid),
    .store_ready_i    (store_ready),
    .store_offset_o   (store_offset),
    .store_logits_o   (store_logits),
    .store_done_i     (store_done),
    .store_error_i    (store_error)
  );

  logic unpack_valid, unpack_ready;
  logic [3:0] unpack_target;
  logic [7:0] unpack_words;
  logic [15:0] unpack_dest, unpack_index;
  logic [23:0] unpack_records;
  logic loader_valid, loader_ready, loader_error;
  logic [63:0] loader_data;

  psf_fifo #(
    .Width(65),
    .Depth(8)
  ) u_beats (
    .clk_i,
    .rst_ni,
    .clear_i    (1'b0),
    .in_valid_i (beat_valid[1]),
    .in_ready_o (beat_ready[1]),
    .in_data_i  ({beat_error, beat_data}),
    .out_valid_o(loader_valid),
    .out_ready_i(loader_ready),
    .out_data_o ({loader_error, loader_data})
  );

  psf_load_issue #(
    .Lanes(Lanes),
    .WeightBeats((Lanes * SlotWidth + 63) / 64),
    .ParamBeats ((2 * Lanes * AccWidth + 63) / 64)
  ) u_load_issue (
    .clk_i,
    .rst_ni,
    .weight_base_i (weight_base),
    .image_base_i  (image_base),
    .load_valid_i  (load_valid),
    .load_ready_o  (load_ready),
    .load_i        (load),
    .load_index_i  (load_index),
    .read_valid_o  (cmd_valid[1]),
    .read_ready_i  (cmd_ready[1]),
    .read_addr_o   (cmd_addr[1]),
    .read_beats_o  (cmd_beats[1]),
    .unpack_valid_o(unpack_valid),
    .unpack_ready_i(unpack_ready),
    .unpack_target_o(unpack_target),
    .unpack_words_o(unpack_words),
    .unpack_dest_o (unpack_dest),
    .unpack_records_o(unpack_records),
    .unpack_index_o(unpack_index)
  );

  psf_loader #(
    .Lanes(Lanes),
    .Banks(Banks),
    .LineWords(LineWords),
    .SlotWidth(SlotWidth),
    .AccWidth(AccWidth),
    .BankDepth(BankDepth),
    .RowDepth(RowDepth),
    .ParamDepth(ParamDepth),
    .SpikeLines(SpikeLines)
  ) u_loader (
    .clk_i,
    .rst_ni,
    .cmd_valid_i (unpack_valid),
    .cmd_ready_o (unpack_ready),
    .cmd_target_i (unpack_target),
    .cmd_words_i (unpack_words),
    .cmd_dest_i  (unpack_dest),
    .cmd_records_i(unpack_records),
    .cmd_index_i (unpack_index),
    .beat_valid_i(loader_valid),
    .beat_ready_o(loader_ready),
    .beat_data_i (loader_data),
    .beat_error_i(loader_error),
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
    .spike_valid_o,
    .spike_ready_i,
    .spike_addr_o,
    .spike_words_o,
    .spike_data_o,
    .logit_valid_o,
    .logit_addr_o,
    .logit_data_o,
    .done_o      (load_done),
    .done_error_o(load_error),
    .done_index_o(load_done_index)
  );

  psf_result_writer #(
    .AxiIdWidth(AxiIdWidth)
  ) u_result_writer (
    .clk_i,
    .rst_ni,
    .store_valid_i (store_valid),
    .store_ready_o (store_ready),
    .store_addr_i  (result_base + store_offset),
    .store_logits_i(store_logits),
    .cycles_i      (cycles),
    .label_i,
    .logit_raddr_o,
    .logit_rdata_i,
    .done_o        (store_done),
    .error_o       (store_error),
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

  psf_perf u_perf (
    .clk_i,
    .rst_ni,
    .start_i      (start),
    .layer_start_i(layer_start_o),
    .layer_id_i   (layer_o.id),
    .layer_done_i,
    .event_i,
    .retire_o     (layer_retire),
    .re_i         (counter_re),
    .raddr_i      (counter_raddr),
    .rdata_o      (counter_rdata)
  );

endmodule
