# SPDX-License-Identifier: Apache-2.0
"""One bit of one memory flips during an inference: is it told, or without effect?"""

import json
import random
from pathlib import Path

import cocotb
from cocotb.triggers import First, RisingEdge, Timer

from tb.lib.host import CAUSES, PERIOD_NS
from tb.lib.inference import Inference
from tb.lib.memories import flip, grouped
from tb.lib.registers import DONE, START


@cocotb.test()
async def campaign(dut) -> None:
    """``settings["flips"]`` inferences with one flip each."""
    bench = Inference(dut)
    await bench.begin(seed=cocotb.RANDOM_SEED)
    await bench.check_good(0)
    cycles = await bench.read("CYCLES")
    await bench.write("WATCHDOG", 2 * cycles)
    groups = grouped(dut)
    assert len(groups) > 10, f"only {sorted(groups)} were found"
    # Every kind in turn, in random order.
    order = sorted(groups)
    table = {k: {"detected": 0, "harmless": 0, "silent": 0, "causes": {}} for k in order}
    messages, loaded = [], None
    for number in range(bench.settings["flips"]):
        if number % len(order) == 0:
            random.shuffle(order)
        what = order[number % len(order)]
        image = random.randrange(len(bench.images))
        if image != loaded:
            await bench.put_image(image)
            loaded = image
        await bench.write("CTRL", START)
        moment = random.randrange(1, cycles)
        await First(RisingEdge(dut.irq_o), Timer(moment * PERIOD_NS + PERIOD_NS // 2, "ns"))
        flipped = flip(random.choice(groups[what]))
        try:
            await bench.until_interrupt(3 * cycles + 80_000)
        except AssertionError as error:
            raise AssertionError(f"{flipped} in cycle {moment}: {error}") from None
        outcome = await bench.outcome()
        await bench.acknowledge()
        if outcome.status == DONE:
            right = await bench.stored() == bench.expected[image]
            verdict = "harmless" if right else "silent"
            if not right:
                messages.append(f"{flipped} in cycle {moment}, image {image}: wrong, not told")
        else:
            verdict = "detected"
            causes = table[what]["causes"]
            name = CAUSES.get(outcome.cause, str(outcome.cause))
            causes[name] = causes.get(name, 0) + 1
        table[what][verdict] += 1
        if number % 100 == 99:
            cocotb.log.info(f"{number + 1} of {bench.settings['flips']} flips")
    await bench.check_good(0)
    bits = {k: sum(len(m) * len(m[0].value) for m in found) for k, found in sorted(groups.items())}
    count = {k: len(found) for k, found in groups.items()}
    out = {"table": table, "bits": bits, "instances": count, "messages": messages}
    Path("results.json").write_text(json.dumps(out, indent=1))
