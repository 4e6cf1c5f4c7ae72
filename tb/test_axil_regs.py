# SPDX-License-Identifier: Apache-2.0
"""psf_axil_regs: the register map, strobes, channel orders, start and interrupt."""

from tb import runner


def test_axil_regs() -> None:
    runner.run("psf_axil_regs", "tb.axil_regs_tests", {"Lanes": 16, "SpikeLines": 2048})
