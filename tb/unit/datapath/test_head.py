# SPDX-License-Identifier: Apache-2.0
"""Logits and arg max."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(("groups", "lanes", "acc_width", "depth"), [(2, 4, 20, 4), (4, 8, 32, 3)])
def test_head(groups: int, lanes: int, acc_width: int, depth: int) -> None:
    runner.run(
        "psf_head",
        "tb.unit.datapath.head_tests",
        {"Groups": groups, "Lanes": lanes, "AccWidth": acc_width, "Depth": depth},
        env={"SHAPE": f"groups={groups},lanes={lanes},acc_width={acc_width},depth={depth}"},
    )
