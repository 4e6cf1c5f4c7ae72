# SPDX-License-Identifier: Apache-2.0
"""The LIF of one lane against golden.contract.neuron.lif_step."""

import random
from dataclasses import dataclass

import cocotb
import numpy as np
import pytest

from golden.contract.neuron import lif_step
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

NEURONS = 12  # that share the lane


@dataclass(frozen=True)
class Beat:
    """A step of a neuron, and what is expected of it. follows: the beat before was the step before
    of this neuron.  stored: what was left of that, where it is to be taken from outside."""

    index: int
    follows: bool
    stored: int | None
    current: int
    margin: int
    spike: int
    left: int
    what: str


class LifBench(Bench):
    """Beats are driven one behind the expected ones: what comes next tells forget_i."""

    async def begin(self) -> None:
        self.bits = self.width("current_i")
        self.bound = 1 << self.bits - 2  # of |current|, see the RTL
        self.membrane: list[int | None] = [None] * NEURONS
        self.fired = self.silent = self.chained = 0
        self.words: list[int] = [0] * NEURONS  # left_o of their last beats
        self.beat: Beat | None = None  # expected, not yet driven
        self.stall = 0.0
        await self.reset(valid_i=0, forget_i=1, take_i=0, stored_i=0, current_i=0, margin_i=0)
        await self.tick()

    def potential(self, index: int, first: bool, current: int) -> int:
        return current + ((0 if first else self.membrane[index]) >> 1)

    async def step(self, index: int, first: bool, current: int, theta2: int) -> int:
        """One beat, by the golden function, and the beat before it compared with that."""
        before = 0 if first else self.membrane[index]
        spike, after = lif_step(np.int64(current), np.int64(before), np.int64(theta2))
        mask = (1 << self.bits) - 1
        follows = not first and self.beat is not None and index == self.beat.index
        beat = Beat(
            index, follows, None if first or follows else self.words[index], current & mask,
            (current - theta2) & (2 * mask + 1), int(spike),
            int(spike) << self.bits | self.potential(index, first, current) & mask,
            f"{index}, X={current}, U_prev={before}, theta2={theta2}",
        )  # fmt: skip
        await self.drive(follows)
        self.beat, self.words[index], self.membrane[index] = beat, beat.left, int(after)
        self.fired += int(spike)
        self.silent += 1 - int(spike)
        self.chained += follows
        return int(spike)

    async def drive(self, followed: bool = False) -> None:
        """The beat that is expected; followed: the next one is of the same neuron. It forgets with
        the beat, or later, or both."""
        if self.beat is None:
            return
        beat = self.beat
        idle = 0
        while coin(self.stall):
            idle += 1
        late = idle > 0 and coin(0.5)
        self.set(valid_i=1, take_i=int(beat.stored is not None))
        self.set(current_i=beat.current, margin_i=beat.margin)
        self.noise("stored_i")
        if beat.stored is not None:
            self.set(stored_i=beat.stored)
        self.set(forget_i=int(not followed and not late))
        await self.settle()
        self.equal(f"spike of {beat.what}", self.get("spike_o"), beat.spike)
        self.equal(f"what is left of {beat.what}", self.get("left_o"), beat.left)
        await self.tick()
        self.equal("parity_o", self.get("parity_o"), beat.left.bit_count() & 1)
        for left in reversed(range(idle)):
            await self.idle(not followed and (coin(0.3) or (late and left == 0)))

    async def idle(self, forget: bool) -> None:
        """Garbage while valid is low must not change what is held."""
        self.set(valid_i=0, forget_i=int(forget))
        self.noise("take_i", "stored_i", "current_i", "margin_i")
        await self.tick()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, few=(1, 3, None))
async def random_steps(dut, stall: float, few: int | None) -> None:
    """Random neurons, mostly near the threshold: exactly on it, one below, one above."""
    bench = await LifBench(dut).begun()
    bench.stall = stall
    for _ in range(600):
        index = random.randrange(few or NEURONS)
        first = bench.membrane[index] is None or coin(0.1)
        current = random.choice((random.randint(-bench.bound, bench.bound), random.randint(-9, 9)))
        theta2 = bench.potential(index, first, current) + random.choice((-1, 0, 1))
        if coin(0.3):
            theta2 = random.randint(-bench.bound, bench.bound)
        await bench.step(index, first, current, theta2)
    await bench.drive()
    bench.check(bench.fired > 50 and bench.silent > 50, "fires always or never")
    bench.check(bench.chained or few is None, "no neuron followed itself")


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
    await bench.drive()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_neuron(dut) -> None:
    """No two neurons share a membrane; a first step forgets only its own."""
    bench = await LifBench(dut).begun()
    bench.stall = 0.5
    for index in range(NEURONS):
        await bench.step(index, True, 2 * index + 1, bench.bound)
    for index in random.sample(range(NEURONS), NEURONS):
        await bench.step(index, False, 0, index)  # U = index: fires, exactly on the threshold
    for index in range(NEURONS):
        await bench.step(index, index % 2 == 0, -3, -3)  # all were reset to zero
    await bench.drive()
    bench.equal("spikes", bench.fired, 2 * NEURONS)


@pytest.mark.smoke
@cases({"Width": 20}, {"Width": 16})
def test_lif(parameters: dict[str, int]) -> None:
    run("psf_lif", __name__, parameters)
