# SPDX-License-Identifier: Apache-2.0
"""Beginning and end of layers of all modes: what starts when, and that two quiet cycles end one."""

import random

import cocotb

from tb.lib import layer
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.run.cases import cases
from tb.run.runner import run

PULSES = ("layer_start_i", "sum_done_i", "quiet_i", "argmax_done_i")
OUTPUTS = ("layer_done_o", "sum_start_o", "work_start_o", "argmax_start_o")


class LayerControlBench(Bench):
    """One cycle after the other; what is not expected must be 0."""

    async def begin(self) -> None:
        await self.reset(layer_i=layer.garbage(), **dict.fromkeys(PULSES, 0))

    async def cycle(self, expected: set[str] = frozenset(), **pulses: int) -> None:
        self.set(
            **dict.fromkeys(PULSES, 0) | {f"{name}_i": value for name, value in pulses.items()}
        )
        await self.settle()
        for output in OUTPUTS:
            self.equal(output, self.get(output), int(output in expected))
        await self.tick()

    async def layer(self, **fields: int) -> None:
        """From start to end; the work is quiet now and then for a cycle, at last for two."""
        f = layer.random_fields(**fields)
        self.set(layer_i=layer.pack_layer(f))
        head = f["mode"] == layer.MODE_HEAD
        sums = head and not f["merge"] and f["out_first"] == 0
        last = head and (f["out_first"] + f["out_words"]) * PARAMETERS["Lanes"] >= f["tokens"]
        await self.settle()
        self.equal("averages_o", self.get("averages_o"), int(head and not f["merge"]))
        await self.cycle({"sum_start_o" if sums else "work_start_o"}, layer_start=1)
        if sums:
            for _ in range(random.randrange(5)):
                await self.cycle()
            await self.cycle({"work_start_o"}, sum_done=1)
        quiet = False
        while True:
            now = coin(0.5)
            if quiet and now:
                break
            await self.cycle(quiet=int(now))
            quiet = now
        await self.cycle({"argmax_start_o" if last else "layer_done_o"}, quiet=1)
        if last:
            for _ in range(random.randrange(5)):
                await self.cycle(quiet=1)
            await self.cycle({"layer_done_o"}, argmax_done=1, quiet=1)
        for _ in range(random.randrange(4)):
            await self.cycle(quiet=1)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def layers(dut) -> None:
    """Heads around their last class, with and without merge, in one tile or more; other modes."""
    bench = await LayerControlBench(dut).begun()
    lanes = PARAMETERS["Lanes"]
    for _ in range(300):
        mode = random.choice((layer.MODE_HEAD, random.randrange(4)))
        first, words = random.choice((0, 0, random.randrange(8))), random.randint(1, 8)
        tokens = max(1, (first + words) * lanes + random.randint(-2, 2))
        await bench.layer(mode=mode, out_first=first, out_words=words, tokens=tokens)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """Amid a layer: it is forgotten, the next one begins and ends as ever."""
    bench = await LayerControlBench(dut).begun()
    for steps in range(4):
        bench.set(layer_i=layer.pack_layer(layer.random_fields(mode=layer.MODE_SPIKE)))
        await bench.cycle({"work_start_o"}, layer_start=1)
        for step in range(steps % 3):
            await bench.cycle(quiet=int(step == 1))
        bench.set(**dict.fromkeys(PULSES, 0))
        await bench.settle()
        await bench.check_reset(*OUTPUTS)
        for _ in range(4):
            await bench.cycle(quiet=1)
        await bench.layer(mode=layer.MODE_SPIKE)


@cases({"Lanes": 8}, {"Lanes": 32})
def test_layer_control(parameters: dict[str, int]) -> None:
    run("psf_layer_control", __name__, parameters)
