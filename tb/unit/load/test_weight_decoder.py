# SPDX-License-Identifier: Apache-2.0
"""Weight records of every format against the format's definition; and changed codebooks."""

import random
from dataclasses import dataclass

import cocotb
import pytest

from golden.hardware.configuration import clog2
from tb.lib import load
from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

LANES, BANKS, DEPTH = (PARAMETERS.get(name, 1) for name in ("Lanes", "Banks", "AccDepth"))
WORD = PARAMETERS.get("BusBytes", 8) // 8  # beats of a word of the bus
INDEX = clog2(DEPTH)


@dataclass
class Flip:
    """One bit (8: parity) of the codebook of a lane, in an entry that is ``used`` or is not."""

    lane: int
    bit: int
    used: bool


class WeightDecoderBench(Bench):
    """Loads, one after the other, with beats that belong to the next one right behind."""

    def __init__(self, dut) -> None:
        super().__init__(dut)
        self.parity = 0  # pulses of parity_o
        self.waited = 0  # cycles of the last load before its first record

    async def begin(self) -> None:
        await self.reset(start_i=0, beat_valid_i=0, record_ready_i=0, last_i=0)

    async def configure(self, coding: dict[str, int]) -> None:
        """The configuration, for the cycle of start_i alone."""
        names = ("coded", "index_bits", "block", "row_words", "codebook")
        self.set(start_i=1, beat_valid_i=0, record_ready_i=0, last_i=random.getrandbits(1),
                 **{f"{name}_i": coding[name] for name in names})  # fmt: skip
        await self.tick()
        self.set(start_i=0)
        self.noise(*(f"{name}_i" for name in names))

    async def run(
        self, coding, records: int, stall=0.0, sink_stall=0.0, flip: Flip | None = None,
        slices=0.3,
    ) -> int:  # fmt: skip
        """Run a load; cycles from its first to its last record. slices: share of words of a bus
        that come beat by beat, where they need not.

        ``flip``: happens when the codebook has been written. Every record that reads the changed
        entry has the changed weight and is told, no other one.
        """
        codes = sorted(random.sample(range(16), random.randint(1, 15))) if flip else range(16)
        coded, size, words = load.weight_records(coding, LANES, BANKS, INDEX, records, codes)
        told = self.parity
        if flip:
            of_lane = [record >> 4 * flip.lane & 15 for record in coded]
            entry = random.choice(of_lane if flip.used else sorted(set(range(16)) - set(codes)))
            told += of_lane.count(entry)
            change = 1 << flip.lane * (INDEX + 8) + flip.bit if flip.bit < 8 else 0
            words = [w ^ change * (c == entry) for w, c in zip(words, of_lane, strict=True)]
        if not coding["coded"]:
            coded, size, words = raw_records(records)
        bits = sum(record << size * i for i, record in enumerate(coded))
        beats = [bits >> 64 * i & (1 << 64) - 1 for i in range(-(-records * size // 64))]
        await self.configure(coding)
        began, taken, done, first, offered = self.now, 0, 0, 0, False
        whole = False
        while done < records:
            if not offered and not coin(stall):
                offered, whole = True, len(beats) - taken >= WORD and not coin(slices)
            ready = not coin(sink_stall)
            if flip and self.now == began + 16:
                cell = self.dut.gen_lane[flip.lane].u_codebook.mem[entry]
                cell.value = int(cell.value) ^ 1 << flip.bit
            beat = beats[taken] if taken < len(beats) else random.getrandbits(64)
            data = beats[taken : taken + WORD] if whole else [beat] * WORD
            data = sum(beat << 64 * i for i, beat in enumerate(data))
            self.set(beat_valid_i=int(offered), beat_data_i=data, record_ready_i=int(ready),
                     beat_whole_i=int(whole), last_i=int(done == records - 1))  # fmt: skip
            if not offered:
                self.noise("beat_data_i")
            await self.settle()
            if self.get("record_valid_o"):
                early = coding["coded"] and self.now < began + 16
                self.check(not early, "a record without a whole codebook")
                self.equal(f"record {done} of {coding}", self.get("record_data_o"), words[done])
                first = first or self.now
                done += ready
            if offered and self.get("beat_ready_o"):
                taken, offered = taken + (WORD if whole else 1), False
                self.check(taken <= len(beats), f"a beat beyond the load, {coding}")
            await self.tick()
            self.parity += self.get("parity_o")
        self.equal("beats", taken, len(beats))
        self.equal(f"records told with {flip}", self.parity, told)
        self.set(record_ready_i=0, beat_valid_i=0)
        self.waited = first - began
        return self.now - first


def raw_records(records: int) -> tuple[list[int], int, list[int]]:
    """Random words, each with noise up to the end of its last beat; the bits of that; the words."""
    width = LANES * (INDEX + 8)
    size = -(-width // 64) * 64
    coded = [random.getrandbits(size) for _ in range(records)]
    return coded, size, [record & (1 << width) - 1 for record in coded]


def random_coding(index_bits: int | None = None) -> dict[str, int]:
    coding = load.random_coding(load.WEIGHT, INDEX, True)
    while index_bits not in (None, coding["index_bits"]):
        coding = load.random_coding(load.WEIGHT, INDEX, True)
    return coding


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS)
async def random_loads(dut, stall: float, sink_stall: float) -> None:
    """All formats; odd and even numbers of halves of a beat and of records; raw ones."""
    bench = await WeightDecoderBench(dut).begun()
    for _ in range(3):
        records = random.choice((1, 2, 3, random.randrange(4, 60)))
        await bench.run(random_coding() | {"coded": 0}, records, stall, sink_stall)
    for index_bits in random.sample(range(INDEX + 1), INDEX + 1):
        records = random.choice((1, 2, 3, random.randrange(4, 60)))
        await bench.run(random_coding(index_bits), records, stall, sink_stall)
        for _ in range(random.randrange(3)):
            await bench.tick()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def rows_over_several_rounds(dut) -> None:
    """Word k of a row in every bank, for rows of any length, several of them."""
    bench = await WeightDecoderBench(dut).begun()
    for index_bits in range(INDEX + 1):
        for words in {1, 1 << INDEX - index_bits, random.randint(1, 1 << INDEX - index_bits)}:
            coding = random_coding(index_bits) | {"block": 1, "row_words": min(words, 255)}
            await bench.run(coding, BANKS * (2 * min(words, 255) + 1) + 1)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def full_rate(dut) -> None:
    """A word of the bus per cycle, or a record."""
    bench, records = await WeightDecoderBench(dut).begun(), 101
    per_record = -(-LANES * (INDEX + 8) // 64)
    cycles = await bench.run(random_coding() | {"coded": 0}, records, slices=0.0)
    assert bench.waited <= per_record, "a raw load waits for a codebook"
    most = max(records, -(-records * per_record // WORD)) + WORD
    assert records <= cycles <= most, (cycles, most)
    for index_bits in range(INDEX + 1):
        halves = -(-LANES * (index_bits + 4) // 32)
        cycles = await bench.run(random_coding(index_bits), records, slices=0.0)
        if WORD > 1:
            most = max(records, -(-records * halves // (2 * WORD))) + WORD
            assert cycles <= most, (index_bits, cycles, most)
            continue
        beats = -(-records * halves // 2)
        # The first records wait for the codebook, and beats wait behind them.
        slack = 0 if halves == 1 else 1
        want = records if halves == 1 else beats - -(-halves // 2) + 1
        assert want - slack <= cycles <= want, (index_bits, cycles, want)


@cocotb.test(timeout_time=20, timeout_unit="ms", skip=HIDDEN)
async def changed_codebooks(dut) -> None:
    """A flipped bit is told with every record that uses its entry, and with no other."""
    bench = await WeightDecoderBench(dut).begun()
    for lane in {0, LANES - 1, random.randrange(LANES)}:
        for bit in range(9):
            for used in (True, False):
                stalls = random.choice(STALLS[:2]), random.choice(STALLS[:2])
                await bench.run(random_coding(), 6, *stalls, flip=Flip(lane, bit, used))
    await bench.run(random_coding(), 20)  # the next load writes it anew


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """No record and nothing to tell, with codebooks that hold anything, and after a load."""
    bench = await WeightDecoderBench(dut).begun()
    idle = dict(start_i=0, beat_valid_i=0, record_ready_i=1, last_i=0)
    for records in (1, 2, 7):
        await bench.check_reset("record_valid_o", "parity_o", **idle)
        await bench.run(random_coding(), records)
    task = cocotb.start_soon(bench.run(random_coding(), 9, 0.0, 0.9))
    await bench.until("record_valid_o")
    task.cancel()
    await bench.check_reset("record_valid_o", "parity_o", **idle)
    assert "record_valid_o" in bench.fell


@pytest.mark.long
@cases(
    {"Lanes": 8, "Banks": 4, "AccDepth": 32},
    {"Lanes": 16, "Banks": 4, "AccDepth": 16},
    {"Lanes": 2, "Banks": 2, "AccDepth": 256},
    {"Lanes": 64, "Banks": 4, "AccDepth": 2},
    {"Lanes": 8, "Banks": 4, "AccDepth": 32, "BusBytes": 32},
    {"Lanes": 32, "Banks": 8, "AccDepth": 32, "BusBytes": 16},
)
def test_weight_decoder(parameters: dict[str, int]) -> None:
    run("psf_weight_decoder", __name__, parameters)
