# SPDX-License-Identifier: Apache-2.0
"""The whole block between cocotbext-axi's models, with stalls on all ten channels."""

import os
import shutil

import pytest

from golden.contract.random_network import random_images, random_network
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.lib.work import NetworkWork
from tb.run import runner
from tb.system.run import MODELS, SMALL, write_job

HARDWARE = Hardware.named("2x8")
IMAGES = 3
ID_WIDTH = 4
ON_ICARUS = "inferences/stalls=0"
CASES = [*(f"inferences/stalls={s}" for s in (0, 50, 90)), *(f"errors/stalls={s}" for s in (0, 50))]


# One build; pytest-xdist shares the tests.
@pytest.mark.parametrize("testcase", CASES)
def test_axi(testcase):
    if os.environ.get("SIM") == "icarus" and testcase != ON_ICARUS:
        pytest.skip("the whole block and Python models on Icarus take minutes: one case there")
    seed = int(os.environ.get("SEED") or 1)
    network = random_network(SMALL, seed, "balanced", lanes=HARDWARE.lanes)
    program = compile_network(network, HARDWARE).program
    work = NetworkWork(network, random_images(SMALL, IMAGES, seed))
    folder = write_job(work, HARDWARE, program)
    parameters = HARDWARE.sv_parameters() | {"AxiIdWidth": ID_WIDTH}
    runner.run(
        "psf_axi_top",
        "tb.system.axi_tests",
        parameters,
        [MODELS / "psf_axi_top.sv", MODELS / "psf_axi_checker.sv"],
        dut="psf_top",
        dut_parameters=parameters,
        env={"PSF_JOB": str(folder)},
        testcase=testcase,
        fast=True,
    )
    shutil.rmtree(folder)
