# SPDX-License-Identifier: Apache-2.0
"""Sums of the residual stream as spikes."""

import pytest

from tb.run import runner

SHAPES = [
    dict(Groups=2, Lanes=8, LineWords=8, StreamWidth=16, StreamDepth=24, SpikeLines=64),
    dict(Groups=4, Lanes=4, LineWords=4, StreamWidth=9, StreamDepth=12, SpikeLines=52),
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"G={shape['Groups']}")
def test_stream_planes(shape: dict[str, int]) -> None:
    text = ",".join(f"{name}={value}" for name, value in shape.items())
    runner.run(
        "psf_stream_planes", "tb.unit.datapath.stream_planes_tests", shape, env={"SHAPE": text}
    )
