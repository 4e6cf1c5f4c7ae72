# SPDX-License-Identifier: Apache-2.0
"""The row mask in front of the patch buffer."""

import pytest

from tb.run import runner

CASES = [{"Lanes": 4, "LineWords": 4}, {"Lanes": 16, "LineWords": 2}, {"Lanes": 32, "LineWords": 4}]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_row_mask(parameters: dict[str, int]) -> None:
    plusargs = [f"+lanes={parameters['Lanes']}", f"+words={parameters['LineWords']}"]
    runner.run("psf_row_mask", "tb.unit.group.row_mask_tests", parameters, plusargs=plusargs)
