# SPDX-License-Identifier: Apache-2.0
"""Valid/ready drivers for flat ports: garbage while valid is low, random stalls, stability checks.

Everything happens at rising edges: what is read there is the value before the edge, what is
written there the DUT sees at the next one. Ports are idle while ``dut.rst_ni`` is low.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping

import cocotb
from cocotb.handle import LogicObject
from cocotb.triggers import RisingEdge

STALLS = (0.0, 0.5, 0.9)


def pauses(stall: float) -> Iterator[bool]:
    """Random pauses for a cocotbext-axi channel (``set_pause_generator``)."""
    while True:
        yield random.random() < stall


def scramble(*signals: LogicObject) -> None:
    """Drive random bits."""
    for signal in signals:
        signal.value = random.getrandbits(len(signal))


async def released(dut) -> None:
    """Wait for the first rising edge without reset."""
    await RisingEdge(dut.clk_i)
    while not int(dut.rst_ni.value):
        await RisingEdge(dut.clk_i)


class Source:
    """Sends queued items, dicts of field -> value; ``ready=None``: always taken."""

    def __init__(self, dut, valid, ready, fields: Mapping[str, LogicObject], stall=0.0) -> None:
        self.dut, self.valid, self.ready = dut, valid, ready
        self.fields, self.stall = dict(fields), stall
        self.queue: deque[dict[str, int]] = deque()
        self.on_taken: Callable[[dict[str, int]], None] = lambda item: None
        self.busy = False
        valid.value = 0
        cocotb.start_soon(self._run())

    def send(self, **item: int) -> None:
        self.queue.append(item)

    def idle(self) -> bool:
        return not self.queue and not self.busy

    async def _run(self) -> None:
        await released(self.dut)
        while True:
            while not self.queue or random.random() < self.stall:
                self.valid.value = 0
                scramble(*self.fields.values())
                await RisingEdge(self.dut.clk_i)
            item = self.queue.popleft()
            self.busy = True
            for name, signal in self.fields.items():
                signal.value = item[name]
            self.valid.value = 1
            await RisingEdge(self.dut.clk_i)
            while self.ready is not None and not int(self.ready.value):
                await RisingEdge(self.dut.clk_i)
            self.busy = False
            self.on_taken(item)


class Sink:
    """Takes items and hands them to ``on_item``; fails if valid drops or its payload changes.

    ``ready=None`` only watches a port that is always taken.
    """

    def __init__(self, dut, valid, ready, fields: Mapping[str, LogicObject], stall=0.0,
                 on_item: Callable[[dict[str, int]], None] | None = None) -> None:  # fmt: skip
        self.dut, self.valid, self.ready = dut, valid, ready
        self.fields, self.stall = dict(fields), stall
        self.items: list[dict[str, int]] = []
        self.on_item = on_item or self.items.append
        self.stable = True  # False: what is offered may change (a bench that flips bits)
        if ready is not None:
            ready.value = 0
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        held, taking = None, self.ready is None
        await released(self.dut)
        while True:
            await RisingEdge(self.dut.clk_i)
            if int(self.valid.value):
                item = {name: int(signal.value) for name, signal in self.fields.items()}
                assert held in (None, item) or not self.stable, f"payload changed: {held} -> {item}"
                held = None if taking else item
                if taking:
                    self.on_item(item)
            else:
                assert held is None or not self.stable, f"valid fell before {held} was taken"
                held = None
            if self.ready is not None:
                taking = random.random() >= self.stall
                self.ready.value = int(taking)
