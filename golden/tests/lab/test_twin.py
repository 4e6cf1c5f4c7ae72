# SPDX-License-Identifier: Apache-2.0
"""torch + spikingjelly on integer-valued tensors equals golden.contract in every layer and step."""

import numpy as np
import pytest
import torch

from golden.contract import paths
from golden.contract.model import forward
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_images, random_network
from golden.lab.data import fashion_mnist
from golden.lab.quantise.export import check_ranges
from golden.lab.quantise.twin import TorchTwin, labels, spikingjelly_lif, vector_lif

CHECKPOINTS = paths.GOLDEN / "checkpoints"
NETWORKS = [
    (
        NetworkConfig(
            depth=1, dim=16, heads=2, timesteps=3, in_channels=2, height=8, width=9,
            input_timesteps=3, input_bits=1,
        ),
        "balanced",
    ),
    (NetworkConfig(depth=1, dim=16, heads=2, height=12, width=12), "balanced"),
    (NetworkConfig(depth=2, dim=32, heads=2, timesteps=3, height=9, width=14), "unstructured"),
    (
        NetworkConfig(
            depth=1, dim=16, heads=1, timesteps=6, in_channels=3, height=8, width=8, classes=3,
            mlp_ratio=2,
        ),
        "dense",
    ),
    (
        NetworkConfig(
            depth=1, dim=16, heads=2, timesteps=3, in_channels=3, height=8, width=9,
            encoder_channels=5,
        ),
        "balanced",
    ),
    (
        NetworkConfig(
            depth=0, dim=16, heads=2, timesteps=2, in_channels=3, height=7, width=9, constant_bit=5,
        ),
        "dense",
    ),
    (NetworkConfig(depth=1, dim=16, heads=2, height=9, width=8, head="avgpool_fc"), "dense"),
    (
        NetworkConfig(
            depth=0, dim=16, heads=2, timesteps=2, height=9, width=8, encoder_channels=1,
            head="fc_avgpool",
        ),
        "dense",
    ),
]  # fmt: skip


def assert_same(network, images, dtype, neuron):
    """Every current and spike that golden.contract keeps, and the logits."""
    trace, seen = forward(network, images), {}
    logits = TorchTwin(network, dtype, neuron)(torch.tensor(images), seen.__setitem__)
    for name in trace.spike:
        for kind, expected in (("current", trace.current[name]), ("spike", trace.spike[name])):
            got = seen[f"{name}.{kind}"].transpose(0, 1).numpy()
            wrong = np.argwhere(got != expected)
            assert not len(wrong), f"{name}.{kind} differs first at (image, t, token, c) {wrong[0]}"
    assert len(seen) == 2 * len(trace.spike)
    assert (logits.numpy() == trace.logits).all()
    return trace


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("config", "sparsity"), NETWORKS)
def test_random_networks(config, sparsity, dtype):
    network = random_network(config, seed=5, sparsity=sparsity, lanes=8)
    images = random_images(config, 3, seed=6)
    trace = assert_same(network, images, dtype, spikingjelly_lif)
    assert all(0 < trace.spike[name].mean() < 1 for name in trace.spike)
    for index, image in enumerate(images):  # nothing leaks from one sample to the next
        alone = assert_same(network, image[None], dtype, vector_lif)
        assert (alone.logits[0] == trace.logits[index]).all()
        for name in trace.spike:
            assert (alone.spike[name][0] == trace.spike[name][index]).all(), name


@pytest.mark.parametrize("name", ["balanced", "unstructured"])
def test_committed_checkpoints(name):
    path = CHECKPOINTS / f"{name}.safetensors"
    network = QuantNetwork.load(path)
    check_ranges(network)
    split = fashion_mnist.load("test")
    trace = assert_same(network, split.images[:4], torch.float32, spikingjelly_lif)
    alone = forward(network, split.images[2:3])
    assert (alone.logits[0] == trace.logits[2]).all()
    many = labels(network, torch.from_numpy(split.images[:100].copy()), batch_size=33)
    assert (many.numpy() == forward(network, split.images[:100]).label).all()
    assert (many.numpy() == split.labels[:100]).mean() >= 0.85


@pytest.mark.parametrize("steps", [4, 8])
def test_both_neurons_agree_on_integers(steps):
    generator = torch.Generator().manual_seed(steps)
    currents = torch.randint(-300, 400, (steps, 5000, 4), generator=generator).float()
    threshold = torch.tensor([1.0, 50.5, 127.0, 200.0])
    spikes = vector_lif(currents, threshold)
    assert torch.equal(spikes, spikingjelly_lif(currents, threshold))
    assert 0.05 < spikes.mean() < 0.95
