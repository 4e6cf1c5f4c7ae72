# SPDX-License-Identifier: Apache-2.0
"""psf_sequencer: order, waits, overlap and faults of random programs, job after job."""

import os

import pytest

from golden.hardware.configuration import Hardware
from tb.run import runner
from tb.unit.program.test_descriptor_check import NAMES


@pytest.mark.parametrize("count_width", [18, 9])  # 9: the counts wrap around in the test
def test_sequencer(count_width: int) -> None:
    parameters = Hardware.named("2x8").sv_parameters()
    runner.run(
        "psf_sequencer",
        "tb.unit.program.sequencer_tests",
        {name: parameters[name] for name in NAMES} | {"CountWidth": count_width},
        env={
            "COUNT_WIDTH": str(count_width),
            "SIMULATOR": os.environ.get("SIM", "verilator"),
        },
    )
