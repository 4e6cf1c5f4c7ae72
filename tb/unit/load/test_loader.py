# SPDX-License-Identifier: Apache-2.0
"""Random loads of every target: each write in order, and done only after the last was taken.

Loads with a wrong checksum or a wrong row-table entry: the fault, no done, nothing afterwards.
"""

import random
import zlib
from collections import deque
from collections.abc import Sequence
from functools import partial

import cocotb
import pytest
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from golden.hardware import isa
from golden.hardware.configuration import clog2
from golden.hardware.interface import packing
from tb.lib import load
from tb.lib.bench import SEED, Bench
from tb.lib.load import PORTS
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS, Sink, Source
from tb.lib.structs import View
from tb.run.cases import refused
from tb.run.runner import run

BUS = PARAMETERS.get("BusBytes", 8)
SLOT_WIDTH = clog2(PARAMETERS.get("AccDepth", 2)) + 8


def checksum(beats: Sequence[int], before: int = 0) -> int:
    return zlib.crc32(b"".join(beat.to_bytes(8, "little") for beat in beats), before)


class LoaderBench(Bench):
    """Queues loads; ``expected`` holds their writes, each load closed by ("done", {})."""

    def __init__(self, dut, *, stall=0.0, sink_stall=0.0) -> None:
        super().__init__(View(dut, {"fault_o": ("fault_t", "fault_{}_o")}, loads="o"))
        self.commands = Source(dut, dut.cmd_valid_i, dut.cmd_ready_o, {"cmd": dut.cmd_i}, stall)
        self.beats = self.source("beat", ("data", "first", "last"), stall)
        for target, names in PORTS.items():
            self.sink(target, names, sink_stall, partial(self.take, target))
        Sink(dut, dut.done_o, None, {}, on_item=lambda item: self.done.append(("done", item)))
        self.faults = self.sink("fault", ("cause", "index", "addr"))
        self.expected: deque = deque()
        self.done: list = []
        self.writes = 0
        self.index = random.getrandbits(16)
        self.image_crc = 0  # of what has been loaded of an image
        self.first_ns = self.last_ns = 0.0
        cocotb.start_soon(self._check_done())

    def send(
        self, item: load.Load, *, check: int | None = None, crc: int | None = None, image=None,
        at: int | None = None,
    ) -> int:  # fmt: skip
        """Queue a load, with the right checksum or a given one; its descriptor index. at: beat of a
        word of the bus at which it begins, any if it is not given.

        The checksum of one from the image goes over all of those since the last that was compared.
        """
        self.index = (self.index + 1) & 0xFFFF
        check = random.getrandbits(1) if check is None else check
        image = random.getrandbits(1) if image is None else image
        right = checksum(item.beats, self.image_crc if image else 0)
        if image:
            self.image_crc = 0 if check else right
        if crc is None:
            crc = right if check else random.getrandbits(32)
        values = {name: random.getrandbits(n) for name, n in packing.widths("load_t").items()}
        values |= {
            "target": item.target, "unit_words": item.unit_words, "dest": item.dest,
            "records": item.records, "check": check, "crc": crc, "from_image": image,
            **item.descriptor,
        }  # fmt: skip
        command = {"load": packing.pack("load_t", values), "base": random.getrandbits(29)}
        self.commands.send(cmd=packing.pack("load_command_t", command | {"index": self.index}))
        for word in load.words(item.beats, BUS // 8, at):
            self.beats.send(**word)
        self.expected.extend(item.writes)
        self.expected.append(("done", {}))
        return self.index

    def take(self, target: str, item: dict[str, int]) -> None:
        got = load.written(target, item, PARAMETERS)
        assert self.expected, f"{got}, but nothing is expected"
        want = self.expected.popleft()
        assert got == want, f"expected {want}, got {got}, SEED={SEED}"
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
                    f"{got}, but {self.expected and self.expected[0]} is to come, SEED={SEED}"
                )
                self.expected.popleft()

    async def drained(self) -> None:
        while self.expected:
            assert not self.faults.items, f"{self.faults.items}, SEED={SEED}"
            await RisingEdge(self.dut.clk_i)
        await self.cycles(10)
        assert self.beats.idle() and self.commands.idle() and not self.faults.items

    async def failed(self, cause: int, index: int, writes: int) -> None:
        """Wait for one fault; before it ``writes`` of what is expected were made, then nothing."""
        before = len(self.expected)
        while not self.faults.items:
            await RisingEdge(self.dut.clk_i)
        await self.cycles(60)
        assert self.faults.items == [{"cause": cause, "index": index, "addr": 0}], (
            f"{self.faults.items}, expected {cause} of {index}, SEED={SEED}"
        )
        assert before - len(self.expected) == writes, (before, len(self.expected), writes)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS)
