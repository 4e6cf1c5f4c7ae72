# SPDX-License-Identifier: Apache-2.0
"""Address and length of the read of a load, and the fields of its unpack command."""

import random
from itertools import pairwise

import cocotb
import pytest
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time

from golden.hardware.configuration import clog2
from golden.hardware.interface import packing
from tb.lib import load
from tb.lib.bench import SEED, Bench
from tb.lib.bursts import ADDR_WIDTH, SPACE
from tb.lib.load import LOGIT, MASK, PARAM, ROW, SPIKE, TARGETS, WEIGHT
from tb.lib.parameters import PARAMETERS, hardware
from tb.lib.stream import STALLS, Sink, Source
from tb.lib.structs import View
from tb.run.runner import run


def beat_bits(bits: int) -> int:
    """``bits`` padded to whole beats."""
    return -(-bits // 64) * 64


def beats_of(target: int, records: int, unit_words: int, index_bits: int | None) -> int:
    """The length of a load in beats, from the tables in docs/reference/formats.md.

    ``index_bits`` says that it is coded.
    """
    h = hardware()
    if index_bits is not None and target == WEIGHT:
        return -(-records * -(-PARAMETERS["Lanes"] * (index_bits + 4) // 32) // 2)
    if index_bits is not None and target == ROW:
        return -(-records // 16)
    bits = {
        WEIGHT: beat_bits(h.lanes * (h.index_width + 8)) * records,
        PARAM: beat_bits(2 * h.lanes * h.acc_width) * records,
        MASK: beat_bits(h.line_words * h.lanes) * records,
        ROW: 32 * records,
        LOGIT: 32 * records,
        SPIKE: PARAMETERS["Lanes"] * unit_words * records,
    }[target]
    return -(-bits // 64)


def command(base: int, index: int, **values: int) -> int:
    """psf_control_pkg::load_command_t; what is not given is random."""
    widths = packing.widths("load_t")
    values = {name: random.getrandbits(width) for name, width in widths.items()} | values
    load_bits = packing.pack("load_t", values)
    return packing.pack("load_command_t", {"load": load_bits, "base": base, "index": index})


class LoadIssueBench(Bench):
    """Source of loads, and sinks of both commands."""

    def __init__(self, dut, stall: float, unpack_stall: float | None = None) -> None:
        super().__init__(View(dut, {"read_o": ("read_command_t", "read_{}_o")}))
        unpack_stall = stall if unpack_stall is None else unpack_stall
        self.loads = Source(dut, dut.load_valid_i, dut.load_ready_o, {"load": dut.load_i}, stall)
        self.read = self.sink("read", ("addr", "beats", "tag"), stall)
        self.unpack = Sink(
            dut, dut.unpack_valid_o, dut.unpack_ready_i, {"unpack": dut.unpack_o}, unpack_stall
        )


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_loads(dut, stall: float) -> None:
    reads, unpacks = [], []
    bench = await LoadIssueBench(dut, stall).begun()
    for i in range(60):
        target, unit_words = (
            random.randrange(len(TARGETS)),
            random.choice((0, 1, 8, 255, random.getrandbits(8))),
        )
        records = random.choice((0, 1, 2, 3, random.getrandbits(12), random.getrandbits(21)))
        if i == 0:
            target, unit_words, records = SPIKE, 255, (1 << 21) - 1
        coding = load.random_coding(target, clog2(PARAMETERS["AccDepth"]))
        if i == 1:
            target, records = WEIGHT, (1 << 24) - 1
            coding = load.random_coding(target, clog2(PARAMETERS["AccDepth"]), True)
        if i == 2 and PARAMETERS["Lanes"] == 64:  # beats: the highest bit of a command alone
            target, records = PARAM, 1 << 22
            coding = load.random_coding(target, clog2(PARAMETERS["AccDepth"]))
        index_bits = coding["index_bits"] if coding["coded"] else None
        beats = beats_of(target, records, unit_words, index_bits)
        values = {
            "coded": coding["coded"], "block": coding["block"], "index_bits": coding["index_bits"],
            "row_words": coding["row_words"], "first_word": coding["first_word"],
            **{f"codebook_{i}": coding["codebook"] >> 32 * i & 0xFFFF_FFFF for i in range(4)},
            "target": target, "unit_words": unit_words, "records": records,
            "dest": random.getrandbits(16), "offset": random.getrandbits(29) << 3,
        }  # fmt: skip
        base, index = random.getrandbits(ADDR_WIDTH - 3), random.getrandbits(16)
        vector = command(base, index, **values)
        bench.loads.send(load=vector)
        if beats:
            address = (base + (values["offset"] >> 3)) % (SPACE >> 3)
            reads.append({"addr": address, "beats": beats, "tag": index})
        unpacks.append({"unpack": vector})
    while len(bench.unpack.items) < len(unpacks) or len(bench.read.items) < len(reads):
        await RisingEdge(dut.clk_i)
    await bench.cycles(20)
    assert bench.unpack.items == unpacks and bench.read.items == reads, f"SEED={SEED}"
    assert bench.loads.idle()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def full_rate(dut) -> None:
    """Nobody stalls: a load takes three cycles and one for each bit of the words of a line."""
    bench = await LoadIssueBench(dut, 0.0).begun()
    for unit_words in (0, 1, 2, 5, 31, 128, 255):
        vector = command(0, 0, target=SPIKE, unit_words=unit_words, records=9, coded=0, offset=0)
        before = len(bench.unpack.items)
        for _ in range(4):
            bench.loads.send(load=vector)
        times = []
        while len(times) < 4:
            await RisingEdge(dut.clk_i)
            if len(bench.unpack.items) > before + len(times):
                times.append(round(get_sim_time("ns") / 10))
        steps = [late - early for early, late in pairwise(times)]
        assert steps == [3 + unit_words.bit_length()] * 3, (unit_words, steps)


CASES = [
    {"Lanes": 8, "AccDepth": 32, "AccWidth": 20, "LineWords": 8},  # 2, 5, 1 beats per record
    {"Lanes": 64, "AccDepth": 256, "AccWidth": 32, "LineWords": 4, "AddrWidth": 40},  # 16, 64, 4
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: str(p["Lanes"]))
def test_load_issue(parameters: dict[str, int]) -> None:
    run("psf_load_issue", __name__, parameters)
