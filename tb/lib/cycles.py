# SPDX-License-Identifier: Apache-2.0
"""Benches that go cycle by cycle, and packed-array ports as lists of integers.

A cycle lasts from one falling edge of the clock to the next. Inputs change at its start, outputs
(registered and combinational alike) are read before its rising edge, so a handshake is seen by
bench and design in the same cycle.
"""

import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, Timer

from tb.lib.reset import enter

STALLS = (0.0, 0.5, 0.9)


def pack(values, width: int) -> int:
    """Element 0 in the low bits, ``width`` bits each."""
    return sum((v & ((1 << width) - 1)) << (i * width) for i, v in enumerate(values))


def unpack(value: int, width: int, count: int) -> list[int]:
    return [value >> (i * width) & ((1 << width) - 1) for i in range(count)]


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


class Cycles:
    """Clock, reset, garbage and access to packed ports."""

    def __init__(self, dut, **shape: int) -> None:
        self.dut = dut
        self.cycle = 0  # clock edges since the end of reset
        for name in os.environ.get("SHAPE", "").split(","):
            key, _, value = name.partition("=")
            setattr(self, key, int(value))
        for name, value in shape.items():
            setattr(self, name, value)

    def where(self) -> str:
        return f"cycle {self.cycle}, seed {cocotb.RANDOM_SEED}"

    def put(self, name: str, value, width: int | None = None) -> None:
        getattr(self.dut, name).value = value if width is None else pack(value, width)

    def get(self, name: str, width: int | None = None, count: int = 0):
        value = int(getattr(self.dut, name).value)
        return value if width is None else unpack(value, width, count)

    def trash(self, *names: str) -> None:
        """Random bits on payload ports."""
        for name in names:
            signal = getattr(self.dut, name)
            signal.value = random.getrandbits(len(signal))

    async def reset(self, zero=(), garbage=()) -> None:
        for name in zero:
            getattr(self.dut, name).value = 0
        self.trash(*garbage)
        await enter(self.dut)
        cocotb.start_soon(Clock(self.dut.clk_i, 10, unit="ns").start(start_high=False))
        for _ in range(3):
            await FallingEdge(self.dut.clk_i)
        self.dut.rst_ni.value = 1
        self.cycle = 0

    async def settle(self) -> None:
        """Let combinational outputs follow the inputs of this cycle."""
        await Timer(2, unit="ns")

    async def tick(self) -> None:
        await FallingEdge(self.dut.clk_i)
        self.cycle += 1
