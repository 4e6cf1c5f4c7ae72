# SPDX-License-Identifier: Apache-2.0
"""The network: published sizes, equality with a literal transcription of the authors' code."""

import functools

import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn
from torch.nn import functional

from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.tests.tiny_networks import awake

pytestmark = pytest.mark.smoke

CIFAR = {"in_channels": 3, "height": 32, "width": 32, "classes": 10}


def lif(currents, threshold=1.0):
    node = neuron.LIFNode(
        tau=2.0, v_threshold=threshold, v_reset=0.0, detach_reset=True, step_mode="m"
    )
    return node.eval()(currents.contiguous())


def reference(model, image):
    """As in zhouchenlin2096/Spikingformer, cifar10: channels first, the image repeated T times."""
    config = model.config
    steps, batch = config.timesteps, len(image)

    def norm(layer, x):  # (n, C, ...)
        n = layer.norm
        return functional.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias)

    def conv(layer, x):
        return norm(layer, functional.conv2d(x, layer.weight, padding=1))

    def point(layer, x):  # (T, B, C, N) -> (T, B, O, N), a Conv1d with kernel 1
        y = functional.conv1d(x.flatten(0, 1), layer.weight.unsqueeze(-1), layer.bias)
        return norm(layer, y).unflatten(0, (steps, batch))

    x = conv(model.tokenizer.stages[0], image.repeat(steps, 1, 1, 1))
    for index in range(1, 5):
        x = lif(x.unflatten(0, (steps, batch))).flatten(0, 1)
        if index in config.pooled_stages:
            x = nn.MaxPool2d(3, 2, 1)(x)
        x = conv(model.tokenizer.stages[index], x)
    x = x.flatten(2).unflatten(0, (steps, batch))  # (T, B, D, N)
    for block in model.blocks:
        attention, mlp = block.attention, block.mlp
        s = lif(x)
        q, k, v = (
            lif(point(layer, s)).transpose(2, 3).unflatten(3, (config.heads, -1)).transpose(2, 3)
            for layer in (attention.q, attention.k, attention.v)
        )
        y = ((q @ k.transpose(-2, -1)) @ v) * 0.125  # (T, B, heads, N, d)
        y = y.transpose(3, 4).flatten(2, 3)
        x = x + point(attention.proj, lif(y, 0.5))
        x = x + point(mlp.mlp2, lif(point(mlp.mlp1, lif(x))))
    head = functools.partial(functional.linear, weight=model.head.weight, bias=model.head.bias)
    if config.head == "sn_fc_avgpool":
        return head(lif(x).transpose(2, 3)).mean((0, 2))
    return head(x.mean(3).mean(0))


@pytest.mark.parametrize(
    ("depth", "dim", "millions"), [(4, 256, 4.15), (2, 384, 5.76), (4, 384, 9.32)]
)
def test_published_parameter_counts(depth, dim, millions):
    model = Spikingformer(NetworkConfig(depth=depth, dim=dim, heads=8, **CIFAR))
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == millions


@pytest.mark.parametrize(
    "config",
    [
        NetworkConfig(depth=1, dim=16, heads=2, height=12, width=12),
        NetworkConfig(
            depth=2, dim=32, heads=4, timesteps=3, in_channels=3, height=9, width=14, classes=5,
            mlp_ratio=2, head="avgpool_fc",
        ),
        NetworkConfig(depth=1, dim=16, heads=1, height=16, width=16, pooled_stages=(1, 2, 3, 4)),
    ],
)  # fmt: skip
@torch.no_grad()
def test_equals_the_authors_code(config):
    model = awake(config, weights=(0.5, 1.5), biases=(0.0, 1.0))
    image = torch.rand(3, config.in_channels, config.height, config.width, dtype=torch.float64)
    logits = model(image)
    assert logits.std() > 0
    torch.testing.assert_close(logits, reference(model, image), rtol=1e-9, atol=1e-9)
    alone = torch.cat([model(one[None]) for one in image])
    torch.testing.assert_close(alone, logits, rtol=1e-12, atol=1e-12)  # nothing leaks


def test_token_count():
    assert NetworkConfig().tokens == 49
    assert NetworkConfig(**CIFAR).tokens == 64


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"dim": 60}, "multiple of 8"),
        ({"dim": 64, "heads": 5}, "heads"),
        ({"timesteps": 0}, "timesteps"),
        ({"head": "mean"}, "must be one of"),
        ({"pooled_stages": (0,)}, "1 to 4"),
    ],
)
def test_impossible_sizes(sizes, sentence):
    with pytest.raises(UserError, match=sentence):
        NetworkConfig(**sizes)
