# SPDX-License-Identifier: Apache-2.0
"""One lane against Python integers: adds to one buffer while the other is drained and cleared."""

import random

import cocotb

from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin, signed
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

LANDING = 4  # cycles from an add to a drain read that sees it
CLEARING = 2  # from a read that clears to one that sees the zero


class LaneBench(Bench):
    """Model: two lists of accumulators. What the caller promises is kept here."""

    async def begin(self) -> None:
        self.depth = PARAMETERS["Depth"]
        self.bits = self.width("drain_acc_o") // 2
        self.acc = [[0] * self.depth for _ in range(2)]
        self.compared = self.wrong = 0
        self.flipped: set[tuple[int, int]] = set()  # (buffer, entry)
        self.parity = [0, 0, 0]  # of the next three cycles
        self.drained: list[tuple[int, int] | None] = [None, None]  # buffer, value of two cycles
        self.overrun = 0  # of the next cycle
        self.added = [0, 0]  # cycle of the last add to each buffer
        self.cleared = [(0, 0, 0)] * 2  # cycle, buffer, entry
        self.noise("add_entry_i", "add_weight_i", "add_shift_i", "drain_entry_i", "add_buffer_i")
        await self.reset(add_valid_i=0, drain_clear_i=0, drain_buffer_i=0, drain_valid_i=0)
        for buffer in (0, 1):  # the sweep that the header asks for
            for entry in range(self.depth):
                self.set(drain_buffer_i=buffer, drain_entry_i=entry, drain_clear_i=1)
                await self.tick()
                self.equal("parity_o while all is cleared", self.get("parity_o"), 0)
        self.set(drain_clear_i=0)
        await self.tick()

    def fresh(self, buffer: int, entry: int) -> bool:
        """Whether the zero of an earlier read is already there."""
        return (buffer, entry) not in (
            (b, e) for cycle, b, e in self.cleared if self.now - cycle < CLEARING
        )

    def drainable(self, buffer: int, entry: int) -> bool:
        return self.now - self.added[buffer] >= LANDING and self.fresh(buffer, entry)

    async def cycle(
        self,
        add: tuple[int, int, int, int] | None = None,
        drain: tuple[int, int, int] | None = None,
        valid: bool = True,
    ) -> None:
        """``add``: buffer, entry, weight, shift. ``drain``: buffer, entry, clear."""
        self.set(add_valid_i=0, drain_valid_i=0, drain_clear_i=0)
        self.noise("add_entry_i", "add_weight_i", "add_shift_i", "add_buffer_i")
        self.noise("drain_buffer_i")
        self.set(drain_entry_i=random.randrange(self.depth))
        if add:
            buffer, entry, weight, shift = add
            self.set(add_valid_i=1, add_buffer_i=buffer, add_entry_i=entry)
            self.set(add_weight_i=weight & 255, add_shift_i=shift)
        if drain:
            buffer, entry, clear = drain
            self.check(self.drainable(buffer, entry), "the bench drains too early")
            self.set(drain_buffer_i=buffer, drain_entry_i=entry, drain_clear_i=clear)
            self.set(drain_valid_i=int(valid))
        await self.settle()
        self.equal("parity_o", self.get("parity_o"), self.parity.pop(0))
        self.equal("overrun_o", self.get("overrun_o"), self.overrun)
        expected = self.drained.pop(0)
        if expected is not None:
            buffer, value = expected
            got = [signed(x, self.bits) for x in self.elements("drain_acc_o", self.bits, 2)]
            self.equal("drain_acc_o", got, [value * (buffer == b) for b in (0, 1)])
            self.compared += value != 0
        inside = add is not None and add[1] < self.depth
        self.overrun = int(add is not None and not inside)
        bad = bool(drain and valid and drain[:2] in self.flipped)
        bad |= inside and add[:2] in self.flipped
        self.parity.append(int(bad))
        self.wrong += bad
        read = drain and valid
        self.drained.append((drain[0], self.acc[drain[0]][drain[1]]) if read else None)
        if drain and drain[2]:
            self.flipped.discard(drain[:2])
            self.acc[drain[0]][drain[1]] = 0
            self.cleared = [self.cleared[1], (self.now, *drain[:2])]
        if inside:
            self.flipped.discard(add[:2])
            self.acc[add[0]][add[1]] += add[2] << add[3]
            self.added[add[0]] = self.now
        await self.tick()

    async def land(self) -> None:
        """Until every add is in its memory; afterwards all outputs follow what was flipped."""
        for _ in range(LANDING):
            await self.cycle()

    def flip(self, buffer: int, entry: int) -> None:
        """Flip a bit of an accumulator, or of its parity."""
        word, bit = self.dut.gen_buffer[buffer].u_acc.mem[entry], random.randrange(self.bits + 1)
        word.value = int(word.value) ^ 1 << bit
        if bit < self.bits:
            low = self.acc[buffer][entry] % (1 << self.bits) ^ 1 << bit
            self.acc[buffer][entry] = low - (low >> self.bits - 1 << self.bits)
        self.flipped ^= {(buffer, entry)}

    def random_add(self, buffer: int, few: int, shifts: int = 8) -> tuple[int, ...] | None:
        """An add to one of the first ``few`` entries, if it may come now."""
        entry, weight = random.randrange(few), random.randint(-128, 127)
        shift = random.randrange(shifts)
        end, total = 1 << self.bits - 1, self.acc[buffer][entry] + (weight << shift)
        fits = -end <= total < end and self.fresh(buffer, entry)
        return (buffer, entry, weight, shift) if fits else None

    def random_drain(self, buffer: int, few: int) -> tuple[int, int, int] | None:
        entry = random.randrange(few)
        return (buffer, entry, int(coin(0.3))) if self.drainable(buffer, entry) else None


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_adds(dut, stall: float) -> None:
    """Buffers change roles at random times, or both are added to; drains clear or not."""
    bench = await LaneBench(dut).begun()
    for _ in range(60):
        adding = random.choice((0, 1, 2))  # 2: any
        few = random.choice((1, 2, 3, bench.depth))  # few entries: hits in all short distances
        for _ in range(random.randint(5, 60)):
            buffer = random.randrange(2) if adding == 2 else adding
            add = bench.random_add(buffer, few) if coin(1 - stall) else None
            drain = bench.random_drain(1 - adding, bench.depth) if adding < 2 else None
            await bench.cycle(add, drain, coin(0.7))
    bench.check(bench.compared > 20, "hardly anything but zeros was compared")
    bench.equal("wrong parities", bench.wrong, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A flipped accumulator is reported when it is added to or drained, and only then."""
    bench = await LaneBench(dut).begun()
    for _ in range(60):
        adding = random.randrange(2)
        few = random.randint(1, bench.depth)
        await bench.land()
        entries = [(b, i) for b in (0, 1) for i in range(few)]
        for buffer, entry in random.sample(entries, random.randrange(3)):
            bench.flip(buffer, entry)
        await bench.cycle()
        for _ in range(random.randint(1, 20)):
            add = bench.random_add(adding, few, 3) if coin(0.5) else None
            await bench.cycle(add, bench.random_drain(1 - adding, few), coin(0.5))
    await bench.land()
    bench.check(bench.wrong, "no flip was used")


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def resets(dut) -> None:
    """A reset takes a report back at once, and no clear, drain or add survives it."""
    bench = await LaneBench(dut).begun()
    for entry in (0, bench.depth - 1):
        await bench.land()
        bench.flip(1, entry)
        await bench.cycle()
        await bench.cycle(None, (1, entry, 0))
        await bench.cycle()
        await bench.cycle()
        bench.equal("parity_o", bench.get("parity_o"), 1)
        await bench.check_reset("parity_o", "overrun_o", add_valid_i=0, drain_valid_i=0)
        for cycles in (0, 1, 2):  # an add to the wrong entry is in each of its stages
            bench.parity, bench.drained, bench.overrun = [0, 0, 0], [None, None], 0
            kept = bench.acc[1][entry]
            await bench.cycle((1, entry, 1, 0))
            for _ in range(cycles):
                await bench.cycle()
            await bench.check_reset("parity_o", "overrun_o", add_valid_i=0, drain_valid_i=0)
            bench.acc[1][entry], bench.flipped = kept, {(1, entry)}
            bench.parity, bench.drained, bench.overrun = [0, 0, 0], [None, None], 0
            for _ in range(LANDING):
                await bench.cycle()
        bench.flip(1, entry)  # a second time: the parity is right again
        await bench.cycle(None, (1, entry, 1))
    await bench.land()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def beyond_the_depth(dut) -> None:
    """An entry that the lane has not got changes none and is reported."""
    bench = await LaneBench(dut).begun()
    for _ in range(200):
        entry = random.randrange(1 << bench.width("add_entry_i"))
        await bench.cycle((0, entry, 1, 0), (1, 0, 0))
    await bench.land()
    for entry in range(bench.depth):
        await bench.cycle(None, (0, entry, 1))
    await bench.land()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def distances(dut) -> None:
    """Adds to one entry in every distance, others between them; read as early as may be."""
    bench = await LaneBench(dut).begun()
    for pattern in range(1, 64):  # bit i: the add of cycle i goes to the entry, else to another
        for between in (0, 1, 2):  # other entry, other buffer, nothing
            for i in range(6):
                if pattern >> i & 1:
                    await bench.cycle((0, 5, 1 + i, 0))
                elif between < 2:
                    await bench.cycle((between, 5 if between else 7, 100, 0))
                else:
                    await bench.cycle()
            while bench.now - bench.added[0] < LANDING:
                await bench.cycle()
            await bench.cycle(None, (0, 5, 1))
            await bench.cycle()
            await bench.cycle(None, (0, 5, 0))
    await bench.cycle(None, (0, 7, 1))
    await bench.cycle(None, (1, 5, 1))
    await bench.land()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def limits(dut) -> None:
    """One entry hit in every cycle up to both ends of the range."""
    bench = await LaneBench(dut).begun()
    for buffer in (0, 1):
        for sign in (1, -1):
            end = (1 << bench.bits - 1) - (sign == 1)
            entry = random.choice((0, bench.depth - 1))
            left = end
            while left:
                shift = next(s for s in range(7, -1, -1) if left >> s or not s)
                size = min(left >> shift, 128 if sign < 0 else 127)
                await bench.cycle((buffer, entry, sign * size, shift))
                left -= size << shift
            bench.equal("end of the range", bench.acc[buffer][entry], sign * end)
            await bench.land()
            await bench.cycle((1 - buffer, entry, 1, 0), (buffer, entry, 1))
            await bench.land()
            await bench.cycle(None, (buffer, entry, 0))
            await bench.cycle(None, (1 - buffer, entry, 1))
            await bench.land()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_entry(dut) -> None:
    """No two entries, nor the two buffers, share a word; clearing one leaves the others."""
    bench = await LaneBench(dut).begun()
    for buffer in (0, 1):
        for entry in range(bench.depth):
            await bench.cycle((buffer, entry, entry + 1 + 40 * buffer, 7))
    await bench.land()
    for entry in random.sample(range(bench.depth), bench.depth):
        for buffer in (0, 1):
            await bench.cycle(None, (buffer, entry, 0))
            await bench.cycle(None, (buffer, entry, 1))
            await bench.cycle()
            await bench.cycle(None, (buffer, entry, 0))
    await bench.land()
    bench.check(not any(map(any, bench.acc)), "entries were left")


@cases({"Depth": 16, "AccWidth": 20}, {"Depth": 12, "AccWidth": 16})
def test_lane(parameters: dict[str, int]) -> None:
    run("psf_lane", __name__, parameters)
