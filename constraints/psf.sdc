# SPDX-License-Identifier: Apache-2.0
# psf_top as a block, for a tool that reads SDC. As it stands it constrains psf_top as the top of a
# synthesis out of context. In a larger design, set psf_cell to the instance and psf_clock to the clock
# that it gets: the ports below are then its pins, and the delays at the bus are those of the design.
#   period: of clk_i, in ns; share: of the period that the bus outside may use, at each end.
if {![info exists psf_period]} { set psf_period 10.0 }
if {![info exists psf_share]} { set psf_share 0.3 }
set psf_outside [expr {$psf_period * $psf_share}]

create_clock -name psf_clk -period $psf_period [get_ports clk_i]
set_clock_uncertainty [expr {$psf_period * 0.02}] [get_clocks psf_clk]

# Every signal of both buses and the interrupt belongs to clk_i. No path leads from an input to an
# output, so each delay costs one end of one path only.
set_input_delay $psf_outside -clock psf_clk [get_ports {s_axil_awaddr* s_axil_awvalid s_axil_wdata* s_axil_wstrb* s_axil_wvalid s_axil_bready s_axil_araddr* s_axil_arvalid s_axil_rready}]
set_output_delay $psf_outside -clock psf_clk [get_ports {s_axil_awready s_axil_wready s_axil_bresp* s_axil_bvalid s_axil_arready s_axil_rdata* s_axil_rresp* s_axil_rvalid}]
set_input_delay $psf_outside -clock psf_clk [get_ports {m_axi_awready m_axi_wready m_axi_bid* m_axi_bresp* m_axi_bvalid m_axi_arready m_axi_rid* m_axi_rdata* m_axi_rresp* m_axi_rlast m_axi_rvalid}]
set_output_delay $psf_outside -clock psf_clk [get_ports {m_axi_awid* m_axi_awaddr* m_axi_awlen* m_axi_awvalid m_axi_wdata* m_axi_wlast m_axi_wvalid m_axi_bready m_axi_arid* m_axi_araddr* m_axi_arlen* m_axi_arvalid m_axi_rready}]
set_output_delay $psf_outside -clock psf_clk [get_ports irq_o]

# Constants.
set_false_path -to [get_ports {m_axi_awid* m_axi_awsize* m_axi_awburst* m_axi_awlock m_axi_awcache* m_axi_awprot* m_axi_wstrb* m_axi_arid* m_axi_arsize* m_axi_arburst* m_axi_arlock m_axi_arcache* m_axi_arprot*}]

# The reset: asserted at any time; released by a flop of this clock (see the integration page), so
# that its way to the flops is a recovery check like any other and no false path.
set_input_delay $psf_outside -clock psf_clk [get_ports rst_ni]