async def random_loads(dut, stall: float, sink_stall: float) -> None:
    bench = await LoaderBench(dut, stall=stall, sink_stall=sink_stall).begun()
    targets = (*range(len(PORTS)), *(random.randrange(len(PORTS)) for _ in range(20)))
    items = [load.random_load(PARAMETERS, target) for target in targets]
    items += [
        load.random_load(PARAMETERS, target, coded=coded)
        for target in (load.WEIGHT, load.ROW)
        for coded in (True, False, True)
    ]
    items += [load.random_load(PARAMETERS, load.SPIKE, records=8, unit_words=1) for _ in range(3)]
    random.shuffle(items)
    for item in items:
        bench.send(item)
    await bench.drained()
    assert bench.writes


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(target=(load.WEIGHT, load.ROW, load.PARAM, load.SPIKE))
async def full_rate(dut, target: int) -> None:
    """Weights: a word of the bus per cycle, or a record. Other wide records: a beat per cycle;
    entries: one per cycle. Weights ride out a slow memory."""
    wide = SLOT_WIDTH * PARAMETERS["Lanes"] > 384
    sink_stall = 0.3 if target == load.WEIGHT and wide else 0.0
    bench = await LoaderBench(dut, sink_stall=sink_stall).begun()
    records = {load.PARAM: PARAMETERS["ParamDepth"]}.get(target, 60)
    item = load.random_load(
        PARAMETERS, target, records=records, unit_words=PARAMETERS["LineWords"], coded=False
    )
    bench.send(item, at=0)
    await bench.drained()
    span = round((bench.last_ns - bench.first_ns) / 10)
    if target == load.WEIGHT and BUS > 8:  # the first record is there after its words
        words = -(-8 * len(item.beats) // BUS)
        assert span <= (1.05 if sink_stall else 1) * max(records - 1, words - 1), (span, words)
    elif target in (load.WEIGHT, load.PARAM):
        per_record = len(item.beats) // records
        if sink_stall:  # at most a few collisions of long waits
            assert span <= 1.05 * (records - 1) * per_record, span
        else:
            assert span == (records - 1) * per_record, span
    else:
        assert span == len(item.writes) - 1, span


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(index_bits=tuple(range(SLOT_WIDTH - 7)))
async def full_rate_coded(dut, index_bits: int) -> None:
    """Coded weights: a word of the bus per cycle, or a record."""
    bench = await LoaderBench(dut).begun()
    records = 61  # an odd number: the last beat may be half empty
    coding = load.random_coding(load.WEIGHT, SLOT_WIDTH - 8, True)
    while coding["index_bits"] != index_bits:
        coding = load.random_coding(load.WEIGHT, SLOT_WIDTH - 8, True)
    item = load.random_load(PARAMETERS, load.WEIGHT, records=records, coding=coding)
    bench.send(item, at=0)
    await bench.drained()
    span = round((bench.last_ns - bench.first_ns) / 10)
    halves = -(-PARAMETERS["Lanes"] * (index_bits + 4) // 32)
    # The first record ends in beat ceil(halves / 2), the last in the last.
    want = records - 1 if halves == 1 else len(item.beats) - -(-halves // 2)
    if BUS == 8:
        assert span == want, (span, want)
    else:  # what is left at the end comes beat by beat
        words = -(-8 * len(item.beats) // BUS)
        assert span <= max(records - 1, words + BUS // 8 - 2), (span, words)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def full_rate_coded_rows(dut) -> None:
    """Coded rows: an entry per cycle, or several, across the 16 of a beat."""
    bench = await LoaderBench(dut).begun()
    item = load.random_load(PARAMETERS, load.ROW, records=60, coded=True)
    bench.send(item)
    await bench.drained()
    assert len(item.beats) == 4
    assert round((bench.last_ns - bench.first_ns) / 10) == 60 // load.row_entries(PARAMETERS) - 1


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(target=tuple(range(len(PORTS))), stall=STALLS[:2])
async def wrong_checksums(dut, target: int, stall: float) -> None:
    """A wrong bit in the checksum or in any beat: the fault in place of done."""
    bench = await LoaderBench(dut, stall=stall, sink_stall=stall).begun()
    good = load.random_load(PARAMETERS, random.randrange(len(PORTS)))
    bench.send(good, check=1)
    item = load.random_load(PARAMETERS, target, records=8, unit_words=PARAMETERS["LineWords"])
    beats = list(item.beats)
    beats[random.randrange(len(beats))] ^= 1 << random.randrange(64)
    crc = random.choice((checksum(item.beats) ^ 1 << random.randrange(32), checksum(beats)))
    image = random.getrandbits(1)
    index = bench.send(item, check=1, crc=crc, image=image)
    bench.send(load.random_load(PARAMETERS, target))  # never starts
    cause = isa.ERROR_IMAGE_CRC if image else isa.ERROR_WEIGHT_CRC
    await bench.failed(cause, index, len(good.writes) + 1 + len(item.writes))


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def images_in_parts(dut) -> None:
    """One checksum over all parts, whatever comes between; afterwards the next image begins."""
    bench = await LoaderBench(dut, stall=0.2, sink_stall=0.2).begun()
    for _ in range(4):
        for part in range(3):
            bench.send(load.random_load(PARAMETERS, load.SPIKE), check=part == 2, image=1)
            bench.send(load.random_load(PARAMETERS, load.PARAM), check=1, image=0)
    await bench.drained()
    words = PARAMETERS["LineWords"]
    parts = [load.random_load(PARAMETERS, load.SPIKE, records=3, unit_words=words)] * 2
    bench.send(parts[0], check=0, image=1)
    index = bench.send(parts[1], check=1, image=1, crc=checksum(parts[1].beats))
    await bench.failed(isa.ERROR_IMAGE_CRC, index, sum(len(part.writes) + 1 for part in parts) - 1)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def empty_loads(dut) -> None:
    """No beats: the checksum of nothing is 0."""
    bench = await LoaderBench(dut).begun()
    nothing = load.random_load(PARAMETERS, load.PARAM, records=0)
    bench.send(nothing, check=1, image=0)
    await bench.drained()
    index = bench.send(nothing, check=1, crc=1, image=0)
    await bench.failed(isa.ERROR_WEIGHT_CRC, index, 0)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(kind=("no words", "one too far", "far", "shift", "good"))
async def row_entries(dut, kind: str) -> None:
    """An entry that points nowhere or beyond its bank is a fault and is not stored."""
    bench = await LoaderBench(dut, stall=0.3).begun()
    depth, records = PARAMETERS["BankDepth"], 4 * PARAMETERS["Banks"]
    last = random.randrange(1, 9)
    entry = {
        "no words": random.randrange(depth),
        "one too far": depth + 1 - last | last << 16,
        "far": 0xFFFF | 255 << 16,
        "shift": 1 << 16 | random.randrange(8, 16) << 24,
        "good": depth - last | last << 16 | random.randrange(8) << 24 | 0xF << 28,
    }[kind]
    item = load.random_load(PARAMETERS, load.ROW, records=records, coded=False)
    where = random.randrange(records)
    entries = [beat >> 32 * half & 0xFFFF_FFFF for beat in item.beats for half in (0, 1)]
    entries[where] = entry
    item.writes[where][1]["data"] = entry
    item.beats = [a | b << 32 for a, b in zip(entries[::2], entries[1::2], strict=True)]
    index = bench.send(item)
    if kind == "good":
        await bench.drained()
    else:
        bench.send(load.random_load(PARAMETERS, load.PARAM))  # never starts
        await bench.failed(isa.ERROR_OVERRUN, index, where)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(kind=("row", "empty row", "good"))
async def coded_rows_overrun(dut, kind: str) -> None:
    """A length that goes beyond the bank is a fault and is not stored; up to its end is none."""
    bench = await LoaderBench(dut, stall=0.3).begun()
    depth, records = PARAMETERS["BankDepth"], 4 * PARAMETERS["Banks"]
    item = load.random_load(PARAMETERS, load.ROW, records=records, coded=True)
    where = random.randrange(records)
    lengths = [random.randrange(1, 16) if i == where else 0 for i in range(records)]
    first = depth - lengths[where] + (kind == "row")
    if kind == "empty row":
        where, first = 0, depth  # an entry without a row points at the first word
    item.coding["first_word"] = first
    bits = sum(length << 4 * i for i, length in enumerate(lengths))
    item.beats = [bits >> 64 * i & (1 << 64) - 1 for i in range(-(-records // 16))]
    entries = [first | max(length, 1) << 16 for length in lengths]
    item.writes = load.row_writes(PARAMETERS, item.dest, entries, 1)
    if kind == "row" and lengths[where] == 1:
        where = 0  # then the first word lies beyond the end for all
    index = bench.send(item)
    if kind == "good":
        await bench.drained()
    else:
        bench.send(load.random_load(PARAMETERS, load.PARAM))  # never starts
        await bench.failed(isa.ERROR_OVERRUN, index, where // load.row_entries(PARAMETERS))


SMALL = {
    "Groups": 4, "Lanes": 8, "Banks": 4, "LineWords": 8, "AccDepth": 32, "AccWidth": 20,
    "BankDepth": 64, "RowDepth": 64, "ParamDepth": 16, "SpikeLines": 64,
}  # fmt: skip
WIDE = SMALL | {
    "Lanes": 32, "Banks": 8, "LineWords": 4, "BankDepth": 50, "RowDepth": 32, "ParamDepth": 12,
}  # fmt: skip
NARROW = SMALL | {"LineWords": 4}
TIGHT = {  # a beat per record, a word per beat
    "Lanes": 64, "Banks": 2, "LineWords": 2, "AccDepth": 2, "AccWidth": 16,
    "BankDepth": 32, "RowDepth": 64, "ParamDepth": 8, "SpikeLines": 64,
}  # fmt: skip


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """A reset is no fault, writes and ends nothing; the checksum of an image begins anew."""
    bench = await LoaderBench(dut).begun()
    bench.send(load.random_load(PARAMETERS, load.SPIKE), check=0, image=1)
    await bench.drained()
    writes = (f"{target}_valid_o" for target in PORTS)
    await bench.check_reset("fault_valid_o", "parity_o", "done_o", *writes)
    for cycles in range(9):  # behind the last beat of a load with a wrong checksum
        bench.send(load.random_load(PARAMETERS, load.PARAM, records=2), check=1, crc=0, image=0)
        while not (bench.commands.idle() and bench.beats.idle()):
            await bench.tick()
        for _ in range(cycles):
            await bench.tick()
        await bench.check_reset("fault_valid_o", "parity_o", "done_o")
        bench.expected.clear()
        bench.faults.items.clear()
    bench.check("fault_valid_o" in bench.fell, "there was no fault before a reset")
    bench.image_crc = 0
    bench.send(load.random_load(PARAMETERS, load.PARAM, records=2))
    bench.send(load.random_load(PARAMETERS, load.SPIKE), check=1, image=1)
    await bench.drained()


@pytest.mark.parametrize(
    "parameters",
    [SMALL, WIDE, TIGHT, SMALL | {"BusBytes": 32}, WIDE | {"BusBytes": 16}, NARROW],
    ids=lambda p: (
        "two lines a beat" * (p is NARROW) or f"{p['Lanes']} lanes, {p.get('BusBytes', 8)} bytes"
    ),
)
def test_loader(parameters: dict[str, int]) -> None:
    run("psf_loader", __name__, parameters)


def test_bad_lanes_are_refused() -> None:
    refused("psf_loader", {"Lanes": 24}, "Lanes must divide the 64 bits of a beat")
