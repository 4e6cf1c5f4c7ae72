# SPDX-License-Identifier: Apache-2.0
"""psf_windows: the windows of a token's timesteps, one after the other, token after token."""

import random

import cocotb

from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run


class WindowsBench(Bench):
    async def begin(self) -> None:
        self.short = self.long = 0  # layers with a window cut short, with several windows
        await self.reset(start_i=0, one_i=0, steps_i=1, window_i=0, next_i=0)

    async def layer(self, steps: int, window: int, one: int, tokens: int, stall: float) -> None:
        """All windows of so many tokens; what they are called says nothing before the start."""
        whole = 1 << window
        lengths = [1] if one else [min(whole, steps - t) for t in range(0, steps, whole)]
        self.short += lengths[-1] < whole and not one
        self.long += lengths[0] == whole and len(lengths) > 1
        self.set(steps_i=steps, window_i=window, one_i=one, start_i=1)
        await self.tick()
        self.set(start_i=0)
        await self.tick()
        for _ in range(tokens):
            for place, length in enumerate(lengths, 1):
                while coin(stall):
                    self.set(next_i=0)
                    await self.tick()
                what = f"window {place} of {len(lengths)}, {steps} steps by {whole}"
                self.equal(f"steps of {what}", self.get("steps_o"), length)
                self.equal(f"last of {what}", self.get("last_o"), int(place == len(lengths)))
                self.set(next_i=1)
                await self.tick()
        self.set(next_i=0)
        for _ in range(random.randrange(3)):
            await self.tick()


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def layers(dut, stall: float) -> None:
    """Every number of steps up to 17 and some more, every window, one after the other at random."""
    bench = await WindowsBench(dut).begun()
    layers = [(s, w, int(coin(0.1))) for s in (*range(1, 18), 64, 254, 255) for w in (0, 1, 2)]
    random.shuffle(layers)
    for steps, window, one in layers:
        await bench.layer(steps, window, one, random.randint(1, 3), stall)
    bench.check(bench.short > 5 and bench.long > 20, "hardly a short window, or several")


@cases({})
def test_windows(parameters: dict[str, int]) -> None:
    run("psf_windows", __name__, parameters)
