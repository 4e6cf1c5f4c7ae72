# SPDX-License-Identifier: Apache-2.0
"""The same jobs one by one and as a batch in the job ring: the cycles of both."""

import json
from pathlib import Path

import cocotb
from cocotb.utils import get_sim_time

from tb.lib.host import PERIOD_NS
from tb.lib.registers import DONE
from tb.lib.ring import Ring


@cocotb.test()
async def measure(dut):
    """Every result must be right, both ways; writes results.json."""
    bench = Ring(dut)
    jobs = len(bench.packed)
    bench.log_entries = bench.settings["log_entries"]
    await bench.begin(bench.settings["stalls"], bench.settings["latency"], cocotb.RANDOM_SEED)
    alone = 0
    for k in range(jobs):
        await bench.check_good(k)
        alone += await bench.read("CYCLES")
    await bench.prepare(list(range(jobs)))
    await bench.queue(0, jobs)
    began = get_sim_time("ns")
    await bench.until_interrupt(bench.limit * jobs)
    batch = round((get_sim_time("ns") - began) / PERIOD_NS)
    assert await bench.read("STATUS") == DONE and await bench.read("RING_TAIL") == jobs
    await bench.acknowledge()
    await bench.check_jobs(range(jobs))
    bench.must_stay_inside()
    images = len(bench.images)
    figures = {"images": images, "alone_cycles": alone / images, "batch_cycles": batch / images}
    Path("results.json").write_text(json.dumps(figures))
