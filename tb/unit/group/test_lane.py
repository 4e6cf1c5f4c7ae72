# SPDX-License-Identifier: Apache-2.0
"""One lane against Python integers: adds to one buffer while the other is drained and cleared."""

import random

import cocotb

from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run


class LaneBench(Bench):
    """Model: two lists of accumulators. The caller's promise (one buffer each) is kept here."""

    async def begin(self) -> None:
        self.depth = PARAMETERS["Depth"]
        self.bits = self.width("drain_acc_o")
        self.acc = [[0] * self.depth for _ in range(2)]
        self.compared = self.wrong = 0
        self.flipped: set[tuple[int, int]] = set()  # (buffer, index)
        self.parity = [0, 0]  # of the next two cycles
        self.overrun = 0  # of the next cycle
        self.noise("add_index_i", "add_weight_i", "add_shift_i", "drain_index_i", "add_buffer_i")
        await self.reset(add_valid_i=0, drain_clear_i=0, drain_buffer_i=0, drain_valid_i=0)
        for buffer in (0, 1):  # the sweep that the header asks for
            for index in range(self.depth):
                self.set(drain_buffer_i=buffer, drain_index_i=index, drain_clear_i=1)
                await self.tick()
                self.equal("parity_o while all is cleared", self.get("parity_o"), 0)

    async def cycle(
        self,
        add: tuple[int, int, int, int] | None,
        drain: tuple[int, int, int],
        drain_valid: bool = True,
    ) -> None:
        """``add``: buffer, index, weight, shift. ``drain``: buffer, index, clear."""
        self.set(add_valid_i=0)
        self.noise("add_index_i", "add_weight_i", "add_shift_i", "add_buffer_i")
        if add:
            buffer, index, weight, shift = add
            self.set(add_valid_i=1, add_buffer_i=buffer, add_index_i=index)
            self.set(add_weight_i=weight & 255, add_shift_i=shift)
        buffer, index, clear = drain
        self.set(drain_buffer_i=buffer, drain_index_i=index, drain_clear_i=clear)
        self.set(drain_valid_i=int(drain_valid))
        await self.settle()
        self.equal("parity_o", self.get("parity_o"), self.parity.pop(0))
        self.equal("overrun_o", self.get("overrun_o"), self.overrun)
        inside = add is not None and add[1] < self.depth
        self.overrun = int(add is not None and not inside)
        bad = drain_valid and (buffer, index) in self.flipped
        bad |= inside and add[:2] in self.flipped
        self.parity.append(int(bad))
        self.wrong += bad
        if clear:
            self.flipped.discard((buffer, index))
        if inside:
            self.flipped.discard(add[:2])
        if not add or add[0] != buffer:
            expected = self.acc[buffer][index]
            got = self.dut.drain_acc_o.value.to_signed()
            self.equal(f"acc[{buffer}][{index}]", got, expected)
            self.compared += expected != 0
        if clear:
            self.acc[buffer][index] = 0
        if inside:
            self.acc[add[0]][add[1]] += add[2] << add[3]
        await self.tick()

    async def idle(self) -> None:
        """A cycle without any use; afterwards all outputs follow what was flipped before."""
        self.set(add_valid_i=0, drain_clear_i=0, drain_valid_i=0)
        await self.settle()
        self.equal("parity_o", self.get("parity_o"), self.parity.pop(0))
        self.parity.append(0)
        self.overrun = 0
        await self.tick()

    def flip(self, buffer: int, index: int) -> None:
        """Flip a bit of an accumulator, or of its parity."""
        lane = self.dut.gen_buffer[buffer]
        if coin(0.2):
            entry = lane.u_parity.mem[index]
            entry.value = 1 - int(entry.value)
        else:
            entry, bit = lane.u_acc.mem[index], random.randrange(self.bits - 1)
            entry.value = int(entry.value) ^ 1 << bit
            low = self.acc[buffer][index] % (1 << self.bits)
            self.acc[buffer][index] += (1 << bit) * (-1 if low >> bit & 1 else 1)
        self.flipped ^= {(buffer, index)}

    def fits(self, buffer: int, index: int, term: int) -> bool:
        return -(1 << self.bits - 1) <= self.acc[buffer][index] + term < 1 << self.bits - 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_adds(dut, stall: float) -> None:
    """Buffers change roles at random times; the drain reads with and without clearing."""
    bench = await LaneBench(dut).begun()
    for _ in range(40):
        adding = random.randrange(2)
        few = random.randint(1, bench.depth)  # few entries: consecutive hits on one
        for _ in range(random.randint(1, 60)):
            add = (adding, random.randrange(few), random.randint(-128, 127), random.randrange(8))
            ok = coin(1 - stall) and bench.fits(*add[:2], add[2] << add[3])
            drain = (1 - adding, random.randrange(bench.depth), int(coin(0.3)))
            await bench.cycle(add if ok else None, drain, coin(0.5))
    bench.check(bench.compared > 100, "hardly anything but zeros was compared")
    bench.equal("wrong parities", bench.wrong, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A flipped accumulator is reported when it is added to or drained, and only then."""
    bench = await LaneBench(dut).begun()
    for _ in range(60):
        adding = random.randrange(2)
        few = random.randint(1, bench.depth)
        for _ in range(2):  # a parity is in its memory two cycles after its accumulator
            await bench.idle()
        entries = [(b, i) for b in (0, 1) for i in range(few)]
        for buffer, index in random.sample(entries, random.randrange(3)):
            bench.flip(buffer, index)
        await bench.idle()
        for _ in range(random.randint(1, 20)):
            add = (adding, random.randrange(few), random.randint(-128, 127), random.randrange(3))
            ok = coin(0.5) and bench.fits(*add[:2], add[2] << add[3])
            drain = (1 - adding, random.randrange(few), int(coin(0.3)))
            await bench.cycle(add if ok else None, drain, coin(0.5))
    for _ in range(3):
        await bench.idle()
    bench.check(bench.wrong, "no flip was used")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def beyond_the_depth(dut) -> None:
    """An index that no accumulator has changes none and is reported."""
    bench = await LaneBench(dut).begun()
    for _ in range(200):
        index = random.randrange(1 << bench.width("add_index_i"))
        await bench.cycle((0, index, 1, 0), (1, 0, 0))
    for index in range(bench.depth):
        await bench.cycle(None, (0, index, 1))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def limits(dut) -> None:
    """One entry hit in every cycle up to both ends of the range, read in the cycle after."""
    bench = await LaneBench(dut).begun()
    for buffer in (0, 1):
        for sign in (1, -1):
            end = (1 << bench.bits - 1) - (sign == 1)
            index = random.choice((0, bench.depth - 1))
            left = end
            while left:
                shift = next(s for s in range(7, -1, -1) if left >> s or not s)
                size = min(left >> shift, 128 if sign < 0 else 127)
                await bench.cycle((buffer, index, sign * size, shift), (1 - buffer, index, 0))
                left -= size << shift
            bench.equal("end of the range", bench.acc[buffer][index], sign * end)
            await bench.cycle((1 - buffer, index, 1, 0), (buffer, index, 1))
            await bench.cycle(None, (buffer, index, 0))
            await bench.cycle(None, (1 - buffer, index, 1))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_entry(dut) -> None:
    """No two entries, nor the two buffers, share a word; clearing one leaves the others."""
    bench = await LaneBench(dut).begun()
    for buffer in (0, 1):
        for index in range(bench.depth):
            weight = index + 1 + 40 * buffer
            await bench.cycle((buffer, index, weight, 7), (1 - buffer, index, 0))
    for index in random.sample(range(bench.depth), bench.depth):
        for buffer in (0, 1):
            for clear in (0, 1, 0):
                await bench.cycle(None, (buffer, index, clear))
    bench.check(not any(map(any, bench.acc)), "entries were left")


@cases({"Depth": 16, "AccWidth": 20}, {"Depth": 12, "AccWidth": 16})
def test_lane(parameters: dict[str, int]) -> None:
    run("psf_lane", __name__, parameters)
