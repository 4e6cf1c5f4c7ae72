# SPDX-License-Identifier: Apache-2.0
"""psf_membranes: words come back as they were written, and a bit that has changed is reported."""

import random

import cocotb

from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin, pack
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run


class MembranesBench(Bench):
    async def begin(self) -> None:
        self.lanes, self.bits = PARAMETERS["Lanes"], PARAMETERS["Width"]
        self.depth = PARAMETERS["Depth"]
        self.words: dict[int, list[int]] = {}
        self.flipped: set[int] = set()
        self.parities = [0, 0, 0]  # of the next three cycles
        self.reads = self.wrong = 0
        self.written: list[int] | None = None  # in the cycle before
        self.stored: list[int] | None = None  # read in the cycle before
        await self.reset(read_i=0, read_index_i=0, write_i=0, write_index_i=0, left_i=0,
                         parities_i=0)  # fmt: skip

    async def cycle(self, read: int | None = None, write: int | None = None) -> None:
        """One cycle: read a word that was written, write another one."""
        self.noise("read_index_i", "write_index_i", "left_i", "parities_i")
        if self.written:
            bits = [value.bit_count() & 1 for value in self.written]
            self.set(parities_i=pack(bits, 1))
        self.set(read_i=int(read is not None), write_i=int(write is not None))
        word = None
        if read is not None:
            self.set(read_index_i=read)
        if write is not None:
            word = [random.getrandbits(self.bits) for _ in range(self.lanes)]
            self.set(write_index_i=write, left_i=pack(word, self.bits))
        await self.settle()
        if self.stored:
            self.equal("stored_o", self.get("stored_o"), pack(self.stored, self.bits))
        self.equal("parity_o", self.get("parity_o"), self.parities.pop(0))
        self.parities.append(int(read in self.flipped))
        self.wrong += read in self.flipped
        self.stored = None if read is None else self.words[read]
        self.reads += read is not None
        self.written = word
        if word:
            self.words[write] = word
            self.flipped.discard(write)
        await self.tick()

    async def fill(self) -> None:
        for index in range(self.depth):
            await self.cycle(write=index)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_traffic(dut, stall: float) -> None:
    """Reads and writes in one cycle and in consecutive ones, of few words and of all."""
    bench = await MembranesBench(dut).begun()
    await bench.fill()
    for _ in range(400):
        indices = random.sample(range(2 if coin(0.5) else bench.depth), 2)
        read, write = (None if coin(stall) else index for index in indices)
        await bench.cycle(read, write)
    for _ in range(4):
        await bench.cycle()
    bench.check(bench.reads > 20, "hardly a read")


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A bit of any lane, its top one, or its parity: reported with every read until the word is
    written anew."""
    bench = await MembranesBench(dut).begun()
    await bench.fill()
    for lane in range(bench.lanes):
        for kind in ("value", "top", "parity"):
            index = random.randrange(bench.depth)
            for _ in range(3):
                await bench.cycle()
            if kind == "parity":
                entry = dut.u_parity.mem[index]
                entry.value = int(entry.value) ^ 1 << lane
            else:
                bit = bench.bits - 1 if kind == "top" else random.randrange(bench.bits - 1)
                low = bench.bits - 1
                entry = (dut.u_top if bit == low else dut.u_membrane).mem[index]
                place = lane if bit == low else lane * low + bit
                entry.value = int(entry.value) ^ 1 << place
                bench.words[index] = list(bench.words[index])
                bench.words[index][lane] ^= 1 << bit
            bench.flipped.add(index)
            await bench.cycle(index)
            await bench.cycle((index + 1) % bench.depth)
            await bench.cycle(index)
            await bench.cycle(write=index)
            await bench.cycle()
            await bench.cycle(index)
    for _ in range(4):
        await bench.cycle()
    bench.equal("reads of a word that has changed", bench.wrong, 6 * bench.lanes)


@cases({"Lanes": 8, "Depth": 16, "Width": 20}, {"Lanes": 4, "Depth": 11, "Width": 16})
def test_membranes(parameters: dict[str, int]) -> None:
    run("psf_membranes", __name__, parameters)
