# SPDX-License-Identifier: Apache-2.0
"""Drawn spikes have the rates and the correlation in time that are asked for."""

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.hardware.compile.layer_list import compile_layers
from golden.hardware.configuration import Hardware
from golden.hardware.workload import generated
from golden.hardware.workload.random_layer import random_layer


@pytest.mark.parametrize("rate", [0.05, 0.2, 0.9])
@pytest.mark.parametrize("correlation", [0.0, 0.4])
def test_statistics(rate, correlation):
    """Means over 4 x 200 x 32 x 32; the correlation is that around the rate of each channel."""
    x = generated.spikes((4, 200, 32, 32), rate, correlation, np.random.default_rng(3))
    assert x.dtype == np.uint8 and x.max() == 1
    own = x.mean((0, 2, 3), keepdims=True)
    expected = min(generated.SPREAD * rate, 0.9 * (rate * (1 - rate)) ** 0.5)
    assert abs(x.mean() - rate) < 4 * expected / 200**0.5
    assert 0.8 < own.std() / expected < 1.2
    assert abs(x.mean((1, 2, 3)) - x.mean()).max() < 0.01  # every timestep alike
    around = x - own
    found = (around[1:] * around[:-1]).sum() / (around[1:] ** 2).sum()
    assert abs(found - correlation) < 0.02


@pytest.mark.parametrize(("rate", "correlation"), [(0, 0.1), (1, 0.1), (0.2, 1), (0.2, -0.1)])
def test_refused(rate, correlation):
    with pytest.raises(UserError, match="cannot be drawn"):
        generated.spikes((1, 1, 1, 1), rate, correlation, np.random.default_rng(1))


def test_shapes():
    """Weights as published: VGG-16's convolutions 14.7 million, ResNet-19's 12.5 million."""

    def weights(shapes, kind=""):
        return sum(s.inputs * s.outputs * s.kernel**2 for s in shapes if kind in s.name)

    vgg, resnet = generated.vgg16(), generated.resnet19()
    assert [s.kernel for s in vgg] == 13 * [3] + 2 * [1]
    assert weights(vgg, "conv") == 14_710_464
    assert 12e6 < weights(resnet) < 13e6 and len([s for s in resnet if s.kernel == 3]) == 17
    assert sum(s.rate >= 0.7 for s in resnet) == 3
    same = [generated.recordings(vgg[-2:], 0.3, seed) for seed in (1, 1, 2)]
    assert (same[0][0].spikes == same[1][0].spikes).all()
    assert (same[0][0].spikes != same[2][0].spikes).any()


@pytest.mark.parametrize("name", generated.NETWORKS)
def test_fits_the_largest_preset(name):
    """4x32 takes every layer as it is; one after the other, since a whole network takes long."""
    hardware = Hardware.named("4x32")
    shapes = {(s.inputs, s.outputs, s.size, s.kernel): s for s in generated.NETWORKS[name]()}
    for shape in [s for s in shapes.values() if s.inputs >= 256 or s.size == 32]:
        (drawn,) = generated.recordings([shape], 0.3, 1)
        layer = random_layer(drawn, 0.25, hardware.lanes, 1)
        assert compile_layers([layer], hardware).layers
