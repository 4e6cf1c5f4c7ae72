# SPDX-License-Identifier: Apache-2.0
"""The LIF of one lane against golden.contract.neuron.lif_step."""

import random

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


class LifBench(Bench):
    async def begin(self) -> None:
        self.bits = self.width("current_i")
        self.bound = 1 << self.bits - 2  # of |current|, see the RTL
        self.membrane: list[int | None] = [None] * NEURONS
        self.fired = self.silent = self.chained = 0
        self.last: int | None = None  # the neuron of the last beat
        await self.reset(valid_i=0, first_i=0, chain_i=0, stored_i=0, current_i=0, margin_i=0)

    def potential(self, index: int, first: bool, current: int) -> int:
        return current + ((0 if first else self.membrane[index]) >> 1)

    async def step(self, index: int, first: bool, current: int, theta2: int) -> int:
        """One accepted beat, compared with the golden function."""
        before = 0 if first else self.membrane[index]
        spike, after = lif_step(np.int64(current), np.int64(before), np.int64(theta2))
        mask = (1 << self.bits) - 1
        chain = index == self.last
        self.set(valid_i=1, first_i=int(first), chain_i=int(chain))
        self.noise("stored_i")
        if not chain and not first:
            self.set(stored_i=before & mask)
        self.set(current_i=current & mask, margin_i=(current - theta2) & (2 * mask + 1))
        await self.settle()
        what = f"{index}, X={current}, U_prev={before}, theta2={theta2}"
        self.equal(f"spike of {what}", self.get("spike_o"), int(spike))
        self.equal(f"what is left of {what}", self.get("left_o"), int(after) & mask)
        self.fired += int(spike)
        self.silent += 1 - int(spike)
        self.chained += chain and not first
        self.membrane[index], self.last = int(after), index
        await self.tick()
        self.equal("parity_o", self.get("parity_o"), (int(after) & mask).bit_count() & 1)
        return int(spike)

    async def idle(self) -> None:
        """Garbage while valid is low must not change what is held."""
        self.set(valid_i=0)
        self.noise("first_i", "chain_i", "stored_i", "current_i", "margin_i")
        await self.tick()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, few=(1, 3, None))
async def random_steps(dut, stall: float, few: int | None) -> None:
    """Random neurons, mostly near the threshold: exactly on it, one below, one above."""
    bench = await LifBench(dut).begun()
    for _ in range(600):
        while coin(stall):
            await bench.idle()
        index = random.randrange(few or NEURONS)
        first = bench.membrane[index] is None or coin(0.1)
        current = random.choice((random.randint(-bench.bound, bench.bound), random.randint(-9, 9)))
        theta2 = bench.potential(index, first, current) + random.choice((-1, 0, 1))
        if coin(0.3):
            theta2 = random.randint(-bench.bound, bench.bound)
        await bench.step(index, first, current, theta2)
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


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def every_neuron(dut) -> None:
    """No two neurons share a membrane; first_i forgets only its own."""
    bench = await LifBench(dut).begun()
    for index in range(NEURONS):
        await bench.step(index, True, 2 * index + 1, bench.bound)
    for index in random.sample(range(NEURONS), NEURONS):
        await bench.idle()
        await bench.step(index, False, 0, index)  # U = index: fires, exactly on the threshold
    for index in range(NEURONS):
        await bench.step(index, index % 2 == 0, -3, -3)  # all were reset to zero
    bench.equal("spikes", bench.fired, 2 * NEURONS)


@pytest.mark.smoke
@cases({"Width": 20}, {"Width": 16})
def test_lif(parameters: dict[str, int]) -> None:
    run("psf_lif", __name__, parameters)
