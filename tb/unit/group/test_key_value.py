# SPDX-License-Identifier: Apache-2.0
"""Row-adds of K^T V."""

import pytest

from tb.run import runner

CASES = [
    {"Lanes": 8, "LineWords": 8, "PatchLines": 16, "AccDepth": 128},
    {"Lanes": 16, "LineWords": 4, "PatchLines": 64, "AccDepth": 64},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_key_value(parameters: dict[str, int]) -> None:
    runner.run("psf_key_value", "tb.unit.group.key_value_tests", parameters)
