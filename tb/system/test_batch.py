# SPDX-License-Identifier: Apache-2.0
"""Several images in a job, on the RTL: every spike, value and counter, and the result of each."""

from dataclasses import replace

import pytest

from golden.contract.random_network import random_images, random_network
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.system.run import SMALL, run_system

HARDWARE = Hardware.named("2x8")
# network, images of a job, percent of stalls
CASES = {
    "odd, two pools": (replace(SMALL, height=11, width=7, pooled_stages=(1, 4), depth=2), 3, 30),
    "d=2P, T = 3": (replace(SMALL, dim=32, timesteps=3, height=6, width=5, in_channels=3), 2, 0),
    "encoder": (replace(SMALL, encoder_channels=5, height=7, width=9, timesteps=4), 2, 10),
    "head on the stream": (
        replace(SMALL, head="avgpool_fc", height=6, width=5, pooled_stages=(2,)), 3, 20),
    "frames": (
        replace(SMALL, in_channels=2, timesteps=3, input_timesteps=3, input_bits=1, height=5,
                width=6), 4, 30),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_spike_of_every_image(case, seed):
    """Two jobs, so that the second one's loads come beside the first; the last one is not full."""
    config, count, stalls = CASES[case]
    network = random_network(config, seed, "balanced", lanes=HARDWARE.lanes)
    images = random_images(config, 2 * count - 1, seed)
    program = compile_network(network, HARDWARE, images=count)
    assert any(c.layer.images == count for c in program.layers)
    results = run_system(
        network, HARDWARE, images, seed=seed, stalls=stalls, batch=count, waves=False
    )
    assert results["mismatches"] == 0, f"SEED={seed}: " + "; ".join(results["messages"])
    assert len(results["images"]) == len(images)
    assert [r["rtl"] for r in results["images"]] == [r["golden"] for r in results["images"]]


def test_as_many_as_pay(seed):
    network = random_network(SMALL, seed, "balanced", lanes=HARDWARE.lanes)
    images = random_images(SMALL, 4, seed)
    results = run_system(network, HARDWARE, images, seed=seed, batch=None, waves=False)
    assert results["mismatches"] == 0 and len(results["images"]) == 4
