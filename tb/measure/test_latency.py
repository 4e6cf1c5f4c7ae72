# SPDX-License-Identifier: Apache-2.0
"""The curve of tb.measure.latency on a small network: what it must look like."""

import itertools

import cocotb
import pytest

from tb.lib.inference import Inference
from tb.system.latency_bench import curve
from tb.system.run import run_small

LATENCIES, READS = (0, 100, 400), (1, 2, 4)  # the build that other tests have, too


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def rises_and_falls(dut) -> None:
    """Fewer cycles for a shorter latency; no more for more reads but what turns in another order
    cost; the ends differ."""
    bench = Inference(dut)
    await bench.begin(seed=cocotb.RANDOM_SEED)
    points = await curve(bench, LATENCIES, READS)
    assert [(p["latency"], p["reads"]) for p in points] == [*itertools.product(LATENCIES, READS)]
    cycles = {(p["latency"], p["reads"]): p["cycles"] for p in points}
    for (slow, fast), reads in itertools.product(itertools.pairwise(LATENCIES), READS):
        assert cycles[slow, reads] < cycles[fast, reads], cycles
    for latency, (few, many) in itertools.product(LATENCIES, itertools.pairwise(READS)):
        assert cycles[latency, many] <= 1.01 * cycles[latency, few], cycles
    assert cycles[400, 4] < 0.8 * cycles[400, 1], cycles


@pytest.mark.long
def test_the_curve() -> None:
    run_small(__name__)
