# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire of one lane against golden.contract.neuron.lif_step."""

import pytest

from tb.run import runner

CASES = [
    {"Depth": 16, "Width": 20},
    {"Depth": 12, "Width": 16},
]


@pytest.mark.parametrize("parameters", CASES, ids=lambda p: "x".join(map(str, p.values())))
def test_lif(parameters: dict[str, int]) -> None:
    runner.run(
        "psf_lif", "tb.unit.group.lif_tests", parameters, plusargs=[f"+depth={parameters['Depth']}"]
    )
