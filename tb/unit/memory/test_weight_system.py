# SPDX-License-Identifier: Apache-2.0
"""Weight banks, crossbar and write ports."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(
    ("groups", "lanes", "banks", "depth", "row_depth"), [(2, 4, 4, 32, 16), (4, 2, 8, 26, 10)]
)
def test_weight_system(groups: int, lanes: int, banks: int, depth: int, row_depth: int) -> None:
    runner.run(
        "psf_weight_system",
        "tb.unit.memory.weight_system_tests",
        {
            "Groups": groups,
            "Lanes": lanes,
            "Banks": banks,
            "AccDepth": 16,
            "BankDepth": depth,
            "RowDepth": row_depth,
        },
        env={
            "SHAPE": f"groups={groups},lanes={lanes},banks={banks},"
            f"depth={depth},row_depth={row_depth}"
        },
    )
