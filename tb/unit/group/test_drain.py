# SPDX-License-Identifier: Apache-2.0
"""Control of the drain."""

import pytest

from tb.run import runner

CASES = [
    {"Depth": 16, "TokenWidth": 64},
    {"Depth": 32, "TokenWidth": 9},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_drain(parameters: dict[str, int]) -> None:
    runner.run("psf_drain", "tb.unit.group.drain_tests", parameters)
