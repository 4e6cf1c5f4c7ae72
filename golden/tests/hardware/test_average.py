# SPDX-License-Identifier: Apache-2.0
"""AvgPool-FC: planes and digits give the sums back, and what does not fit is refused."""

from dataclasses import replace

import numpy as np
import pytest

from golden.contract import ranges
from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_images, random_network
from golden.hardware import groups
from golden.hardware.compile import average
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import cycles
from golden.hardware.execute.expected import expectations

CONFIG = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=2, height=8, width=8, mlp_ratio=2, head="avgpool_fc"
)


def horner(planes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """What the head does: logits double before every plane is added, in 32 bits."""
    logits = np.zeros(len(weight), np.int64)
    for plane in planes.astype(np.int64):
        logits = (2 * logits + weight @ plane + (1 << 31)) % (1 << 32) - (1 << 31)
    return logits


@pytest.mark.parametrize("shift", range(8))
def test_planes_and_digits_are_the_product(shift):
    rng = np.random.default_rng(shift)
    lanes, dim, classes = 8, 13, 6
    sums = np.pad(rng.integers(-(1 << 24), 1 << 24, dim), (0, 3))
    sums[:4] = 0, -1, (1 << 24) - 1, -(1 << 24)
    head = rng.integers(-128, 128, (classes, dim))
    head[0] = 0
    head[1] = -128
    bias = rng.integers(-(1 << 30), 1 << 30, classes)
    weight = average.weight(head.astype(np.int8), bias, shift, lanes)
    assert np.abs(weight + 0.5).max() < 128
    planes = average.spikes(sums, shift, lanes)
    assert planes.shape == (32 - shift, 3 * lanes) and set(np.unique(planes)) == {0, 1}
    want = head @ (sums[:dim] >> shift) + bias
    assert ((horner(planes, weight) - want) % (1 << 32) == 0).all()


def test_digits_at_the_limits():
    values = np.array([0, 127, 128, -128, -129, (1 << 31) - 1, -(1 << 31), 1 << 40])
    digits = average.digits(values)
    assert (np.abs(digits + 0.5) < 128).all()
    assert ((digits @ 256 ** np.arange(4) - values) % (1 << 32) == 0).all()


def test_shift_is_the_least_that_holds_every_logit():
    config = replace(CONFIG, dim=32, height=28, width=28, timesteps=4)
    network = random_network(config, 3, "dense")
    network.head_bias = np.zeros(10, np.int64)
    network.patch.bias = network.patch.bias + 25000
    shift = ranges.head_shift(network)
    assert shift > 0
    low, high = (x * config.tokens * config.timesteps for x in ranges.stream(network))
    limit = (1 << 31) - (1 << 16)
    assert ranges.logits(network.head_weight, 0, low >> shift, high >> shift) <= limit
    less = shift - 1
    assert ranges.logits(network.head_weight, 0, low >> less, high >> less) > limit


def test_bounds_of_logits_are_reached():
    weight, low, high = np.array([[3, -2], [-1, -1]]), np.array([-5, 1]), np.array([4, 6])
    assert ranges.logits(weight, np.array([0, 0]), low, high) == 3 * 5 + 2 * 6
    assert ranges.logits(weight, np.array([100, 0]), low, high) == 100 + 3 * 4 - 2


def test_file_keeps_shift_and_encoder(tmp_path):
    network = random_network(replace(CONFIG, encoder_channels=3), 5)
    network.head_shift = 5
    network.encoder.weight = network.encoder.weight.reshape(3, 1, 1, 1)
    network.save(tmp_path / "x.safetensors")
    loaded = QuantNetwork.load(tmp_path / "x.safetensors")
    assert loaded.head_shift == 5 and loaded.encoder.weight.shape == (3, 1)
    network.encoder.weight = network.encoder.weight.reshape(3, 1)
    images = random_images(network.config, 2)
    assert (forward(loaded, images).logits == forward(network, images).logits).all()


def test_cycles_of_the_planes():
    """The cycle model knows this head: a token whose every plane is drained alone, at least."""
    network = random_network(CONFIG, 3)
    program = compile_network(network, Hardware.named("4x16"))
    images = random_images(CONFIG, 1)
    (counted,) = cycles(program, network, images)
    head = next(compiled for compiled in program.layers if compiled.layer.averaged)
    adds = expectations(program, network, images)[0].layers[-1].row_adds
    drains = average.planes(network.head_shift) * head.layer.words
    assert max(adds, drains) <= counted.layers["head"] <= adds + drains + groups.ROW * drains + 100


def refused(network, hardware="4x16"):
    with pytest.raises(UserError) as error:
        compile_network(network, Hardware.named(hardware))
    return str(error.value)


def test_refusals():
    network = random_network(CONFIG, 1)
    network.head_shift = 8
    assert "shifted by 8, the largest is 7" in refused(network)
    network.head_shift = 0
    assert "2 lanes are less than the 4" in refused(
        random_network(replace(CONFIG, heads=8), 1), "2x8,lanes=2,banks=2"
    )
    network.head_bias = np.full(10, (1 << 31) - 1)
    assert "head: largest logit is" in refused(network)
    with pytest.raises(UserError, match=r"network\.head is 'fc', it must be one of avgpool_fc"):
        replace(CONFIG, head="fc")
    with pytest.raises(UserError, match="encoder_channels is -1"):
        replace(CONFIG, encoder_channels=-1)
