# SPDX-License-Identifier: Apache-2.0
"""The RAM wrappers against a Python list; one bench, told apart by the ports they have."""

import random

import cocotb
import pytest

from tb.lib.bench import HIDDEN, SEED, Bench
from tb.lib.memories import stored_words
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import label, refused
from tb.run.runner import run


class RamBench(Bench):
    """Drivers and the reference: per word a list of lanes, ``None`` = never written.

    Inputs change at the falling edge. A combinational read is compared just before the rising
    edge would see it, a registered one at the falling edge after it.
    """

    async def begin(self) -> None:
        dut = self.dut
        self.registered = hasattr(dut, "re_i")
        self.parity = hasattr(dut, "parity_o")
        self.kept = self.parity and PARAMETERS.get("Parity", 1)  # the bit is a parity
        self.lanes = len(dut.we_i)
        self.lane_width = len(dut.wdata_i) // self.lanes
        self.bits = len(dut.wdata_i)
        self.depth = PARAMETERS["Depth"]
        self.mem: list[list[int | None]] = [[None] * self.lanes for _ in range(self.depth)]
        self.expected: list[int | None] = [None] * self.lanes
        self.read_first = PARAMETERS.get("ReadFirst", 0)
        self.compared = 0
        self.seen: set[int] = set()
        await self.reset(we_i=0, raddr_i=0, **{"re_i": 0} if self.registered else {})

    def compare(self, address: int) -> None:
        """Compare the lanes that are known; rdata_o may be anything in the others."""
        text = str(self.dut.rdata_o.value)
        for i, want in enumerate(self.expected):
            if want is None:
                continue
            high = len(text) - i * self.lane_width
            got = text[high - self.lane_width : high]
            wanted = f"{want:0{self.lane_width}b}"
            assert got == wanted, (
                f"word {address} lane {i}: expected {wanted}, got {got}, SEED={SEED}"
            )
            self.compared += 1
            self.seen.add(want)
            if self.parity:
                assert not self.wrong(), f"word {address}, SEED={SEED}"

    def wrong(self) -> int:
        """Whether the word that is read and its parity do not fit; without parity, whether there is
        any."""
        if not self.kept:
            return int(self.dut.parity_o.value)
        return int(self.dut.rdata_o.value).bit_count() + int(self.dut.parity_o.value) & 1

    async def cycle(self, we: int, waddr: int, wdata: int, re: int, raddr: int) -> None:
        """One clock cycle with these inputs, compared with the reference."""
        dut = self.dut
        dut.we_i.value, dut.waddr_i.value, dut.wdata_i.value = we, waddr, wdata
        dut.raddr_i.value = raddr
        if self.registered:
            dut.re_i.value = re
            if re:
                self.expected = list(self.mem[raddr])  # before this cycle's write
                if raddr == waddr and not self.read_first:
                    self.expected = [
                        None if we >> i & 1 else old for i, old in enumerate(self.expected)
                    ]
        for i in range(self.lanes):
            if we >> i & 1:
                lane = wdata >> (i * self.lane_width) & ((1 << self.lane_width) - 1)
                self.mem[waddr][i] = lane
        await self.tick()
        if not self.registered:  # the read after this edge sees this cycle's write
            self.expected = list(self.mem[raddr])
        self.compare(raddr)

    def word(self) -> int:
        return random.getrandbits(self.bits)

    def address(self) -> int:
        """Mostly a small set, so that reads meet writes; the last word often."""
        return random.choice(
            [0, self.depth - 1, random.randrange(min(4, self.depth)), random.randrange(self.depth)]
        )

    def finish(self) -> None:
        """An all-zero memory, or one that nobody compared, must not pass."""
        assert self.compared > 0, "nothing was compared"
        assert any(self.seen), "only zeros were compared"


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def every_word(dut) -> None:
    """Fill every word, read every word: no two addresses share one."""
    bench = await RamBench(dut).begun()
    every_lane = (1 << bench.lanes) - 1
    for flip in (0, (1 << bench.bits) - 1):  # both values of every bit
        words = random.Random(cocotb.RANDOM_SEED)
        for a in range(bench.depth):
            await bench.cycle(every_lane, a, words.getrandbits(bench.bits) ^ flip, 0, a)
        for a in reversed(range(bench.depth)):
            await bench.cycle(0, bench.address(), bench.word(), 1, a)
    bench.finish()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def collision(dut) -> None:
    """Read and write of one address in one cycle: undefined or the old word, then the new one."""
    bench = await RamBench(dut).begun()
    every_lane = (1 << bench.lanes) - 1
    for a in (0, bench.depth - 1):
        await bench.cycle(every_lane, a, (1 << bench.bits) - 1, 0, a)
        for _ in range(20):
            await bench.cycle(every_lane, a, bench.word(), 1, a)
            await bench.cycle(0, a, bench.word(), 1, a)
    bench.finish()


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_traffic(dut, stall: float) -> None:
    """Random reads and writes on all lanes; idle ports carry garbage and change nothing."""
    bench = await RamBench(dut).begun()
    for _ in range(1000):
        we = random.getrandbits(bench.lanes) if random.random() >= stall else 0
        re = int(random.random() >= stall)
        await bench.cycle(we, bench.address(), bench.word(), re, bench.address())
    bench.finish()


