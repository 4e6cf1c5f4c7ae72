# SPDX-License-Identifier: Apache-2.0
"""Out-of-order issue of the spikes of two words."""

import pytest

from tb.run import runner

CASES = [
    {"Lanes": 16, "Banks": 4, "RowDepth": 1024},
    {"Lanes": 8, "Banks": 8, "RowDepth": 64},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_window(parameters: dict[str, int]) -> None:
    runner.run("psf_window", "tb.unit.group.window_tests", parameters)
