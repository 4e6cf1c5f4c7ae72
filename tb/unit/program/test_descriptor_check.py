# SPDX-License-Identifier: Apache-2.0
"""psf_descriptor_check against golden/hardware/check.py."""

import pytest

from golden.hardware.configuration import Hardware
from tb.run import runner

NAMES = (
    "Lanes", "Banks", "LineWords", "AccDepth", "BankDepth", "RowDepth", "ParamDepth", "SpikeLines",
    "PatchLines",
)  # fmt: skip


@pytest.mark.parametrize("config", ["2x8", "4x32"])
def test_descriptor_check(config: str) -> None:
    parameters = Hardware.named(config).sv_parameters()
    runner.run(
        "psf_descriptor_check",
        "tb.unit.program.descriptor_check_tests",
        {name: parameters[name] for name in NAMES},
        env={"HARDWARE": config},
    )
