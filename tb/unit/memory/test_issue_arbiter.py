# SPDX-License-Identifier: Apache-2.0
"""Issue arbiter."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(("groups", "banks"), [(2, 4), (4, 8)])
def test_issue_arbiter(groups: int, banks: int) -> None:
    runner.run(
        "psf_issue_arbiter",
        "tb.unit.memory.issue_arbiter_tests",
        {"Groups": groups, "Banks": banks},
        env={"SHAPE": f"groups={groups},banks={banks}"},
    )


def test_bad_size_is_refused() -> None:
    with pytest.raises(runner.BuildFailed, match="Groups must be a power of two"):
        runner.run("psf_issue_arbiter", "tb.unit.memory.issue_arbiter_tests", {"Groups": 3})
