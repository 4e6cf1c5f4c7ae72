# SPDX-License-Identifier: Apache-2.0
# psf_top inside a Vivado design: read it with `read_xdc -ref psf_top`, which the IP-XACT core of
# constraints/package_ip.tcl does. Untested here: there was no Vivado at hand.
# The clock comes from the design, so this file creates none; nothing in the block crosses clocks.

# Constants at the bus.
set_false_path -to [get_ports {m_axi_awid[*] m_axi_awsize[*] m_axi_awburst[*] m_axi_awlock m_axi_awcache[*] m_axi_awprot[*] m_axi_wstrb[*] m_axi_arid[*] m_axi_arsize[*] m_axi_arburst[*] m_axi_arlock m_axi_arcache[*] m_axi_arprot[*]}]
