# SPDX-License-Identifier: Apache-2.0
"""The patch buffer and its fetches."""

import pytest

from tb import runner

CASES = [
    {"Lanes": 4, "LineWords": 4, "PatchLines": 16, "SpikeLines": 128},
    {"Lanes": 16, "LineWords": 2, "PatchLines": 32, "SpikeLines": 1500},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_patch_fetch(parameters: dict[str, int]) -> None:
    lines = [f"+lines={parameters['SpikeLines']}"]
    runner.run("psf_patch_fetch", "tb.patch_fetch_tests", parameters, plusargs=lines)
