# SPDX-License-Identifier: Apache-2.0
"""Weight bank."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(("groups", "depth", "row_depth"), [(4, 50, 21), (2, 64, 16)])
def test_weight_bank(groups: int, depth: int, row_depth: int) -> None:
    runner.run(
        "psf_weight_bank",
        "tb.unit.memory.weight_bank_tests",
        {"Groups": groups, "Lanes": 4, "AccDepth": 8, "BankDepth": depth, "RowDepth": row_depth},
        env={"SHAPE": f"groups={groups},depth={depth},row_depth={row_depth}"},
    )
