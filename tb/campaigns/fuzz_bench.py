# SPDX-License-Identifier: Apache-2.0
"""Altered programs and noise on the whole accelerator: it never hangs, escapes or keeps silent.

A program that ends well has done what the functional model does, and nothing else.
"""

import json
import random
from collections import Counter
from pathlib import Path

import cocotb
from cocotb.triggers import First, RisingEdge, Timer

from golden.hardware import isa
from golden.hardware.check import first_fault
from tb.campaigns.fuzz_oracle import certain_stop
from tb.campaigns.fuzz_programs import Hostile, hostile_programs
from tb.campaigns.watched import Watched
from tb.lib.host import CAUSES, DECERR, PERIOD_NS, SLVERR
from tb.lib.inference import Inference
from tb.lib.registers import ABORT, DONE, ERROR, IRQ_ERROR, IRQ_JOB, SOFT_RESET, START

GOOD_EVERY = 25  # programs, then a good run: nothing may have stayed behind
VERDICTS = ("programs", "hangs", "escapes", "unreported", "wrong")
STALLS = (0, 0, 30)  # percent; one for all programs of a bench
BUS_ERRORS = 0.1  # share of programs under which a beat fails
STOPPED = 0.2  # share of programs that the host stops, unless they end before
STOPS = {ABORT: "an abort", SOFT_RESET: "a soft reset"}
DRAIN = 70_000  # cycles that the end of a run may take at most when the bus hangs


async def amid(bench: Inference, what: int, after: int) -> bool:
    """``what`` to CTRL ``after`` cycles from now; False if the run ended before."""
    ended = RisingEdge(bench.dut.irq_o)
    gap = Timer(after * PERIOD_NS, "ns")
    if int(bench.dut.irq_o.value) or await First(ended, gap) is not gap:
        return False
    await bench.write("CTRL", what)
    return True


@cocotb.test()
async def campaign(dut) -> None:
    """``settings["programs"]`` programs."""
    bench = Inference(dut)
    stalls = random.choice(STALLS)
    await bench.begin(stalls, seed=cocotb.RANDOM_SEED)
    await bench.check_good(limit=20 * bench.limit)
    cycles = await bench.read("CYCLES")
    rng = random.Random(cocotb.RANDOM_SEED)
    beats = (len(bench.program.program) + len(bench.program.weights)) // 8
    room = bench.place["weights"] - bench.place["program"]
    tally, causes, kinds, messages = Counter(), Counter(), Counter(), []
    weights = bench.program.weights

    watched = await Watched.of(bench)

    async def restart() -> None:
        nonlocal weights, watched
        await bench.begin(stalls, seed=cocotb.RANDOM_SEED)
        weights = bench.program.weights
        watched = await Watched.of(bench)

    async def one(number: int, hostile: Hostile) -> None:
        """A program, perhaps stopped by the host, and its verdict."""
        nonlocal weights
        program = hostile.program[:room]
        contents = {bench.place["program"]: program}
        if hostile.weights != weights:
            weights = hostile.weights
            contents[bench.place["weights"]] = weights
        contents[bench.place["result"]] = bench.blank
        await watched.load(contents)
        await bench.write("PROGRAM_COUNT", hostile.count)
        await bench.write("WATCHDOG", rng.choice((2 * cycles, 4 * cycles, cycles // 2)))
        bad = int(dut.memory_bad_o.value)
        if rng.random() < BUS_ERRORS:
            beat, resp = rng.randrange(1, beats), rng.choice((SLVERR, DECERR))
            await bench.fail(**{rng.choice(("read", "read", "write")): beat}, resp=resp)
        await bench.write("CTRL", START)
        tally["programs"] += 1
        kinds["noise" if hostile.what[0].startswith("noise") else "altered program"] += 1
        story = f"program {number} ({hostile}), seed {cocotb.RANDOM_SEED}"
        stop = rng.choice(tuple(STOPS)) if rng.random() < STOPPED else None
        try:
            if stop is not None and await amid(bench, stop, rng.randrange(1, cycles)):
                kinds[f"of them with {STOPS[stop]}"] += 1
                if stop == SOFT_RESET:
                    return await forgotten(story)
            await bench.until_interrupt(4 * cycles + DRAIN)
        except AssertionError:
            return await failed("hangs", f"hang: {story}")
        outcome = await bench.outcome()
        causes[CAUSES.get(outcome.cause, "none")] += 1
        await bench.write("IRQ_STATUS", IRQ_JOB | IRQ_ERROR)
        if int(dut.escapes_o.value):
            return await failed("escapes", f"escape: {story}")
        fault = first_fault(bench.hardware, program, hostile.count)
        why = str(fault) if fault else None
        why = why or certain_stop(bench.hardware, program, hostile.count, watched.memory)
        if int(dut.memory_bad_o.value) != bad:
            why = why or "the memory answered with an error"
        consistent = outcome.status in (DONE, ERROR) and bool(outcome.cause) == (
            outcome.status == ERROR
        )
        if outcome.cause == isa.ERROR_ABORT and stop != ABORT:
            why, consistent = "nobody has aborted it", False
        if (why and outcome.status != ERROR) or not consistent or int(dut.bus_open_o.value):
            tally["unreported"] += 1
            messages.append(f"unreported: {story}: {why}; {outcome}")
        elif outcome.status == DONE:
            tally["well"] += 1
            what, compared = await watched.wrong(watched.certain(program, hostile.count))
            tally["compared"] += compared
            if what:
                tally["wrong"] += 1
                messages.append(f"wrong: {story}: {what}")
        else:
            outside = [x for x in await watched.changes() if x < bench.place["result"]]
            if outside:
                tally["wrong"] += 1
                messages.append(f"wrong: {story}: {outcome}, and {outside[0]:#x} has changed")

    async def failed(verdict: str, message: str) -> None:
        tally[verdict] += 1
        messages.append(message)
        await restart()

    async def forgotten(story: str) -> None:
        """After a soft reset: idle, nothing told or open, no word changed but of the result."""
        status = await bench.until_idle(DRAIN)
        left = {
            "status": status, "interrupt": int(dut.irq_o.value), "open": int(dut.bus_open_o.value),
            "count": await bench.read("PROGRAM_COUNT"), "escapes": int(dut.escapes_o.value),
            "changed": sum(x < bench.place["result"] for x in await watched.changes()),
        }  # fmt: skip
        if any(left.values()):
            return await failed("unreported", f"unreported: {story}: after a soft reset {left}")
        await bench.set_up(bench.place, bench.program.count, bench.program.result_bytes)

    todo = hostile_programs(bench.program, cocotb.RANDOM_SEED, bench.settings["programs"])
    for number, hostile in enumerate(todo):
        await one(number, hostile)
        await bench.fail()
        if number % GOOD_EVERY == GOOD_EVERY - 1:
            await bench.restore()
            weights = bench.program.weights
            try:
                await bench.check_good(limit=20 * bench.limit)
            except AssertionError as error:
                await failed("unreported", f"the good run after {number} failed: {error}")
            else:
                watched = await Watched.of(bench)
    await bench.restore()
    await bench.check_good(limit=20 * bench.limit)
    out = {k: tally[k] for k in (*VERDICTS, "well", "compared")}
    out |= {"causes": dict(causes), "kinds": dict(kinds), "messages": messages}
    out["sim_cycles"] = round(cocotb.utils.get_sim_time("ns") / PERIOD_NS)
    Path("results.json").write_text(json.dumps(out, indent=1))
