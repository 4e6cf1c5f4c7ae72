# SPDX-License-Identifier: Apache-2.0
"""Address and length of the read of a load, and the fields of its unpack command."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from golden.hardware.configuration import clog2
from tb.lib import load
from tb.lib.bench import HIDDEN, SEED, Bench
from tb.lib.load import LOGIT, MASK, PARAM, ROW, SPIKE, TARGETS, WEIGHT
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS, Source
from tb.run.runner import run

# psf_pkg::load_t, most significant member first
MEMBERS = {
    "wait_layers": 16, "wait_previous": 16, "check": 1, "crc": 32, "from_image": 1, "target": 4,
    "unit_words": 8, "dest": 16, "records": 24, "offset": 32, "coded": 1, "block": 1,
    "index_bits": 4, "row_words": 8, "first_word": 16, "codebook_0": 32, "codebook_1": 32,
    "codebook_2": 32, "codebook_3": 32,
}  # fmt: skip


def beats_of(target: int, records: int, unit_words: int, index_bits: int | None) -> int:
    """The length of a load in beats, from the tables in docs/reference/formats.md.

    ``index_bits`` says that it is coded.
    """
    if index_bits is not None and target == WEIGHT:
        return -(-records * -(-PARAMETERS["Lanes"] * (index_bits + 4) // 32) // 2)
    if index_bits is not None and target == ROW:
        return -(-records // 16)
    bits = {
        WEIGHT: 64 * PARAMETERS["WeightBeats"] * records,
        PARAM: 64 * PARAMETERS["ParamBeats"] * records,
        MASK: 64 * PARAMETERS["MaskBeats"] * records,
        ROW: 32 * records,
        LOGIT: 32 * records,
        SPIKE: PARAMETERS["Lanes"] * unit_words * records,
    }[target]
    return -(-bits // 64)


UNPACK = ("target", "words", "dest", "records", "check", "crc", "index", *load.CODING)


def load_vector(**values: int) -> int:
    """psf_pkg::load_t; what is not given is random."""
    vector = 0
    for name, width in MEMBERS.items():
        vector = vector << width | values.get(name, random.getrandbits(width))
    return vector


class LoadIssueBench(Bench):
    """Source of loads, and sinks of both commands."""

    def __init__(self, dut, stall: float, unpack_stall: float | None = None) -> None:
        super().__init__(dut)
        fields = {"load": dut.load_i, "base": dut.load_base_i, "index": dut.load_index_i}
        self.loads = Source(dut, dut.load_valid_i, dut.load_ready_o, fields, stall)
        self.read = self.sink("read", ("addr", "beats", "tag"), stall)
        self.unpack = self.sink("unpack", UNPACK, stall if unpack_stall is None else unpack_stall)
        self.parity = 0
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        while True:
            await RisingEdge(self.dut.clk_i)
            if int(self.dut.rst_ni.value):
                self.parity += int(self.dut.parity_o.value)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_loads(dut, stall: float) -> None:
    reads, unpacks = [], []
    bench = LoadIssueBench(dut, stall)
    await bench.start()
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
        index_bits = coding["index_bits"] if coding["coded"] else None
        beats = beats_of(target, records, unit_words, index_bits)
        values = {
            "coded": coding["coded"], "block": coding["block"], "index_bits": coding["index_bits"],
            "row_words": coding["row_words"], "first_word": coding["first_word"],
            **{f"codebook_{i}": coding["codebook"] >> 32 * i & 0xFFFF_FFFF for i in range(4)},
            "target": target, "unit_words": unit_words, "records": records,
            "dest": random.getrandbits(16), "offset": random.getrandbits(29) << 3,
            "check": random.getrandbits(1), "crc": random.getrandbits(32),
        }  # fmt: skip
        base, index = random.getrandbits(29), random.getrandbits(16)
        bench.loads.send(load=load_vector(**values), base=base, index=index)
        if beats:
            address = (base + (values["offset"] >> 3)) % (1 << 29)
            reads.append({"addr": address, "beats": beats, "tag": index})
        unpacks.append({"target": target, "words": unit_words, "dest": values["dest"],
                        "records": records, "check": values["check"], "crc": values["crc"],
                        "index": index, **coding})  # fmt: skip
    while len(bench.unpack.items) < len(unpacks) or len(bench.read.items) < len(reads):
        await RisingEdge(dut.clk_i)
    await bench.cycles(20)
    assert bench.unpack.items == unpacks and bench.read.items == reads, f"SEED={SEED}"
    assert bench.loads.idle() and not bench.parity


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
async def flips_in_the_queue(dut) -> None:
    """A flipped bit of an unpack command is reported, and the command is not handed on."""
    bench = LoadIssueBench(dut, 0.0, unpack_stall=1.0)
    bench.unpack.stable = False
    await bench.start()
    cells = dut.u_unpack.u_words.mem
    for bit in range(len(cells[0])):
        dut.rst_ni.value = 0
        await bench.cycles(2)
        dut.rst_ni.value = 1
        bench.parity, bench.unpack.stall = 0, 1.0
        for _ in range(2):
            vector = load_vector(target=ROW, records=4, offset=8, coded=0)
            bench.loads.send(load=vector, base=0, index=0)
        await bench.cycles(20)
        assert int(dut.unpack_valid_o.value) and not bench.parity
        cells[0].value = int(cells[0].value) ^ 1 << bit
        await bench.cycles(1)
        await bench.cycles(2)
        assert bench.parity and not int(dut.unpack_valid_o.value), f"bit {bit}"
        bench.unpack.stall = 0.0
        taken = len(bench.unpack.items)
        await bench.cycles(5)
        assert len(bench.unpack.items) == taken, f"bit {bit}"


CASES = [
    {"Lanes": 8, "AccDepth": 32, "WeightBeats": 2, "ParamBeats": 5, "MaskBeats": 1},
    {"Lanes": 64, "AccDepth": 256, "WeightBeats": 16, "ParamBeats": 255, "MaskBeats": 3},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: str(p["Lanes"]))
def test_load_issue(parameters: dict[str, int]) -> None:
    run("psf_load_issue", __name__, parameters)
