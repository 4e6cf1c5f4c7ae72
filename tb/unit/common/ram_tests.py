# SPDX-License-Identifier: Apache-2.0
"""The RAM wrappers against a Python list; one bench, told apart by the ports they have."""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.handle import Immediate
from cocotb.triggers import FallingEdge

STALLS = (0.0, 0.5, 0.9)


class RamBench:
    """Clock, drivers and the reference: per word a list of lanes, ``None`` = never written.

    Inputs change at the falling edge. A combinational read is compared just before the rising
    edge would see it, a registered one at the falling edge after it.
    """

    def __init__(self, dut) -> None:
        self.dut = dut
        self.registered = hasattr(dut, "re_i")
        self.parity = hasattr(dut, "error_o")
        self.lanes = len(dut.we_i)
        self.lane_width = len(dut.wdata_i) // self.lanes
        self.width = len(dut.wdata_i)
        self.depth = int(cocotb.plusargs["depth"])
        self.mem: list[list[int | None]] = [[None] * self.lanes for _ in range(self.depth)]
        self.expected: list[int | None] = [None] * self.lanes
        self.read_first = "read_first" in cocotb.plusargs
        self.compared = 0
        self.seen: set[int] = set()
        dut.we_i.value = 0
        dut.raddr_i.value = 0
        if self.registered:
            dut.re_i.value = 0
        dut.clk_i.value = Immediate(0)  # a random start value is no edge
        cocotb.start_soon(Clock(dut.clk_i, 10, "ns").start(start_high=False))

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
                f"word {address} lane {i}: expected {wanted}, got {got}, seed {cocotb.RANDOM_SEED}"
            )
            self.compared += 1
            self.seen.add(want)
            if self.parity:
                assert not int(self.dut.error_o.value), f"word {address}, {cocotb.RANDOM_SEED=}"

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
        await FallingEdge(dut.clk_i)
        if not self.registered:  # the read after this edge sees this cycle's write
            self.expected = list(self.mem[raddr])
        self.compare(raddr)

    def word(self) -> int:
        return random.getrandbits(self.width)

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
    bench = RamBench(dut)
    await FallingEdge(dut.clk_i)
    every_lane = (1 << bench.lanes) - 1
    for flip in (0, (1 << bench.width) - 1):  # both values of every bit
        words = random.Random(cocotb.RANDOM_SEED)
        for a in range(bench.depth):
            await bench.cycle(every_lane, a, words.getrandbits(bench.width) ^ flip, 0, a)
        for a in reversed(range(bench.depth)):
            await bench.cycle(0, bench.address(), bench.word(), 1, a)
    bench.finish()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def collision(dut) -> None:
    """Read and write of one address in one cycle: undefined or the old word, then the new one."""
    bench = RamBench(dut)
    await FallingEdge(dut.clk_i)
    every_lane = (1 << bench.lanes) - 1
    for a in (0, bench.depth - 1):
        await bench.cycle(every_lane, a, (1 << bench.width) - 1, 0, a)
        for _ in range(20):
            await bench.cycle(every_lane, a, bench.word(), 1, a)
            await bench.cycle(0, a, bench.word(), 1, a)
    bench.finish()


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_traffic(dut, stall: float) -> None:
    """Random reads and writes on all lanes; idle ports carry garbage and change nothing."""
    bench = RamBench(dut)
    await FallingEdge(dut.clk_i)
    for _ in range(1000):
        we = random.getrandbits(bench.lanes) if random.random() >= stall else 0
        re = int(random.random() >= stall)
        await bench.cycle(we, bench.address(), bench.word(), re, bench.address())
    bench.finish()


@cocotb.test(timeout_time=10, timeout_unit="ms", skip=cocotb.SIM_NAME != "Verilator")
async def every_flip_shows(dut) -> None:
    """Each stored bit, flipped alone: error_o with that word, for as long as it is read."""
    bench = RamBench(dut)
    if not bench.parity:
        return
    await FallingEdge(dut.clk_i)
    for a in {0, bench.depth - 1}:
        await bench.cycle(1, a, bench.word(), 0, a)
        await bench.cycle(0, a, bench.word(), 1, a)
        mem, good = dut.u_ram.mem[a], int(dut.u_ram.mem[a].value)
        for bit in range(bench.width + 1):
            mem.value = good ^ 1 << bit
            await bench.cycle(0, a, bench.word(), 0, a)
            bench.expected = [None]
            dut.re_i.value = 1
            await FallingEdge(dut.clk_i)
            assert int(dut.error_o.value), f"word {a} bit {bit}"
            mem.value = good
            await bench.cycle(0, a, bench.word(), 0, a)
            assert int(dut.error_o.value), f"word {a} bit {bit}: not held"
            await bench.cycle(0, a, bench.word(), 1, a)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def beyond_the_depth(dut) -> None:
    """psf_ram_parity: a write there changes nothing, a read gives word 0."""
    bench = RamBench(dut)
    if not bench.parity:
        return
    await FallingEdge(dut.clk_i)
    words = [bench.word() for _ in range(bench.depth)]
    for a, word in enumerate(words):
        await bench.cycle(1, a, word, 0, a)
    for a in range(bench.depth, 1 << len(dut.raddr_i)):
        dut.we_i.value, dut.waddr_i.value, dut.wdata_i.value = 1, a, bench.word()
        dut.re_i.value, dut.raddr_i.value = 1, a
        await FallingEdge(dut.clk_i)
        bench.expected = [words[0]]
        bench.compare(a)
    for a in range(bench.depth):
        await bench.cycle(0, 0, bench.word(), 1, a)
    bench.finish()
