# SPDX-License-Identifier: Apache-2.0
"""Random loads of every target: each write in order, and done only after the last was taken."""

import json
import os
import random
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from tb.lib import load, reset
from tb.lib.stream import STALLS, Sink, Source

SIZES = json.loads(os.environ["PARAMETERS"])
COMMAND = ("target", "words", "dest", "records", "index")
PORTS = {
    "weight": ("bank", "addr", "data"),
    "row": ("bank", "addr", "data"),
    "param": ("addr", "data"),
    "spike": ("addr", "words", "data"),
    "logit": ("addr", "data"),
}


class Bench:
    """Queues loads; ``expected`` holds their writes, each load closed by ("done", error, index)."""

    def __init__(self, dut, *, stall=0.0, sink_stall=0.0) -> None:
        self.dut = dut
        self.commands = Source(
            dut, dut.cmd_valid_i, dut.cmd_ready_o,
            {n: getattr(dut, f"cmd_{n}_i") for n in COMMAND},
            stall,
        )  # fmt: skip
        self.beats = Source(
            dut, dut.beat_valid_i, dut.beat_ready_o,
            {"data": dut.beat_data_i, "error": dut.beat_error_i}, stall,
        )  # fmt: skip
        for target, names in PORTS.items():
            ready = getattr(dut, f"{target}_ready_i", None)
            Sink(
                dut, getattr(dut, f"{target}_valid_o"), ready,
                {n: getattr(dut, f"{target}_{n}_o") for n in names}, sink_stall,
                lambda item, target=target: self.check(load.written(target, item, SIZES["Lanes"])),
            )  # fmt: skip
        Sink(
            dut, dut.done_o, None, {"error": dut.done_error_o, "index": dut.done_index_o},
            on_item=lambda item: self.done.append(("done", item)),
        )  # fmt: skip
        self.expected: deque = deque()
        self.done: list = []
        self.writes = 0
        self.index = random.getrandbits(16)
        self.first_ns = self.last_ns = 0.0
        cocotb.start_soon(self._check_done())

    def send(self, item: load.Load, errors: float = 0.0) -> None:
        self.index = (self.index + 1) & 0xFFFF
        self.commands.send(
            target=item.target, words=item.unit_words, dest=item.dest, records=item.records,
            index=self.index,
        )  # fmt: skip
        bad = 0
        for beat in item.beats:
            error = int(random.random() < errors)
            bad |= error
            self.beats.send(data=beat, error=error)
        self.expected.extend(item.writes)
        self.expected.append(("done", {"error": bad, "index": self.index}))

    def check(self, got) -> None:
        assert self.expected, f"{got}, but nothing is expected"
        want = self.expected.popleft()
        assert got == want, f"expected {want}, got {got}, seed {cocotb.RANDOM_SEED}"
        self.writes += 1
        self.first_ns = self.first_ns or get_sim_time("ns")
        self.last_ns = get_sim_time("ns")

    async def _check_done(self) -> None:
        """Done counts after the writes of the same cycle."""
        while True:
            await cocotb.triggers.FallingEdge(self.dut.clk_i)
            while self.done:
                got = self.done.pop(0)
                assert self.expected and self.expected[0] == got, (
                    f"{got}, but {self.expected and self.expected[0]} is to come, "
                    f"seed {cocotb.RANDOM_SEED}"
                )
                self.expected.popleft()

    async def drained(self) -> None:
        while self.expected:
            await RisingEdge(self.dut.clk_i)
        for _ in range(10):
            await RisingEdge(self.dut.clk_i)
        assert self.beats.idle() and self.commands.idle()


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS)
async def random_loads(dut, stall: float, sink_stall: float) -> None:
    bench = Bench(dut, stall=stall, sink_stall=sink_stall)
    await reset.start(dut)
    for target in (*range(5), *(random.randrange(5) for _ in range(20))):
        bench.send(load.random_load(SIZES, target), random.choice((0.0, 0.0, 0.1)))
    await bench.drained()
    assert bench.writes


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(target=(load.WEIGHT, load.ROW, load.PARAM, load.SPIKE))
async def full_rate(dut, target: int) -> None:
    """Wide records: a beat per cycle; entries: one per cycle. Weights ride out a slow memory."""
    sink_stall = 0.3 if target == load.WEIGHT and SIZES["SlotWidth"] * SIZES["Lanes"] > 384 else 0.0
    bench = Bench(dut, sink_stall=sink_stall)
    await reset.start(dut)
    records = {load.PARAM: SIZES["ParamDepth"]}.get(target, 60)
    item = load.random_load(SIZES, target, records=records, unit_words=SIZES["LineWords"])
    bench.send(item)
    await bench.drained()
    span = round((bench.last_ns - bench.first_ns) / 10)
    if target in (load.WEIGHT, load.PARAM):
        per_record = len(item.beats) // records
        if sink_stall:  # at most a few collisions of long waits
            assert span <= 1.05 * (records - 1) * per_record, span
        else:
            assert span == (records - 1) * per_record, span
    else:
        assert span == len(item.writes) - 1, span
