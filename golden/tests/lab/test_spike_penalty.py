# SPDX-License-Identifier: Apache-2.0
"""The price on spikes: the additions that it counts, its gradient, and what a training makes of
it."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

import golden.lab.networks.lif_neuron
from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.lab.networks import backbones
from golden.lab.networks.backbones.spikingformer import SelfAttention
from golden.lab.networks.layers import ConvBN, LinearBN
from golden.lab.networks.lif_neuron import LIF
from golden.lab.quantise.convert import convert
from golden.lab.quantise.export import integers
from golden.lab.train.loop import fit
from golden.lab.train.source import network_input, split_tensors
from golden.lab.train.spike_penalty import SpikePenalty
from golden.lab.train.training_config import TrainConfig
from golden.tests.tiny_networks import SMALL, awake, pixels

PRICE = TrainConfig(spike_penalty=2.0)


def pruned(model, seed=3):
    """Half of the weights of every layer but the first are 0."""
    print(f"SEED={seed}")
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, ConvBN | LinearBN) and module is not model.tokenizer.stages[0]:
            drawn = torch.rand(module.weight.shape, generator=generator)
            module.mask = (drawn < 0.5).to(module.weight)
    return model


def taps(spikes, weight):
    """Additions of a 3x3 convolution of spikes (..., H, W, I), by going through all of them."""
    height, width = spikes.shape[-3:-1]
    total = 0
    present = (weight != 0).sum(0)  # (I, 3, 3)
    for *_, y, x, channel in np.argwhere(spikes):
        for dy in range(3):
            for dx in range(3):  # the output (y + 1 - dy, x + 1 - dx) reads this with tap (dy, dx)
                if 0 <= y + 1 - dy < height and 0 <= x + 1 - dx < width:
                    total += int(present[channel, dy, dx])
    return total


def rows(spikes, *weights):
    """Additions of linear layers of spikes (..., I)."""
    fired = spikes.reshape(-1, spikes.shape[-1]).sum(0).astype(int)
    return sum(int(fired @ (weight != 0).sum(0)) for weight in weights)


def products(q, k, v, heads):
    """Additions of Q (K^T V) of spikes (T, B, N, D), head by head."""
    total, (steps, batch, _, dim) = 0, q.shape
    d = dim // heads
    for t in range(steps):
        for b in range(batch):
            for h in range(heads):
                part = slice(h * d, (h + 1) * d)
                one, two, three = (x[t, b, :, part].astype(int) for x in (q, k, v))
                total += sum(int(two[n].sum() * three[n].sum()) for n in range(len(two)))
                counts = two.T @ three
                total += sum(int((counts[i] != 0).sum()) for _, i in np.argwhere(one))
    return total


def counted(network, images):
    """Additions of all layers behind the first, from the trace of the integer model."""
    trace, config = forward(network, images), network.config
    spikes = {name: value.transpose(1, 0, 2, 3) for name, value in trace.spike.items()}
    pooled = {name: value.transpose(1, 0, 2, 3) for name, value in trace.pooled.items()}
    total = 0
    for i, layer in enumerate([*network.tokenizer, network.patch]):
        if i:
            before = (pooled if i in config.pooled_stages else spikes)[f"tokenizer.{i - 1}"]
            maps = before.reshape(*before.shape[:2], *config.size_into(i), -1)
            total += taps(maps, layer.weight)
    stream = f"tokenizer.{len(network.tokenizer)}"
    for i, block in enumerate(network.blocks):
        name = f"blocks.{i}"
        total += rows(spikes[stream], block.q.weight, block.k.weight, block.v.weight)
        total += products(*(spikes[f"{name}.{part}"] for part in "qkv"), config.heads)
        total += rows(spikes[f"{name}.attention"], block.proj.weight)
        total += rows(spikes[f"{name}.proj"], block.mlp1.weight)
        total += rows(spikes[f"{name}.mlp1"], block.mlp2.weight)
        stream = f"{name}.mlp2"
    return total + config.classes * int(spikes[stream].sum())


@pytest.mark.parametrize("pooled", [(3, 4), (1, 2)])
def test_counts_the_additions_of_the_integer_network(pooled):
    config = dataclasses.replace(SMALL["spikingformer"], depth=2, pooled_stages=pooled)
    model = convert(pruned(awake(config).float()), 4)
    penalty = SpikePenalty(model, PRICE)
    assert penalty() == 0.0  # nothing has run
    images = (pixels(config, 3) * 255).round().float()
    model(images / 255)
    expected = counted(integers(model, 4, {}), images.byte().numpy())
    assert expected > 10_000
    assert penalty.additions.item() == expected


def test_share_of_a_network_that_always_fires():
    config = SMALL["spikingformer"]
    model = awake(config)
    penalty = SpikePenalty(model, PRICE)
    model(pixels(config, 2))
    before = penalty().item()
    assert -10 < before < 0
    for module in model.modules():
        if isinstance(module, LIF):
            module.threshold = -1e6
    model(pixels(config, 2))
    assert penalty().item() == pytest.approx(0.0, abs=1e-12)


def test_price_is_the_logarithm():
    config = SMALL["spikingformer"]
    model = awake(config)
    penalty = SpikePenalty(model, PRICE)
    model(pixels(config, 2))
    most = sum(most for _, most in penalty.parts)
    expected = 2.0 * math.log(penalty.additions.item() / most)
    assert penalty().item() == pytest.approx(expected, rel=1e-12)


def test_a_window_counts_once():
    """Three timesteps in windows of two: (0, 1) and (2)."""
    layer = LinearBN(3, 4).double()
    layer.mask = torch.tensor([[1, 0, 1], [1, 0, 0], [0, 0, 1], [1, 0, 1]]).double()
    config = dataclasses.replace(SMALL["spikingformer"], timesteps=3)
    model = awake(config)
    penalty = SpikePenalty(model, TrainConfig(spike_penalty=1.0, spike_window=2))
    penalty.parts = []
    spikes = torch.zeros(3, 1, 2, 3, dtype=torch.float64)
    spikes[0, 0, 0, 0] = spikes[1, 0, 0, 0] = 1  # two in one window: 3 weights, once
    spikes[1, 0, 1, 2] = spikes[2, 0, 1, 2] = 1  # one each in two windows: 3 weights, twice
    spikes[:, 0, 0, 1] = 1  # nobody reads it
    spikes.requires_grad_()
    penalty._layer(layer, (spikes,), None)
    ((additions, most),) = penalty.parts
    assert additions.item() == 9
    assert most == 2 * 2 * 6  # windows, tokens, weights
    additions.backward()
    assert spikes.grad[0, 0, 0, 0] == spikes.grad[1, 0, 0, 0] == 1.5  # those that fire share it
    assert spikes.grad[2, 0, 1, 2] == 3 and spikes.grad[0, 0, 1, 2] == 0
    assert not spikes.grad[..., 1].any()


def test_a_strided_convolution_reads_less():
    layer = ConvBN(2, 3, kernel=3, stride=2)
    read = layer.readers((5, 6, 2))
    ones = torch.ones(1, 2, 5, 6, requires_grad=True)
    out = torch.nn.functional.conv2d(ones, torch.ones(3, 2, 3, 3), stride=2, padding=1)
    out.sum().backward()
    assert torch.equal(read, ones.grad[0].permute(1, 2, 0))


def test_gradient_lowers_the_additions():
    config = SMALL["spikingformer"]
    model = awake(config, biases=(0.0, 0.8))
    penalty = SpikePenalty(model, PRICE)
    images = pixels(config, 4)
    seen = []
    for _ in range(12):
        model.zero_grad()
        model(images)
        seen.append(penalty.additions.item())
        penalty().backward()
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm1d):
                    module.bias -= 0.02 * module.bias.grad.sign()
    assert seen[-1] < 0.8 * seen[0]
    attention = next(m for m in model.modules() if isinstance(m, SelfAttention))
    assert attention.q.norm.bias.grad.abs().max() > 0  # also through the products


@pytest.mark.long
def test_training_fires_less_with_a_price(data, tmp_path, monkeypatch):
    monkeypatch.setattr(golden.lab.networks.lif_neuron, "COMPILE_FROM", 1 << 40)
    small = dataclasses.replace(SMALL["spikingformer"], height=28, width=28, timesteps=2, dim=16)
    config = TrainConfig(
        epochs=3, batch_size=16, precision="float32", learning_rate=1e-2, monitor_images=16
    )
    images, _ = split_tensors("train")
    additions = {}
    for price in (0.0, 1.0):
        torch.manual_seed(1)
        model = backbones.build(small)
        fit(model, dataclasses.replace(config, spike_penalty=price), tmp_path / f"{price}")
        penalty = SpikePenalty(model.train(), PRICE)
        model(network_input(model, images))
        additions[price] = penalty.additions.item()
    assert 0 < additions[1.0] < 0.8 * additions[0.0]


def test_vectors_learn_at_their_own_rate(data, tmp_path, monkeypatch):
    """A first step of AdamW moves every parameter with a gradient by its rate."""
    monkeypatch.setattr(golden.lab.networks.lif_neuron, "COMPILE_FROM", 1 << 40)
    small = dataclasses.replace(SMALL["spikingformer"], height=28, width=28, timesteps=1, dim=16)
    config = TrainConfig(
        epochs=1, images=16, batch_size=16, precision="float32", learning_rate=1e-3,
        vector_rate=7.0, weight_decay=0.0, monitor_images=16,
    )  # fmt: skip
    torch.manual_seed(1)
    model = backbones.build(small)
    before = copy.deepcopy(dict(model.named_parameters()))
    fit(model, config, tmp_path / "run")
    moved = {n: (p - before[n]).abs().max().item() for n, p in model.named_parameters()}
    assert moved["head.weight"] == pytest.approx(1e-3, rel=1e-2)
    assert moved["head.bias"] == pytest.approx(7e-3, rel=1e-2)
    assert moved["tokenizer.stages.4.norm.weight"] == pytest.approx(7e-3, rel=1e-2)


def test_no_price_sees_nothing():
    model = awake(SMALL["spikingformer"])
    penalty = SpikePenalty(model, TrainConfig(spike_window=4))
    model(pixels(SMALL["spikingformer"], 1))
    assert penalty() == 0.0
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_other_networks_are_refused():
    model = backbones.build(SMALL["spikformer"])
    SpikePenalty(model, TrainConfig())
    with pytest.raises(UserError, match=r"network\.backbone is another"):
        SpikePenalty(model, PRICE)


def test_a_threshold_is_a_scale_and_a_bias_of_the_norm():
    """What docs/log/spikes.md says of trained thresholds: LIF of threshold x behind a norm fires as
    one of threshold 1 behind the norm divided by x."""
    torch.manual_seed(5)
    layer, threshold = LinearBN(6, 4).double().eval(), torch.tensor([0.5, 0.8, 1.7, 4.0]).double()
    torch.nn.init.uniform_(layer.norm.weight, 1.0, 3.0)
    torch.nn.init.uniform_(layer.norm.bias, 0.0, 1.0)
    spikes = (torch.rand(8, 5, 7, 6) < 0.5).double()
    currents = layer(spikes)
    expected = torch.stack(
        [LIF(float(x))(currents[..., c].contiguous()) for c, x in enumerate(threshold)], -1
    )
    with torch.no_grad():
        layer.norm.weight /= threshold
        layer.norm.bias /= threshold
    assert torch.equal(LIF()(layer(spikes)), expected)
    assert 0.05 < expected.mean() < 0.95
