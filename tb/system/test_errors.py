# SPDX-License-Identifier: Apache-2.0
"""Errors, aborts and jobs on the whole accelerator, on a small network and the 2x8 build."""

import os

import pytest

from golden.contract.random_network import random_images, random_network
from golden.hardware.configuration import Hardware
from tb.lib.work import NetworkWork
from tb.system.run import SMALL, run_bench

HARDWARE = Hardware.named("2x8")
IMAGES = 4


def run(module: str, testcase: str | None = None) -> None:
    seed = int(os.environ.get("SEED") or 1)
    network = random_network(SMALL, seed, "rows", lanes=HARDWARE.lanes, codebook=15)
    images = random_images(SMALL, IMAGES, seed)
    visible = [(f"psf_ram_{ram}", "mem") for ram in ("1r1w", "1r1w_be", "async")]
    run_bench(module, NetworkWork(network, images), HARDWARE, testcase=testcase, visible=visible)


# A build takes longer than a test: all of them share it, and pytest-xdist shares the tests.
@pytest.mark.parametrize(
    "testcase",
    [
        "bad_responses/stalls=0", "bad_responses/stalls=50", "bad_programs", "bad_checksums",
        "windows", "time_out", "bad_bits", "abort/stalls=0", "abort/stalls=50",
    ],
)  # fmt: skip
def test_errors(testcase):
    if testcase == "bad_bits" and os.environ.get("SIM") == "icarus":
        pytest.skip("the memories are not visible in a netlist")
    run("tb.system.errors_tests", testcase)


@pytest.mark.parametrize(
    "testcase",
    [*(f"batches/stalls={s}" for s in (0, 50, 90)), "per_job", "doorbell_race", "errors"],
)
def test_jobs(testcase):
    run("tb.system.jobs_tests", testcase)