@cocotb.test(timeout_time=10, timeout_unit="ms", skip=HIDDEN)
async def every_flip_shows(dut) -> None:
    """Each stored bit, flipped alone: parity_o does not fit its word, as long as it is read."""
    bench = await RamBench(dut).begun()
    if not bench.kept:
        return
    for a in {0, bench.depth - 1}:
        await bench.cycle(1, a, bench.word(), 0, a)
        await bench.cycle(0, a, bench.word(), 1, a)
        mem = stored_words(dut)[a]
        good = int(mem.value)
        for bit in range(bench.bits + 1):
            mem.value = good ^ 1 << bit
            await bench.cycle(0, a, bench.word(), 0, a)
            bench.expected = [None]
            dut.re_i.value = 1
            await bench.tick()
            assert bench.wrong(), f"word {a} bit {bit}"
            mem.value = good
            await bench.cycle(0, a, bench.word(), 0, a)
            assert bench.wrong(), f"word {a} bit {bit}: not held"
            await bench.cycle(0, a, bench.word(), 1, a)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def beyond_the_depth(dut) -> None:
    """psf_ram_parity, psf_ram_arrays: a write there changes nothing, a read gives word 0."""
    bench = await RamBench(dut).begun()
    if not bench.parity:
        return
    words = [bench.word() for _ in range(bench.depth)]
    for a, word in enumerate(words):
        await bench.cycle(1, a, word, 0, a)
    for a in range(bench.depth, 1 << len(dut.raddr_i)):
        dut.we_i.value, dut.waddr_i.value, dut.wdata_i.value = 1, a, bench.word()
        dut.re_i.value, dut.raddr_i.value = 1, a
        await bench.tick()
        bench.expected = [words[0]]
        bench.compare(a)
    for a in range(bench.depth):
        await bench.cycle(0, 0, bench.word(), 1, a)
    bench.finish()


CASES = [
    ("psf_ram_1r1w", {"Width": 9, "Depth": 5}),
    ("psf_ram_1r1w", {"Width": 1, "Depth": 2}),
    ("psf_ram_1r1w", {"Width": 12, "Depth": 7, "ReadFirst": 1}),
    ("psf_ram_1r1w", {"Width": 40, "Depth": 256}),
    ("psf_ram_parity", {"Width": 9, "Depth": 5}),
    ("psf_ram_parity", {"Width": 40, "Depth": 16}),
    ("psf_ram_parity", {"Width": 9, "Depth": 5, "Parity": 0}),
    ("psf_ram_arrays", {"Width": 9, "Depth": 5, "Arrays": 1}),
    ("psf_ram_arrays", {"Width": 12, "Depth": 21, "Arrays": 2, "Parity": 0}),
    ("psf_ram_arrays", {"Width": 40, "Depth": 16, "Arrays": 2}),
    ("psf_ram_arrays", {"Width": 12, "Depth": 21, "Arrays": 2}),
    ("psf_ram_async", {"Width": 20, "Depth": 12}),
    ("psf_ram_1r1w_be", {"Lanes": 4, "LaneWidth": 6, "Depth": 11}),
    ("psf_ram_1r1w_be", {"Lanes": 1, "LaneWidth": 8, "Depth": 2}),
]


@pytest.mark.parametrize("module, parameters", CASES, ids=label)
def test_ram(module: str, parameters: dict[str, int]) -> None:
    run(module, __name__, parameters)


@pytest.mark.parametrize("module", sorted({module for module, _ in CASES}))
def test_bad_depth_is_refused(module: str) -> None:
    refused(module, {"Depth": 1}, "Depth must be at least 2")
