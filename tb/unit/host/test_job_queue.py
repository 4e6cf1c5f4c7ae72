# SPDX-License-Identifier: Apache-2.0
"""psf_job_queue: single starts, rings, doorbells at any time, failed runs."""

from tb.run import runner


def test_job_queue() -> None:
    runner.run("psf_job_queue", "tb.unit.host.job_queue_tests")
