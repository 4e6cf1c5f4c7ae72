# SPDX-License-Identifier: Apache-2.0
"""psf_counters: eight counters per layer against sums in Python, read while they are written."""

from tb.run import runner


def test_perf() -> None:
    runner.run("psf_counters", "tb.unit.host.counters_tests")
