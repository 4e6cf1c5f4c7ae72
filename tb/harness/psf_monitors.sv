// SPDX-License-Identifier: Apache-2.0
// Connects psf_events and psf_timeline to the signals inside the accelerator of psf_tb_top. The only
// place that knows their hierarchical names; none of them is left in the netlist that Icarus
// simulates, so psf_tb_top has this module under Verilator only. Costs next to nothing while closed.

`define PSF_CONTROL psf_tb_top.u_accel.u_control
`define PSF_DATAPATH psf_tb_top.u_accel.u_datapath
`define PSF_GROUP `PSF_DATAPATH.u_groups.gen_group[g].u_group

module psf_monitors #(
    parameter Groups = 4,
    parameter Lanes = 16,
    parameter Banks = 8,
    parameter LineWords = 8,
    parameter AccDepth = 16,
    parameter BusBytes = 8
) (
    input wire clk_i,
    input wire events_open_i,
    input wire timeline_open_i,
    input wire close_i
);

  localparam SlotWidth = $clog2(AccDepth) + 8;

  wire active = `PSF_CONTROL.u_host.u_perf.active_q;
  wire [7:0] layer = psf_tb_top.u_accel.layer.id;

  // Groups.
  wire [Groups-1:0] add, acc_drain, acc_clear, neuron, drained, complete;
  wire [Groups-1:0] membrane_read, membrane_write;
  wire [Groups-1:0] patch_read, patch_write, param_read, param_write;
  wire [Groups*Lanes-1:0] nonzero;
  wire [Groups*6-1:0] events;
  genvar g, p, b;
  for (g = 0; g < Groups; g = g + 1) begin : gen_group
    wire [Lanes-1:0] bits;
    wire key_value;
    assign add[g] = `PSF_GROUP.add_valid;
    assign bits = `PSF_GROUP.kv_bits;
    assign key_value = `PSF_GROUP.u_lanes.key_value_q;
    for (p = 0; p < Lanes; p = p + 1) begin : gen_lane
      assign nonzero[g*Lanes+p] = add[g] && (key_value ? bits[p]
          : |`PSF_GROUP.word_data_i[p*SlotWidth+:8]);
    end
    assign acc_drain[g] = `PSF_GROUP.drain_read;
    assign acc_clear[g] = `PSF_GROUP.drain_read || !`PSF_GROUP.u_lanes.ready_o;
    assign complete[g] = |`PSF_GROUP.complete;
    assign events[6*g+:6] = `PSF_GROUP.event_o;
    assign drained[g] = `PSF_GROUP.trace_valid_o;
    assign neuron[g] = `PSF_GROUP.u_drain.u_stages.line_valid_o;
    assign membrane_read[g] = `PSF_GROUP.u_drain.u_stages.u_neurons.u_membranes.read_i;
    assign membrane_write[g] = `PSF_GROUP.u_drain.u_stages.u_neurons.u_membranes.write_i;
    assign param_read[g] = `PSF_GROUP.u_drain.u_stages.u_params.re_i;
    assign param_write[g] = `PSF_GROUP.u_drain.u_stages.u_params.we_i;
    assign patch_read[g] = `PSF_GROUP.u_path.u_fetch.u_patch.re_i;
    assign patch_write[g] = `PSF_GROUP.u_path.u_fetch.u_patch.we_i;
  end

  // Spike memory and residual stream: a bank per group.
  wire [Groups-1:0] spike_read, stream_read, stream_write;
  wire [Groups*LineWords-1:0] spike_write;
  for (g = 0; g < Groups; g = g + 1) begin : gen_store
    assign spike_read[g] = `PSF_DATAPATH.u_activations.u_spikes.gen_bank[g].u_ram.re_i;
    assign spike_write[g*LineWords+:LineWords] =
        `PSF_DATAPATH.u_activations.u_spikes.gen_bank[g].u_ram.we_i;
    assign stream_read[g] = `PSF_DATAPATH.u_activations.u_stream.gen_bank[g].u_ram.re_i;
    assign stream_write[g] = `PSF_DATAPATH.u_activations.u_stream.gen_bank[g].u_ram.we_i;
  end
  reg spike_load_q;  // the write stage holds a line of the loader
  always @(posedge clk_i) begin
    spike_load_q <= `PSF_DATAPATH.u_activations.u_spikes.ld_valid_i
        && `PSF_DATAPATH.u_activations.u_spikes.ld_ready_o;
  end

  // Weight banks.
  wire [Banks-1:0] word_read, word_write, row_read, row_write, bank_valid;
  wire [Banks*8-1:0] bank_group;
  for (b = 0; b < Banks; b = b + 1) begin : gen_bank
    assign word_read[b] = `PSF_DATAPATH.u_weights.u_banks.gen_bank[b].u_bank.u_words.re_i;
    assign word_write[b] = `PSF_DATAPATH.u_weights.u_banks.gen_bank[b].u_bank.u_words.we_i;
    assign row_read[b] = `PSF_DATAPATH.u_weights.u_banks.gen_bank[b].u_bank.u_rows.re_i;
    assign row_write[b] = `PSF_DATAPATH.u_weights.u_banks.gen_bank[b].u_bank.u_rows.we_i;
    assign bank_valid[b] = `PSF_DATAPATH.u_weights.u_banks.gen_bank[b].u_bank.words_valid_q;
    assign bank_group[8*b+:8] = {
      {(8 - $clog2(Groups)) {1'b0}},
      `PSF_DATAPATH.u_weights.u_banks.gen_bank[b].u_bank.words_group_q
    };
  end

  psf_events #(
      .Groups(Groups),
      .Lanes(Lanes),
      .Banks(Banks),
      .LineWords(LineWords),
      .BusBytes(BusBytes)
  ) u_events (
      .clk_i(clk_i),
      .open_i(events_open_i),
      .close_i(close_i),
      .active_i(active),
      .layer_i(layer),
      .add_i(add),
      .nonzero_i(nonzero),
      .acc_drain_i(acc_drain),
      .acc_clear_i(acc_clear),
      .neuron_i(neuron),
      .membrane_read_i(membrane_read),
      .membrane_write_i(membrane_write),
      .drained_i(drained),
      .word_read_i(word_read),
      .word_write_i(word_write),
      .word_dump_i(`PSF_DATAPATH.u_weights.u_banks.word_is_dump_q),
      .row_read_i(row_read),
      .row_write_i(row_write),
      .spike_read_i(spike_read),
      .spike_write_i(spike_write),
      .spike_load_i(spike_load_q),
      .patch_read_i(patch_read),
      .patch_write_i(patch_write),
      .stream_read_i(stream_read),
      .stream_write_i(stream_write),
      .param_read_i(param_read),
      .param_write_i(param_write),
      .logit_add_i(|`PSF_DATAPATH.u_head.word_ready_o),
      .logit_write_i(`PSF_DATAPATH.u_head.logit_valid_i),
      .ar_i(psf_tb_top.u_accel.m_axi_arvalid && psf_tb_top.u_accel.m_axi_arready),
      .r_i(psf_tb_top.u_accel.m_axi_rvalid && psf_tb_top.u_accel.m_axi_rready),
      .aw_i(psf_tb_top.u_accel.m_axi_awvalid && psf_tb_top.u_accel.m_axi_awready),
      .w_i(psf_tb_top.u_accel.m_axi_wvalid && psf_tb_top.u_accel.m_axi_wready),
      .wstrb_i(psf_tb_top.u_accel.m_axi_wstrb)
  );

  psf_timeline #(
      .Groups(Groups),
      .Banks (Banks)
  ) u_timeline (
      .clk_i(clk_i),
      .open_i(timeline_open_i),
      .close_i(close_i),
      .active_i(active),
      .layer_i(layer),
      .busy_i(`PSF_CONTROL.u_host.status.busy),
      .irq_i(psf_tb_top.u_accel.irq_o),
      .load_i(!`PSF_CONTROL.u_load.u_loader.cmd_ready_o),
      .load_index_i(`PSF_CONTROL.u_load.u_loader.u_steps.index_q),
      .read_idle_i(`PSF_CONTROL.read_idle),
      .read_beat_i(psf_tb_top.u_accel.m_axi_rvalid && psf_tb_top.u_accel.m_axi_rready),
      .write_idle_i(`PSF_CONTROL.u_host.write_idle),
      .event_i(events),
      .drain_i(drained),
      .complete_i(complete),
      .bank_read_i(word_read),
      .bank_group_i(bank_group),
      .bank_valid_i(bank_valid)
  );

endmodule
