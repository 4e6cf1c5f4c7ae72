# SPDX-License-Identifier: Apache-2.0
"""Bias, residual, LIF and the hand-out of drained words: depths that are a power of two and not."""

import json

import pytest

from tb.run import runner

CASES = [
    {
        "Groups": 2, "Lanes": 8, "Banks": 4, "AccDepth": 32, "AccWidth": 20, "StreamWidth": 16,
        "BankDepth": 64, "ParamDepth": 32, "StreamDepth": 128,
    },
    {
        "Groups": 4, "Lanes": 4, "Banks": 2, "AccDepth": 48, "AccWidth": 16, "StreamWidth": 12,
        "BankDepth": 100, "ParamDepth": 20, "StreamDepth": 50,
    },
]  # fmt: skip


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: f"{p['Groups']}x{p['Lanes']}")
def test_drain_stages(parameters: dict[str, int]) -> None:
    env = {"PARAMETERS": json.dumps(parameters)}
    runner.run("psf_drain_stages", "tb.unit.group.drain_stages_tests", parameters, env=env)
