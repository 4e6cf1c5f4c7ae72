# SPDX-License-Identifier: Apache-2.0
"""psf_row_decoder: row lengths become row-table entries."""

import json

import pytest

from tb.run import runner


@pytest.mark.parametrize("banks, depth", [(2, 50), (8, 1024), (4, 65536)])
def test_row_decoder(banks: int, depth: int) -> None:
    parameters = {"Banks": banks, "BankDepth": depth}
    runner.run(
        "psf_row_decoder",
        "tb.unit.load.row_decoder_tests",
        parameters,
        env={"PARAMETERS": json.dumps(parameters)},
    )
