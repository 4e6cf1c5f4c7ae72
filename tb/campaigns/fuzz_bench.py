# SPDX-License-Identifier: Apache-2.0
"""Altered programs and noise on the whole accelerator: it never hangs, escapes or keeps silent."""

import json
import random
from collections import Counter
from pathlib import Path

import cocotb

from golden.hardware import isa
from golden.hardware.check import first_fault
from tb.campaigns.fuzz_programs import hostile_programs
from tb.lib.host import CAUSES, PERIOD_NS
from tb.lib.inference import Inference
from tb.lib.reach import overruns
from tb.lib.registers import DONE, ERROR, IRQ_ERROR, IRQ_JOB, START

GOOD_EVERY = 25  # programs, then a good run: nothing may have stayed behind
DRAIN = 70_000  # cycles that the end of a run may take at most when the bus hangs


def expected_fault(bench: Inference, program: bytes, count: int) -> str | None:
    """Why a run of ``program`` must not end well, if that is certain."""
    fault = first_fault(bench.hardware, program, count)
    if fault:
        return str(fault)
    for index, descriptor in enumerate(isa.cut(program)[:count]):
        op, fields = isa.decode(descriptor)
        if op == isa.OP_END:
            return None
        what = overruns(bench.hardware, fields) if op == isa.OP_LAYER else None
        if what:
            return f"descriptor {index} reaches {what}"
    return None


@cocotb.test()
async def campaign(dut) -> None:
    """``settings["programs"]`` programs."""
    bench = Inference(dut)
    await bench.begin(seed=cocotb.RANDOM_SEED)
    await bench.check_good()
    cycles = await bench.read("CYCLES")
    rng = random.Random(cocotb.RANDOM_SEED)
    room = bench.place["weights"] - bench.place["program"]
    tally, causes, kinds, messages = Counter(), Counter(), Counter(), []
    weights = bench.program.weights

    async def restart() -> None:
        nonlocal weights
        await bench.begin(seed=cocotb.RANDOM_SEED)
        weights = bench.program.weights

    todo = hostile_programs(bench.program, cocotb.RANDOM_SEED, bench.settings["programs"])
    for number, hostile in enumerate(todo):
        program = hostile.program[:room]
        contents = {bench.place["program"]: program}
        if hostile.weights != weights:
            weights = hostile.weights
            contents[bench.place["weights"]] = weights
        await bench.load(contents)
        await bench.write("PROGRAM_COUNT", hostile.count)
        await bench.write("WATCHDOG", rng.choice((2 * cycles, 4 * cycles, cycles // 2)))
        bad = int(dut.memory_bad_o.value)
        await bench.write("CTRL", START)
        tally["programs"] += 1
        kinds["noise" if hostile.what[0].startswith("noise") else "altered program"] += 1
        story = f"program {number} ({hostile}), seed {cocotb.RANDOM_SEED}"
        try:
            await bench.until_interrupt(4 * cycles + DRAIN)
        except AssertionError:
            tally["hangs"] += 1
            messages.append(f"hang: {story}")
            await restart()
            continue
        outcome = await bench.outcome()
        causes[CAUSES.get(outcome.cause, "none")] += 1
        await bench.write("IRQ_STATUS", IRQ_JOB | IRQ_ERROR)
        if int(dut.escapes_o.value):
            tally["escapes"] += 1
            messages.append(f"escape: {story}")
            await restart()
            continue
        why = expected_fault(bench, program, hostile.count)
        if int(dut.memory_bad_o.value) != bad:
            why = why or "the memory answered with an error"
        consistent = outcome.status in (DONE, ERROR) and bool(outcome.cause) == (
            outcome.status == ERROR
        )
        if (why and outcome.status != ERROR) or not consistent or int(dut.bus_open_o.value):
            tally["unreported"] += 1
            messages.append(f"unreported: {story}: {why}; {outcome}")
        if number % GOOD_EVERY == GOOD_EVERY - 1:
            await bench.restore()
            weights = bench.program.weights
            try:
                await bench.check_good()
            except AssertionError as error:
                tally["unreported"] += 1
                messages.append(f"the good run after it failed: {story}: {error}")
                await restart()
    await bench.restore()
    await bench.check_good()
    out = {k: tally[k] for k in ("programs", "hangs", "escapes", "unreported")}
    out |= {"causes": dict(causes), "kinds": dict(kinds), "messages": messages}
    out["sim_cycles"] = round(cocotb.utils.get_sim_time("ns") / PERIOD_NS)
    Path("results.json").write_text(json.dumps(out, indent=1))
