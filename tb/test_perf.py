# SPDX-License-Identifier: Apache-2.0
"""psf_perf: eight counters per layer against sums in Python, read while they are written."""

from tb import runner


def test_perf() -> None:
    runner.run("psf_perf", "tb.perf_tests")
