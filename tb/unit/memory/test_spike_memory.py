# SPDX-License-Identifier: Apache-2.0
"""Spike memory and pooling."""

import pytest

from tb.run import runner


@pytest.mark.parametrize(("groups", "lanes", "line_words", "depth"), [(4, 8, 4, 60), (2, 4, 8, 32)])
def test_spike_memory(groups: int, lanes: int, line_words: int, depth: int) -> None:
    runner.run(
        "psf_spike_memory",
        "tb.unit.memory.spike_memory_tests",
        {"Groups": groups, "Lanes": lanes, "LineWords": line_words, "SpikeLines": depth},
        env={"SHAPE": f"groups={groups},lanes={lanes},line_words={line_words},depth={depth}"},
    )
