# SPDX-License-Identifier: Apache-2.0
"""psf_weight_decoder: coded records of every format become weight words."""

import json

import pytest

from tb.run import runner


@pytest.mark.parametrize("lanes, index_width", [(8, 5), (16, 4), (2, 8), (64, 1)])
def test_weight_decoder(lanes: int, index_width: int) -> None:
    parameters = {"Lanes": lanes, "Banks": 2 if lanes == 2 else 4, "AccDepth": 1 << index_width}
    runner.run(
        "psf_weight_decoder",
        "tb.unit.load.weight_decoder_tests",
        parameters,
        env={"PARAMETERS": json.dumps(parameters)},
    )
