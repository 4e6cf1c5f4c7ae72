# SPDX-License-Identifier: Apache-2.0
"""The row mask against its definition: line & mask, word by word, with every word's parity kept;
lines may be inverted, or be ones."""

import random

import cocotb

from golden.hardware.configuration import MASK_LINES
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.run.cases import cases
from tb.run.runner import run


class RowMaskBench(Bench):
    async def begin(self) -> None:
        self.lanes, self.words = PARAMETERS["Lanes"], PARAMETERS["LineWords"]
        self.masks = [random.getrandbits(self.lanes * self.words) for _ in range(MASK_LINES)]
        self.flipped = [0] * MASK_LINES  # 1: its parity is wrong
        await self.reset(
            mask_valid_i=0, mask_addr_i=0, mask_data_i=0, enable_i=0, addr_i=0, line_valid_i=0,
            line_i=0, invert_i=0, outside_i=0,
        )  # fmt: skip
        for address in range(MASK_LINES):
            self.store(address, self.masks[address], 0)
            await self.tick()
        self.set(mask_valid_i=0)

    def store(self, address: int, mask: int, flipped: int) -> None:
        """Write a line of the mask from the next edge on; ``flipped``: with a wrong parity."""
        self.masks[address], self.flipped[address] = mask, flipped
        parity = mask.bit_count() & 1 ^ flipped
        word = mask | parity << self.lanes * self.words
        self.set(mask_valid_i=1, mask_addr_i=address, mask_data_i=word)

    def masked(self, line: int | None, mask: int, invert: int) -> int:
        """The bits of ``mask`` only; a right parity stays right, a wrong one wrong. None: ones."""
        out, ones = 0, (1 << self.lanes) - 1
        for w in range(self.words):
            word = 0 if line is None else line >> w * (self.lanes + 1)
            bits, parity = word & ones, word >> self.lanes & 1
            wrong = bits.bit_count() & 1 ^ parity
            if invert or line is None:
                bits = ones if line is None else ones - bits
            kept = bits & mask >> w * self.lanes
            out |= (kept | (kept.bit_count() & 1 ^ wrong) << self.lanes) << w * (self.lanes + 1)
        return out


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(enable=(0, 1))
async def lines(dut, enable: int) -> None:
    """Lines in most cycles, masks rewritten meanwhile, some of both with a wrong parity."""
    bench = await RowMaskBench(dut).begun()
    bench.set(enable_i=enable)
    everything = (1 << bench.lanes * bench.words) - 1
    read = None  # the mask addressed in the cycle before
    expected = None  # (line, parity) at the output in this cycle
    errors = 0
    for _ in range(600):
        bench.set(mask_valid_i=0)
        bench.noise("mask_addr_i", "mask_data_i", "line_i", "invert_i")
        kind = random.choice(("line", "line", "outside", "")) if read is not None else ""
        bench.set(line_valid_i=int(kind == "line"), outside_i=int(kind == "outside"))
        follow = None
        if kind:
            line, invert = random.getrandbits(bench.width("line_i")), random.getrandbits(1)
            bench.set(line_i=line, invert_i=invert)
            mask, flipped = read if enable else (everything, 0)
            follow = bench.masked(line if kind == "line" else None, mask, invert), flipped
        address, written = random.sample(range(MASK_LINES), 2)
        bench.set(addr_i=address)
        read = bench.masks[address], bench.flipped[address]
        if coin(0.3):  # another line: one that is read while it is written is undefined
            bench.store(written, random.getrandbits(bench.lanes * bench.words), int(coin(0.2)))
        await bench.settle()
        bench.equal("line_valid_o", bench.get("line_valid_o"), int(expected is not None))
        if expected is not None:
            bench.equal("line_o", bench.get("line_o"), expected[0])
        bench.equal("parity_o", bench.get("parity_o"), expected[1] if expected else 0)
        errors += expected[1] if expected else 0
        expected = follow
        await bench.tick()
    bench.check(bool(errors) == bool(enable), f"{errors} wrong masks were met")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset(dut) -> None:
    """A reset amid a line forgets it."""
    bench = await RowMaskBench(dut).begun()
    bench.set(line_valid_i=1)
    await bench.tick()
    await bench.settle()
    bench.equal("line_valid_o", bench.get("line_valid_o"), 1)
    bench.set(rst_ni=0)
    await bench.tick()
    await bench.settle()
    bench.equal("line_valid_o", bench.get("line_valid_o"), 0)


@cases({"Lanes": 4, "LineWords": 4}, {"Lanes": 16, "LineWords": 2}, {"Lanes": 32, "LineWords": 4})
def test_row_mask(parameters: dict[str, int]) -> None:
    run("psf_row_mask", __name__, parameters)
