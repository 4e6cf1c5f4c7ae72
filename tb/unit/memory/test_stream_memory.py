# SPDX-License-Identifier: Apache-2.0
"""Residual stream memory."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(("groups", "depth"), [(2, 16), (4, 12)])
def test_stream_memory(groups: int, depth: int) -> None:
    runner.run(
        "psf_stream_memory",
        "tb.unit.memory.stream_memory_tests",
        {"Groups": groups, "Lanes": 4, "StreamWidth": 9, "StreamDepth": depth},
        env={"SHAPE": f"groups={groups},depth={depth}"},
    )
