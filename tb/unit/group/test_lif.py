# SPDX-License-Identifier: Apache-2.0
"""The LIF of one lane against golden.contract.neuron.lif_step."""

import random

import cocotb
import numpy as np
import pytest

from golden.contract.neuron import lif_step
from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run


class LifBench(Bench):
    async def begin(self) -> None:
        self.depth = PARAMETERS["Depth"]
        self.bits = self.width("current_i")
        self.bound = 1 << self.bits - 2  # of |current|, see the RTL
        self.membrane: list[int | None] = [None] * self.depth
        self.fired = self.silent = self.wrong = 0
        self.flipped: set[int] = set()
        self.parity = [0, 0]  # of the next two cycles
        await self.reset(valid_i=0, first_i=0, index_i=0, current_i=0, margin_i=0)

    def potential(self, index: int, first: bool, current: int) -> int:
        return current + ((0 if first else self.membrane[index]) >> 1)

    async def step(self, index: int, first: bool, current: int, theta2: int) -> int:
        """One accepted beat, compared with the golden function."""
        before = 0 if first else self.membrane[index]
        spike, after = lif_step(np.int64(current), np.int64(before), np.int64(theta2))
        mask = (1 << self.bits) - 1
        self.set(valid_i=1, first_i=int(first), index_i=index)
        self.set(current_i=current & mask, margin_i=(current - theta2) & (2 * mask + 1))
        await self.settle()
        what = f"spike of {index}, X={current}, U_prev={before}, theta2={theta2}"
        self.equal(what, self.get("spike_o"), int(spike))
        self.fired += int(spike)
        self.silent += 1 - int(spike)
        self.membrane[index] = int(after)
        bad = not first and index in self.flipped
        self.flipped.discard(index)
        await self.next(int(bad))
        return int(spike)

    async def next(self, bad: int) -> None:
        """The clock edge; ``bad``: the beat uses a potential that was flipped."""
        self.equal("parity_o", self.get("parity_o"), self.parity.pop(0))
        self.parity.append(bad)
        self.wrong += bad
        await self.tick()

    def flip(self, index: int) -> None:
        """Flip a bit of a potential, or of its parity."""
        if coin(0.2):
            entry = self.dut.u_parity.mem[index]
            entry.value = 1 - int(entry.value)
        else:
            entry, bit = self.dut.u_membrane.mem[index], random.randrange(self.bits - 2)
            entry.value = int(entry.value) ^ 1 << bit
            low = self.membrane[index] % (1 << self.bits)
            self.membrane[index] += (1 << bit) * (-1 if low >> bit & 1 else 1)
        self.flipped ^= {index}

    async def idle(self) -> None:
        """Garbage while valid is low must change no membrane."""
        self.set(valid_i=0)
        self.noise("first_i", "index_i", "current_i", "margin_i")
        await self.settle()
        await self.next(0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, few=(1, 3, None))
async def random_steps(dut, stall: float, few: int | None) -> None:
    """Random neurons, mostly near the threshold: exactly on it, one below, one above."""
    bench = await LifBench(dut).begun()
    for _ in range(600):
        while coin(stall):
            await bench.idle()
        index = random.randrange(min(few or bench.depth, bench.depth))
        first = bench.membrane[index] is None or coin(0.1)
        current = random.choice((random.randint(-bench.bound, bench.bound), random.randint(-9, 9)))
        theta2 = bench.potential(index, first, current) + random.choice((-1, 0, 1))
        if coin(0.3):
            theta2 = random.randint(-bench.bound, bench.bound)
        await bench.step(index, first, current, theta2)
    bench.check(bench.fired > 50 and bench.silent > 50, "fires always or never")
    bench.equal("wrong parities", bench.wrong, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
@cocotb.parametrize(few=(1, None))
async def flips(dut, few: int | None) -> None:
    """A flipped potential is reported when it is used; at a first step it does not matter."""
    bench = await LifBench(dut).begun()
    small = bench.bound // 4
    for index in range(bench.depth):
        await bench.step(index, True, random.randint(-small, small), bench.bound)
    for _ in range(300):
        if coin(0.2):
            await bench.idle()
            await bench.idle()  # a parity is in its memory two cycles after its beat
            bench.flip(random.randrange(few or bench.depth))
            await bench.idle()
        index = random.randrange(few or bench.depth)
        await bench.step(index, coin(0.2), random.randint(-small, small), random.choice((0, small)))
    for _ in range(3):
        await bench.idle()
    bench.check(bench.wrong, "no flip was used")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def corners(dut) -> None:
    """Width limits, thresholds at both ends, floor of negative halves, reset to zero."""
    bench = await LifBench(dut).begun()
    top = (1 << bench.bits - 1) - 1
    for sign in (1, -1):  # the potential creeps up to 2 * bound - 1, or down to -2 * bound
        for step in range(bench.bits + 2):
            await bench.step(0, step == 0, sign * bench.bound, top)
    for theta2 in (-top - 1, -bench.bound, -1, 0, 1, bench.bound, top):
        for current in (-bench.bound, -1, 0, 1, bench.bound):
            await bench.step(1, True, current, theta2)
            await bench.step(1, False, 0, theta2)  # floor(-1 / 2) = -1
            await bench.step(1, False, 0, theta2)
    spikes = [await bench.step(2, t == 0, 5, 9) for t in range(8)]  # 5, 7, 8, 9 fires, 5, ...
    bench.equal("train of spikes", spikes, [0, 0, 0, 1, 0, 0, 0, 1])
    bench.equal("exactly on the threshold", await bench.step(3, True, 7, 7), 1)
    bench.equal("one below", await bench.step(3, True, 6, 7), 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_neuron(dut) -> None:
    """No two neurons share a membrane; first_i forgets only its own."""
    bench = await LifBench(dut).begun()
    for index in range(bench.depth):
        await bench.step(index, True, 2 * index + 1, bench.bound)
    for index in random.sample(range(bench.depth), bench.depth):
        await bench.idle()
        await bench.step(index, False, 0, index)  # U = index: fires, exactly on the threshold
    for index in range(bench.depth):
        await bench.step(index, index % 2 == 0, -3, -3)  # all were reset to zero
    bench.equal("spikes", bench.fired, 2 * bench.depth)


@pytest.mark.smoke
@cases({"Depth": 16, "Width": 20}, {"Depth": 12, "Width": 16})
def test_lif(parameters: dict[str, int]) -> None:
    run("psf_lif", __name__, parameters)
