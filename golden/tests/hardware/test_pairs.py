# SPDX-License-Identifier: Apache-2.0
"""Two pixels a token: the first layer gives the integer model's spikes with fewer additions."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract.random_network import random_images, random_network
from golden.hardware.compile import program as compiler
from golden.hardware.compile.lowering import lower
from golden.hardware.compile.pairs import paired, possible
from golden.hardware.compile.program import compile_network
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from golden.tests.hardware.test_compile import EVENTS, compare, config

pytestmark = pytest.mark.smoke

# hardware, network, whether its first layer has pairs
CASES = {
    "half of the lanes": ("4x16", config(dim=64, heads=4), True),
    "more than half of the lanes": ("2x8", config(dim=64, heads=8), False),
    "a quarter": ("4x32", config(dim=64, heads=2), True),
    "odd width": ("2x8", config(width=9), False),
    "pooled": ("2x8", config(pooled_stages=(1, 3)), False),
    "an encoder, which sees one pixel": ("2x8", config(encoder_channels=4), False),
    "two columns": ("2x8", config(width=2, height=5, in_channels=3), True),
    "frames": ("4x16", config(in_channels=2, timesteps=4, **EVENTS), True),
    "constant channel": ("2x8", config(in_channels=3, constant_bit=7), True),
    "long frames": (
        "2x8,patch_lines=32", config(in_channels=3, timesteps=6, input_timesteps=6), False),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_networks(case, monkeypatch):
    name, shape, pairs = CASES[case]
    hardware = Hardware.named(name)
    network = random_network(shape, len(case), lanes=hardware.lanes)
    first = lower(network, hardware)[0]
    assert possible(first, hardware) == pairs == paired(first, hardware).pair
    program = compile_network(network, hardware)
    images = random_images(shape, 2, 3)
    compare(program, network, images)
    monkeypatch.setattr(compiler.pairs, "paired", lambda layer, hardware: layer)
    single = compile_network(network, hardware)
    (one,), (other,) = (expectations(p, network, images[:1]) for p in (program, single))
    assert one.useful == other.useful and one.pattern_adds == other.pattern_adds
    if pairs:
        assert one.layers[0].row_adds < other.layers[0].row_adds
        assert program.image_bytes <= single.image_bytes
    dense = [traffic(p).summary()["dense_weights"] for p in (program, single)]
    assert dense[0] == dense[1]


def test_a_pair_sees_what_its_pixels_see():
    """Against a convolution, pixel by pixel, on weights that are all different."""
    rng = np.random.default_rng(1)
    hardware = Hardware.named("2x8")
    layer = lower(random_network(config(height=3, width=6), 1), hardware)[0]
    weight = rng.integers(-99, 99, layer.weight.shape)
    weight[:, :, 4:] = 0
    pair = paired(replace(layer, weight=weight), hardware)
    channels = weight.shape[1]
    spikes = rng.integers(0, 2, (3, 6, channels))
    flat = np.pad(spikes, ((1, 1), (1, 1), (0, 0)))
    both = np.pad(spikes.reshape(3, 3, 2 * channels), ((1, 1), (1, 1), (0, 0)))
    for y in range(3):
        for x in range(6):
            want = sum(flat[y + k // 3, x + k % 3] @ weight[k, :, :4] for k in range(9))
            got = sum(both[y + k // 3, x // 2 + k % 3] @ pair.weight[k] for k in range(9))
            np.testing.assert_array_equal(got[4 * (x % 2) :][:4], want)
