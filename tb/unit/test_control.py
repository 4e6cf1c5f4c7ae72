# SPDX-License-Identifier: Apache-2.0
"""psf_control as a whole: registers, program, loads, layers, counters, results, errors."""

import pytest

from golden.hardware.configuration import Hardware
from tb.run import runner


@pytest.mark.parametrize("config", ["2x8", "4x16"])
def test_control(config: str) -> None:
    runner.run(
        "psf_control",
        "tb.unit.control_tests",
        Hardware.named(config).sv_parameters(),
        env={"HARDWARE": config},
    )
