# SPDX-License-Identifier: Apache-2.0
"""Jobs of several images in the ring: their cycles and limits."""

from golden.contract.random_network import random_images, random_network
from golden.hardware.configuration import Hardware
from tb.measure import batch
from tb.measure.sim import RunOptions
from tb.system.run import SMALL


def test_in_the_ring(tmp_path, monkeypatch):
    """Jobs of two images one behind the other; the last one has one image."""
    network = random_network(SMALL, 1, "balanced", lanes=Hardware.named("2x8").lanes)
    network.save(tmp_path / "network.safetensors")
    images = random_images(SMALL, 5, 1)
    monkeypatch.setattr(batch, "test_images", lambda *arguments: (images, None))
    found = batch.measure(tmp_path / "network.safetensors", RunOptions(5, "2x8", batch=2))
    assert found["images"] == 5 and found["images_per_job"] == 2
    assert 0 < found["batch_cycles"] < found["alone_cycles"]
    assert 0 < found["limit_ratio"] <= found["pattern_ratio"]
