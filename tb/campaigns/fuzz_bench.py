# SPDX-License-Identifier: Apache-2.0
"""Altered programs and noise on the whole accelerator: it never hangs, escapes or keeps silent.

A program that ends well has done what the functional model does, and nothing else.
"""

import json
import random
from collections import Counter
from pathlib import Path

import cocotb

from tb.campaigns.fuzz_plan import Layout
from tb.campaigns.fuzz_programs import Hostile, hostile_programs
from tb.campaigns.fuzz_run import Failed, Run
from tb.campaigns.watched import Watched
from tb.lib.host import PERIOD_NS
from tb.lib.inference import Inference

GOOD_EVERY = 25  # programs, then a good run: nothing may have stayed behind
VERDICTS = ("programs", "hangs", "escapes", "unreported", "wrong")
STALLS = (0, 0, 30)  # percent; one for all programs of a bench


class Campaign:
    """Programs one after the other on one bench, and what came of them."""

    def __init__(self, bench: Inference):
        self.bench, self.stalls = bench, random.choice(STALLS)
        self.rng = random.Random(cocotb.RANDOM_SEED)
        self.tally, self.causes, self.ran, self.open = Counter(), Counter(), Counter(), Counter()
        self.messages: list[str] = []
        program = bench.program
        self.layout = Layout.behind(bench.place, program.image_bytes, program.result_bytes)

    async def begin(self) -> None:
        """From a reset on."""
        await self.bench.begin(self.stalls, seed=cocotb.RANDOM_SEED)
        await self.good()
        self.cycles = await self.bench.read("CYCLES")

    async def good(self) -> None:
        """A good run, then the memory is as it was."""
        await self.bench.restore()
        self.bench.program_run = None
        await self.bench.check_good(limit=20 * self.bench.limit)
        end = self.layout.end
        await self.bench.load({self.bench.place["end"]: bytes(end - self.bench.place["end"])})
        self.watched = await Watched.of(self.bench, end)

    async def one(self, number: int, hostile: Hostile) -> None:
        """A program and its verdict."""
        kinds = ("noise", "the program as it was")
        kind = next((k for k in kinds if hostile.what[0].startswith(k)), "altered program")
        self.tally["programs"] += 1
        self.ran[kind] += 1
        run = Run(self.watched, self.layout, self.rng, self.cycles, hostile)
        try:
            await run.go()
        except Failed as failed:
            self.tally[failed.verdict] += 1
            self.messages.append(f"{failed.verdict}: program {number} ({run}): {failed}")
            await self.begin()
        else:
            self.tally["well"] += run.well
            self.tally["compared"] += run.compared
        self.causes[run.cause] += 1
        self.open.update(run.open)
        self.ran.update(run.ran)

    async def all(self, programs: list[Hostile]) -> None:
        for number, hostile in enumerate(programs):
            await self.one(number, hostile)
            await self.bench.fail()
            if number % GOOD_EVERY == GOOD_EVERY - 1:
                try:
                    await self.good()
                except AssertionError as error:
                    self.tally["unreported"] += 1
                    self.messages.append(f"the good run after {number} failed: {error}")
                    await self.begin()
        await self.good()


@cocotb.test()
async def campaign(dut) -> None:
    """``settings["programs"]`` programs; writes results.json."""
    bench = Inference(dut)
    fuzz = Campaign(bench)
    await fuzz.begin()
    count = bench.settings["programs"]
    await fuzz.all(hostile_programs(bench.program, cocotb.RANDOM_SEED, count))
    out = {k: fuzz.tally[k] for k in (*VERDICTS, "well", "compared")}
    out |= {"causes": dict(fuzz.causes), "kinds": dict(fuzz.ran), "open": dict(fuzz.open)}
    out |= {"messages": [f"{m}, seed {cocotb.RANDOM_SEED}" for m in fuzz.messages]}
    out["sim_cycles"] = round(cocotb.utils.get_sim_time("ns") / PERIOD_NS)
    Path("results.json").write_text(json.dumps(out, indent=1))
