# SPDX-License-Identifier: Apache-2.0
"""psf_supervisor: begin and end of runs, faults, aborts, time-outs, a bus that hangs."""

from tb.run import runner


def test_supervisor() -> None:
    runner.run("psf_supervisor", "tb.unit.host.supervisor_tests")
