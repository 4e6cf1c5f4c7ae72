# SPDX-License-Identifier: Apache-2.0
"""Clock and reset of a bench."""

from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import ClockCycles, RisingEdge


async def start(dut) -> None:
    """Start a 10 ns clock and hold the reset for three cycles. Call it before any time passes.

    Immediate, because Verilator's random start values can make a rising edge without reset before
    the first ordinary write; and an ordinary write, because Icarus forgets the other one.
    """
    for signal in (dut.rst_ni, dut.clk_i):
        signal.value = Immediate(0)
    dut.rst_ni.value = 0
    Clock(dut.clk_i, 10, unit="ns").start(start_high=False)
    await ClockCycles(dut.clk_i, 3)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)
