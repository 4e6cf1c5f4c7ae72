# SPDX-License-Identifier: Apache-2.0
"""What test_runner.py has the runner run: benches that pass, fail, hang and break a promise."""

import os

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import FallingEdge, Timer


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def harness(dut) -> None:
    """The harness clocks itself where it can; its counter runs through the design's memory."""
    if os.environ.get("CLOCK") == "python":
        cocotb.start_soon(Clock(dut.clk_i, 10, "ns").start())
    for _ in range(100):
        await FallingEdge(dut.clk_i if os.environ.get("CLOCK") == "python" else dut.clk)
    assert int(dut.rdata_o.value) > 50
    assert "x" not in str(dut.rdata_o.value).lower()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def wrong(dut) -> None:
    await Timer(1, "ns")
    raise AssertionError("expected 1, got 2")


@cocotb.test()
async def hang(dut) -> None:
    for name in ("clk_i", "we_i", "re_i"):  # a random start value is no edge and no access
        getattr(dut, name).value = Immediate(0)
    while True:
        await Timer(1, "ns")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def out_of_range(dut) -> None:
    """Write behind the last word of a memory whose depth is no power of two."""
    dut.clk_i.value = Immediate(0)
    cocotb.start_soon(Clock(dut.clk_i, 10, "ns").start(start_high=False))
    dut.we_i.value, dut.re_i.value, dut.raddr_i.value = 0, 0, 0
    await FallingEdge(dut.clk_i)
    dut.we_i.value, dut.waddr_i.value, dut.wdata_i.value = 1, 7, 0
    for _ in range(3):
        await FallingEdge(dut.clk_i)
