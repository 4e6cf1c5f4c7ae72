# SPDX-License-Identifier: Apache-2.0
"""Clock and reset of a bench."""

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import ClockCycles, RisingEdge, Timer


def at_once(handle, value: int) -> None:
    """Write before anything else happens.

    Icarus has no random start values, and does not tell continuous assignments of an immediate
    write: an ordinary one of the same value behind it would be none.
    """
    if not cocotb.SIM_NAME.startswith("Icarus"):
        handle.value = Immediate(value)
    handle.value = value


async def enter(dut) -> None:
    """Low clock, and a falling edge of the reset before any of the clock. Call it first of all.

    Immediate, because random start values can make a clock edge before the first ordinary write,
    and set registers that assertions look at and that only the edge of the reset clears; and an
    ordinary write, because Icarus forgets the other one.
    """
    dut.clk_i.value, dut.rst_ni.value = Immediate(0), Immediate(1)
    await Timer(1, "ns")
    dut.rst_ni.value = Immediate(0)
    dut.rst_ni.value = 0


async def start(dut) -> None:
    """Enter the reset, start a 10 ns clock and hold the reset for three cycles."""
    await enter(dut)
    Clock(dut.clk_i, 10, unit="ns").start(start_high=False)
    await ClockCycles(dut.clk_i, 3)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)
