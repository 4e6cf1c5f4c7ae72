# SPDX-License-Identifier: Apache-2.0
"""psf_load_issue and psf_loader: how long a load is, and where each of its bits goes."""

import json

import pytest

from tb.run import runner

SMALL = {
    "Lanes": 8, "Banks": 4, "LineWords": 8, "AccDepth": 32, "AccWidth": 20,
    "BankDepth": 64, "RowDepth": 64, "ParamDepth": 16, "SpikeLines": 64,
}  # fmt: skip
WIDE = {
    "Lanes": 32, "Banks": 8, "LineWords": 4, "AccDepth": 32, "AccWidth": 20,
    "BankDepth": 50, "RowDepth": 32, "ParamDepth": 12, "SpikeLines": 64,
}  # fmt: skip
TIGHT = {  # a beat per record, a word per beat
    "Lanes": 64, "Banks": 2, "LineWords": 2, "AccDepth": 2, "AccWidth": 12,
    "BankDepth": 32, "RowDepth": 64, "ParamDepth": 8, "SpikeLines": 64,
}  # fmt: skip


@pytest.mark.parametrize("parameters", [SMALL, WIDE, TIGHT], ids=["8", "32", "64"])
def test_loader(parameters: dict[str, int]) -> None:
    runner.run(
        "psf_loader",
        "tb.unit.load.loader_tests",
        parameters,
        env={"PARAMETERS": json.dumps(parameters)},
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"Lanes": 8, "AccDepth": 32, "WeightBeats": 2, "ParamBeats": 5, "MaskBeats": 1},
        {"Lanes": 64, "AccDepth": 256, "WeightBeats": 16, "ParamBeats": 255, "MaskBeats": 3},
    ],
    ids=["8", "64"],
)
def test_load_issue(parameters: dict[str, int]) -> None:
    runner.run(
        "psf_load_issue",
        "tb.unit.load.load_issue_tests",
        parameters,
        env={"PARAMETERS": json.dumps(parameters)},
    )


def test_bad_lanes_are_refused() -> None:
    with pytest.raises(runner.BuildFailed, match="Lanes must divide the 64 bits of a beat"):
        runner.run("psf_loader", "tb.unit.load.loader_tests", {"Lanes": 24})
