# SPDX-License-Identifier: Apache-2.0
"""Tokens in raster order, their addresses, fair grants."""

import pytest

from tb.run import runner

CASES = [
    {"Groups": 4, "LineWords": 8},
    {"Groups": 2, "LineWords": 2},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_dispatcher(parameters: dict[str, int]) -> None:
    runner.run("psf_dispatcher", "tb.unit.datapath.dispatcher_tests", parameters)
