# SPDX-License-Identifier: Apache-2.0
"""Output words gathered into spike lines."""

import pytest

from tb.run import runner

CASES = [
    {"Lanes": 4, "LineWords": 4, "SpikeLines": 256},
    {"Lanes": 8, "LineWords": 8, "SpikeLines": 1500},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_line_writer(parameters: dict[str, int]) -> None:
    lines = [f"+lines={parameters['SpikeLines']}"]
    runner.run("psf_line_writer", "tb.unit.group.line_writer_tests", parameters, plusargs=lines)
