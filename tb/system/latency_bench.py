# SPDX-License-Identifier: Apache-2.0
"""The same image at several latencies of the memory and with several reads outstanding."""

import json
from collections.abc import Iterable
from pathlib import Path

import cocotb

from tb.lib.inference import Inference

PATIENCE = 50  # times the cycles that a run takes at most on a quick memory


async def curve(bench: Inference, latencies: Iterable[int], reads: Iterable[int]) -> list[dict]:
    """Cycles of one image, the results right, for every pair: ``latency`` in cycles, and ``reads``
    bursts that the memory has outstanding at most."""
    found = []
    reads = list(reads)
    for latency in latencies:
        for most in reads:
            bench.dut.memory_latency_i.value, bench.dut.memory_most_i.value = latency, most
            await bench.cycles(2)
            await bench.check_good(0, bench.limit * PATIENCE)
            cycles = await bench.read("CYCLES")
            found.append({"latency": latency, "reads": most, "cycles": cycles})
    return found


@cocotb.test()
async def measure(dut):
    """Writes results.json."""
    bench = Inference(dut)
    await bench.begin(seed=cocotb.RANDOM_SEED)
    points = await curve(bench, bench.settings["latencies"], bench.settings["reads"])
    bench.must_stay_inside()
    Path("results.json").write_text(json.dumps(points))
