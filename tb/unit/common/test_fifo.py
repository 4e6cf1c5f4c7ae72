# SPDX-License-Identifier: Apache-2.0
"""psf_fifo: order, fill level, clear, parity."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(("width", "depth"), [(1, 2), (65, 8)])
def test_fifo(width: int, depth: int) -> None:
    runner.run(
        "psf_fifo",
        "tb.unit.common.fifo_tests",
        {"Width": width, "Depth": depth},
        env={"DEPTH": str(depth)},
    )


def test_bad_depth_is_refused() -> None:
    with pytest.raises(runner.BuildFailed, match="Depth must be a power of two and at least 2"):
        runner.run("psf_fifo", "tb.unit.common.fifo_tests", {"Depth": 3})
