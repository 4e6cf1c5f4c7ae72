# SPDX-License-Identifier: Apache-2.0
"""An accumulating lane: depths that are a power of two and not."""

import pytest

from tb.run import runner

CASES = [
    {"Depth": 16, "AccWidth": 20},
    {"Depth": 12, "AccWidth": 16},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_pe(parameters: dict[str, int]) -> None:
    runner.run(
        "psf_lane",
        "tb.unit.group.lane_tests",
        parameters,
        plusargs=[f"+depth={parameters['Depth']}"],
    )
