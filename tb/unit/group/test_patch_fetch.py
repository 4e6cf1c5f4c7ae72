# SPDX-License-Identifier: Apache-2.0
"""The patch buffer, its fetches and the row mask."""

import pytest

from tb.run import runner

CASES = [
    {"Lanes": 4, "LineWords": 4, "PatchLines": 16, "SpikeLines": 128},
    {"Lanes": 16, "LineWords": 2, "PatchLines": 32, "SpikeLines": 1500},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_patch_fetch(parameters: dict[str, int]) -> None:
    names = {"lines": "SpikeLines", "lanes": "Lanes", "words": "LineWords"}
    plusargs = [f"+{key}={parameters[name]}" for key, name in names.items()]
    runner.run("psf_patch_fetch", "tb.unit.group.patch_fetch_tests", parameters, plusargs=plusargs)
