# SPDX-License-Identifier: Apache-2.0
# psf_top synthesised out of context by Vivado: the clock that a design will bring. Untested here.
create_clock -name psf_clk -period 10.000 [get_ports clk_i]
