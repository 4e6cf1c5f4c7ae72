# SPDX-License-Identifier: Apache-2.0
"""psf_skid: a register slice."""

import pytest

from tb.run import runner


@pytest.mark.parametrize("width", [1, 67])
def test_skid(width: int) -> None:
    runner.run("psf_skid", "tb.unit.common.skid_tests", {"Width": width})
