# SPDX-License-Identifier: Apache-2.0
"""Words of a patch, in order, with rows, skews and last flags."""

import pytest

from tb.run import runner

CASES = [
    {"Lanes": 8, "Banks": 4, "LineWords": 4, "PatchLines": 32, "RowDepth": 1024},
    {"Lanes": 4, "Banks": 4, "LineWords": 8, "PatchLines": 16, "RowDepth": 3000},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_scanner(parameters: dict[str, int]) -> None:
    rows = [f"+rows={parameters['RowDepth']}"]
    runner.run("psf_scanner", "tb.unit.group.scanner_tests", parameters, plusargs=rows)
