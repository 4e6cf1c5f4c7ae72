# SPDX-License-Identifier: Apache-2.0
"""The base of every bench: clock, reset, drivers, access to ports, comparisons.

A bench goes in one of two ways. Lock-step, with a Python model that is evaluated in every cycle:
inputs change at the falling edge, outputs are read before the rising one, so that bench and design
see a handshake in the same cycle. Registered outputs may be read at the falling edge at once, those
that depend on inputs after ``settle``::

    await bench.reset(valid_i=0)   # starts the clock
    bench.set(valid_i=1)           # just after a falling edge
    await bench.settle()           # combinational outputs follow
    if bench.get("ready_o"): ...
    await bench.tick()             # rising edge, then the next falling edge

Or by streams: sources and sinks (tb.lib.stream) that live at rising edges, from ``start`` on::

    bench.commands = bench.source("cmd", ("addr", "beats"), stall)
    bench.words = bench.sink("word", ("data",), stall, on_item=bench.compare)
    await bench.start()
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Self

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, Timer

from golden.hardware.interface import packing
from tb.lib.bits import pack, unpack
from tb.lib.stream import Sink, Source, scramble

# pytest reads the benches as well, and has neither a simulator nor a seed.
SEED: int = getattr(cocotb, "RANDOM_SEED", 0)  # of the whole run; a test has one derived from it
HIDDEN: bool = (
    getattr(cocotb, "SIM_NAME", "") != "Verilator"
)  # the inside: a netlist has other names


def at_once(handle, value: int) -> None:
    """Write before anything else happens.

    Icarus has no random start values, and does not tell continuous assignments of an immediate
    write: an ordinary one of the same value behind it would be none.
    """
    if not cocotb.SIM_NAME.startswith("Icarus"):
        handle.value = Immediate(value)
    handle.value = value


class Bench:
    """Around ``dut``; ``now`` counts its clock edges since the end of the reset."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.now = 0
        self.fell: set[str] = set()  # outputs that a reset has made 0
        cocotb.log.info("SEED=%s", SEED)

    # ---- clock and reset

    async def asleep(self) -> None:
        """Low clock, and a falling edge of the reset before any of the clock.

        Immediate, because random start values can make a clock edge before the first ordinary
        write, and set registers that assertions look at and that only the edge of the reset clears;
        and an ordinary write, because Icarus forgets the other one.
        """
        self.dut.clk_i.value, self.dut.rst_ni.value = Immediate(0), Immediate(1)
        await Timer(1, "ns")
        self.dut.rst_ni.value = Immediate(0)
        self.dut.rst_ni.value = 0

    async def reset(self, **inputs: int) -> None:
        """Start the clock, drive ``inputs``, reset for three cycles (a module without is fine)."""
        registered = hasattr(self.dut, "rst_ni")
        if registered:
            await self.asleep()
        else:
            self.dut.clk_i.value = Immediate(0)
        self.set(**inputs)
        cocotb.start_soon(Clock(self.dut.clk_i, 10, "ns").start(start_high=False))
        if registered:
            for _ in range(3):
                await self.tick()
            self.dut.rst_ni.value = 1
        self.now = 0
        await self.tick()

    async def start(self) -> None:
        """Start the clock, reset for three cycles; returns just after a rising edge."""
        await self.asleep()
        Clock(self.dut.clk_i, 10, "ns").start(start_high=False)
        await ClockCycles(self.dut.clk_i, 3)
        self.dut.rst_ni.value = 1
        await RisingEdge(self.dut.clk_i)

    async def check_reset(self, *outputs: str, **inputs: int) -> None:
        """Amid whatever goes on, a reset: ``outputs`` are 0 at once and stay so behind it.

        At once: before a clock edge, and before ``inputs`` are driven, so that nothing but the
        reset can be the reason. What was not 0 just before it is added to ``fell``.
        """
        self.fell |= {name for name in outputs if self.get(name)}
        for cycle, released in enumerate((0, 0, 0, 1, 1, 1)):
            self.set(rst_ni=released, **(inputs if cycle else {}))
            await self.settle()
            for name in outputs:
                self.equal(f"{name}, cycle {cycle} of a reset", self.get(name), 0)
            await self.tick()

    async def begin(self) -> None:
        """What every test starts with; benches that go in lock-step say what their inputs are."""
        await self.start()

    async def begun(self, *arguments) -> Self:
        """``begin`` as an expression: ``bench = await LaneBench(dut).begun()``."""
        await self.begin(*arguments)
        return self

    async def settle(self) -> None:
        """Let combinational outputs follow the inputs of this cycle."""
        await Timer(1, "ns")

    async def tick(self) -> None:
        """To the start of the next cycle."""
        await FallingEdge(self.dut.clk_i)
        self.now += 1

    async def until(self, output: str) -> None:
        """To the middle of the next cycle in which ``output`` is not 0."""
        while not self.get(output):
            await self.tick()
            await self.settle()

    async def cycles(self, count: int) -> None:
        """``count`` rising edges."""
        for _ in range(count):
            await RisingEdge(self.dut.clk_i)

    # ---- ports

    def set(self, **inputs: int) -> None:
        for name, value in inputs.items():
            getattr(self.dut, name).value = value

    def put(self, name: str, values: Iterable[int], width: int) -> None:
        """Drive a packed vector: element 0 low, ``width`` bits each."""
        getattr(self.dut, name).value = pack(values, width)

    def get(self, name: str) -> int:
        return int(getattr(self.dut, name).value)

    def elements(self, name: str, width: int, count: int) -> list[int]:
        """A packed vector, as ``put`` takes it."""
        return unpack(self.get(name), width, count)

    def width(self, name: str) -> int:
        return len(getattr(self.dut, name))

    def put_struct(self, name: str, struct: str, **fields: int) -> None:
        """Drive a `psf_pkg` struct; fields that are not named get garbage."""
        rest = {n: random.getrandbits(bits) for n, bits in packing.widths(struct).items()}
        getattr(self.dut, name).value = packing.pack(struct, rest | fields)

    def get_struct(self, name: str, struct: str) -> dict[str, int]:
        """The fields of a `psf_pkg` struct."""
        return packing.unpack(struct, self.get(name))

    def noise(self, *names: str) -> None:
        """Garbage on inputs whose valid is low."""
        scramble(*(getattr(self.dut, name) for name in names))

    # ---- streams

    def source(self, prefix: str, fields: Iterable[str], stall: float = 0.0) -> Source:
        """Drives ``<prefix>_valid_i`` with ``<prefix>_<field>_i``."""
        payload = {name: getattr(self.dut, f"{prefix}_{name}_i") for name in fields}
        valid = getattr(self.dut, f"{prefix}_valid_i")
        return Source(self.dut, valid, getattr(self.dut, f"{prefix}_ready_o"), payload, stall)

    def sink(
        self,
        prefix: str,
        fields: Iterable[str],
        stall: float = 0.0,
        on_item: Callable[[dict[str, int]], None] | None = None,
    ) -> Sink:
        """Takes ``<prefix>_<field>_o``; where there is no ready it only watches."""
        payload = {name: getattr(self.dut, f"{prefix}_{name}_o") for name in fields}
        valid, ready = getattr(self.dut, f"{prefix}_valid_o"), f"{prefix}_ready_i"
        return Sink(self.dut, valid, getattr(self.dut, ready, None), payload, stall, on_item)

    # ---- comparisons

    def where(self) -> str:
        return f"cycle {self.now}, SEED={SEED}"

    def equal(self, what: str, got: object, expected: object) -> None:
        assert got == expected, f"{what}: expected {expected}, got {got}, {self.where()}"

    def check(self, condition: object, what: str) -> None:
        assert condition, f"{what}, {self.where()}"
