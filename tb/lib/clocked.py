# SPDX-License-Identifier: Apache-2.0
"""Lock-step driving of one module: clock, reset, and one Python model evaluated every cycle.

Inputs change at the falling edge; outputs are read before the rising edge. Registered outputs may
be read at the falling edge at once, those that depend on inputs after ``settle``::

    bench.set(valid_i=1)           # just after a falling edge
    await bench.settle()           # combinational outputs follow
    if bench.get("ready_o"): ...
    await bench.tick()             # rising edge, then the next falling edge
"""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import FallingEdge, Timer

from tb.lib.reset import enter

STALLS = (0.0, 0.5, 0.9)
SEED = cocotb.RANDOM_SEED  # of the whole run; inside a test cocotb derives one from it


class Clocked:
    """Clock and reset of ``dut``; every input is zero until it is set."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.now = 0
        cocotb.log.info("SEED=%s", SEED)

    async def reset(self, **inputs: int) -> None:
        """Start the clock, drive ``inputs``, reset for some cycles (a module without is fine)."""
        registered = hasattr(self.dut, "rst_ni")
        if registered:
            await enter(self.dut)
        else:
            self.dut.clk_i.value = Immediate(0)
        self.set(**inputs)
        cocotb.start_soon(Clock(self.dut.clk_i, 10, "ns").start(start_high=False))
        if registered:
            await self.tick()
            await self.tick()
            await self.tick()
            self.dut.rst_ni.value = 1
        await self.tick()

    def set(self, **inputs: int) -> None:
        for name, value in inputs.items():
            getattr(self.dut, name).value = value

    def get(self, name: str) -> int:
        return int(getattr(self.dut, name).value)

    def width(self, name: str) -> int:
        return len(getattr(self.dut, name))

    async def settle(self) -> None:
        await Timer(1, "ns")

    async def tick(self) -> None:
        await FallingEdge(self.dut.clk_i)
        self.now += 1

    def noise(self, *names: str) -> None:
        """Garbage on inputs whose valid is low."""
        for name in names:
            getattr(self.dut, name).value = random.getrandbits(self.width(name))

    def equal(self, what: str, got: object, expected: object) -> None:
        assert got == expected, (
            f"cycle {self.now}: {what}: expected {expected}, got {got}, SEED={SEED}"
        )

    def check(self, condition: object, what: str) -> None:
        assert condition, f"cycle {self.now}: {what}, SEED={SEED}"


def coin(probability: float) -> bool:
    """True with this probability."""
    return random.random() < probability


def word(width: int, density: float) -> int:
    """``width`` bits, each set with probability ``density``."""
    return sum(coin(density) << i for i in range(width))
