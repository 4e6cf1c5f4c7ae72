# SPDX-License-Identifier: Apache-2.0
"""Every backbone against a literal transcription of its authors' order of units: channels first,
the image repeated T times, spikingjelly's neurons, Q K^T V in the order of each file."""

import dataclasses
import math

import pytest
import torch
from spikingjelly.activation_based import neuron
from torch import nn
from torch.nn import functional

from golden.lab.networks.network_config import NetworkConfig
from golden.tests.tiny_networks import SMALL, awake, pixels


def fire(x, threshold=1.0, tau=2.0):
    """(T, B, ...) -> spikes, the state starting from zero."""
    common = {"v_threshold": threshold, "v_reset": 0.0, "detach_reset": True, "step_mode": "m"}
    node = neuron.IFNode(**common) if math.isinf(tau) else neuron.LIFNode(tau=tau, **common)
    return node.eval()(x.contiguous())


def norm(layer, x):
    """Evaluation-mode BatchNorm over the second dimension of (n, C, ...)."""
    n = layer.norm
    return functional.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, eps=n.eps)


def conv(layer, x, stride=1):
    """(T, B, C, H, W) -> (T, B, O, H / stride, W / stride): Conv2d and BatchNorm2d."""
    padding = layer.weight.shape[-1] // 2
    y = functional.conv2d(x.flatten(0, 1), layer.weight, layer.bias, stride, padding)
    return norm(layer, y).unflatten(0, x.shape[:2])


def point(layer, x):
    """(T, B, C, N) -> (T, B, O, N): Conv1d with kernel 1, and BatchNorm1d."""
    y = functional.conv1d(x.flatten(0, 1), layer.weight.unsqueeze(-1), layer.bias)
    return norm(layer, y).unflatten(0, x.shape[:2])


def pool(x):
    return nn.MaxPool2d(3, 2, 1)(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def repeated(model, image):
    return image.repeat(model.config.timesteps, 1, 1, 1, 1)


def split(x, heads):
    """(T, B, C, N) -> (T, B, heads, N, C / heads)."""
    return x.transpose(2, 3).unflatten(3, (heads, -1)).transpose(2, 3)


def joined(x):
    """(T, B, heads, N, d) -> (T, B, heads * d, N)."""
    return x.transpose(3, 4).flatten(2, 3)


def spikingformer(model, image):
    """zhouchenlin2096/Spikingformer: imagenet/model.py, cifar10-dvs/model.py."""
    config, tau = model.config, model.config.tau
    x = repeated(model, image) if image.dim() == 4 else image
    x = conv(model.tokenizer.stages[0], x)
    for index in range(1, 5):
        x = fire(x, tau=tau)
        if index in config.pooled_stages:
            x = pool(x)
        x = conv(model.tokenizer.stages[index], x)
    x = x.flatten(3)
    for block in model.blocks:
        attention, mlp = block.attention, block.mlp
        s = fire(x, tau=tau)
        q, k, v = (
            split(fire(point(layer, s), tau=tau), config.heads)
            for layer in (attention.q, attention.k, attention.v)
        )
        if config.layout == "imagenet":
            y = (q @ (k.transpose(-2, -1) @ v)) * 0.125
        else:
            y = ((q @ k.transpose(-2, -1)) @ v) * 0.125
        x = x + point(attention.proj, fire(joined(y), 0.5, tau))
        x = x + point(mlp.mlp2, fire(point(mlp.mlp1, fire(x, tau=tau)), tau=tau))
    return functional.linear(x.mean(3).mean(0), model.head.weight, model.head.bias)


def spikformer(model, image):
    """ZK-Zhou/spikformer: cifar10/model.py, imagenet/model.py, cifar10dvs/model.py."""
    config, stages = model.config, model.tokenizer.stages
    x = repeated(model, image) if image.dim() == 4 else image
    for index in range(4):
        x = fire(conv(stages[index], x))
        if index + 1 in config.pooled_stages:
            x = pool(x)
    x = fire(conv(stages[4], x)) + x
    x = x.flatten(3)
    for block in model.blocks:
        attention, mlp = block.attention, block.mlp
        q, k, v = (
            split(fire(point(layer, x)), config.heads)
            for layer in (attention.q, attention.k, attention.v)
        )
        if config.layout == "cifar":
            y = ((q @ k.transpose(-2, -1)) * 0.125) @ v
        elif config.layout == "imagenet":
            y = (q @ (k.transpose(-2, -1) @ v)) * 0.125
        else:
            y = ((q @ k.transpose(-2, -1)) @ v) * 0.25
        x = x + fire(point(attention.proj, fire(joined(y), 0.5)))
        x = x + fire(point(mlp.mlp2, fire(point(mlp.mlp1, x))))
    return functional.linear(x.mean(3).mean(0), model.head.weight, model.head.bias)


def sdt(model, image):
    """BICLab/Spike-Driven-Transformer: module/sps.py, module/ms_conv.py, model/spikeformer.py."""
    config, stages = model.config, model.tokenizer.stages
    x = repeated(model, image) if image.dim() == 4 else image
    x = conv(stages[0], x)
    for index in range(1, 4):
        x = fire(x)
        if index in config.pooled_stages:
            x = pool(x)
        x = conv(stages[index], x)
    if 4 in config.pooled_stages:
        x = pool(x)  # of currents
    x = conv(stages[4], fire(x)) + x
    erode = nn.MaxPool3d((1, 3, 3), 1, (0, 1, 1)) if config.layout == "dvs" else nn.Identity()
    grid, x = x.shape[3:], x.flatten(3)
    for block in model.blocks:
        attention, mlp = block.attention, block.mlp
        s = fire(x)
        q, k, v = (fire(point(layer, s)) for layer in (attention.q, attention.k, attention.v))
        k, v = (erode(spikes.unflatten(3, grid)).flatten(3) for spikes in (k, v))
        q, k, v = (split(spikes, config.heads) for spikes in (q, k, v))
        kv = fire(erode(k * v).sum(-2, keepdim=True), 0.5)
        x = point(attention.proj, joined(erode(q * kv))) + x
        x = point(mlp.mlp2, fire(point(mlp.mlp1, fire(x)))) + x
    y = functional.linear(fire(x.mean(3)), model.head.weight, model.head.bias)
    return y.mean(0)


def sew(model, image):
    """fangwei123456/Spike-Element-Wise-ResNet imagenet/sew_resnet.py: stem before the repetition,
    integrate-and-fire neurons."""
    config, tau = model.config, model.config.tau
    large = config.layout == "imagenet"
    x = conv(model.stem, image[None], 2 if large else 1).repeat(config.timesteps, 1, 1, 1, 1)
    x = fire(x, tau=tau)
    if large:
        x = pool(x)
    for index, stage in enumerate(model.stages):
        for number, block in enumerate(stage):
            stride = 2 if index and not number else 1
            identity, out = x, x
            for layer in block.convs:
                strided = layer.weight.shape[-1] == 3 and layer is next(
                    c for c in block.convs if c.weight.shape[-1] == 3
                )
                out = fire(conv(layer, out, stride if strided else 1), tau=tau)
            if block.shortcut is not None:
                identity = fire(conv(block.shortcut, x, stride), tau=tau)
            if config.connect == "add":
                x = out + identity
            elif config.connect == "and":
                x = out * identity
            else:
                x = identity * (1.0 - out)
    x = nn.AdaptiveAvgPool2d(1)(x.flatten(0, 1)).flatten(1).unflatten(0, x.shape[:2])
    return functional.linear(x.mean(0), model.head.weight, model.head.bias)


def mem_update(x):
    """Ariande1/MS-ResNet: decay 0.25, threshold 0.5, fires above it."""
    membrane, spikes = torch.zeros_like(x[0]), [torch.zeros_like(x[0])]
    for current in x:
        membrane = membrane * 0.25 * (1 - spikes[-1]) + current
        spikes.append((membrane > 0.5).to(x.dtype))
    return torch.stack(spikes[1:])


def ms(model, image):
    """Ariande1/MS-ResNet models/MS_ResNet.py: BasicBlock_18 and BasicBlock_104."""
    config, x = model.config, repeated(model, image)
    large = config.layout == "imagenet"
    if config.depth == 104:
        stem = model.stem
        x = x.flatten(0, 1)
        for layer, stride in (stem.conv1, 2), (stem.conv2, 1):
            x = functional.conv2d(x, layer.weight, layer.bias, stride, 1)
        x = conv(stem.conv3, x.unflatten(0, (config.timesteps, -1)))
    else:
        x = conv(model.stem, x, 2 if large else 1)
    for index, stage in enumerate(model.stages):
        for number, block in enumerate(stage):
            stride = 2 if not number and (index or large) else 1
            out = conv(block.conv1, mem_update(x), stride)
            out = conv(block.conv2, mem_update(out))
            if stride == 1:
                assert block.shortcut is None
            elif config.depth == 104:
                x = conv(block.shortcut, nn.AvgPool3d((1, 2, 2), (1, 2, 2))(x))
            else:
                x = conv(block.shortcut, x, stride)
            x = out + x
    x = mem_update(x).mean((3, 4))
    return functional.linear(x.sum(0) / len(x), model.head.weight, model.head.bias)


def changed(name, **sizes):
    return dataclasses.replace(SMALL[name], **sizes)


WIDE = {"height": 32, "width": 32, "dim": 64, "layout": "imagenet", "in_channels": 3}
POOLED = {"height": 20, "width": 18, "pooled_stages": (1, 2, 3, 4)}
CASES = {
    "spikingformer imagenet": (
        spikingformer, NetworkConfig(**WIDE, depth=2, heads=8, head="avgpool_fc")),
    "spikingformer dvs": (
        spikingformer, NetworkConfig(depth=2, dim=32, heads=16, layout="dvs", tau=1.5,
            in_channels=2, height=32, width=48, timesteps=5, head="avgpool_fc")),
    "spikformer cifar": (spikformer, changed("spikformer", depth=2)),
    "spikformer imagenet": (spikformer, changed("spikformer", layout="imagenet", **POOLED)),
    "spikformer dvs": (spikformer, changed("spikformer", layout="dvs", in_channels=2, **POOLED)),
    "sdt cifar": (sdt, changed("sdt", depth=2)),
    "sdt imagenet": (sdt, changed("sdt", layout="imagenet", **POOLED)),
    "sdt dvs": (sdt, changed("sdt", layout="dvs", in_channels=2, height=24, width=20)),
    "sew add": (sew, SMALL["sew_add"]),
    "sew and": (sew, SMALL["sew_and"]),
    "sew iand": (sew, SMALL["sew_iand"]),
    "sew 18": (sew, changed("sew_add", **WIDE | {"depth": 18})),
    "sew 50": (sew, changed("sew_add", **WIDE | {"depth": 50, "classes": 7})),
    "ms": (ms, SMALL["ms_resnet"]),
    "ms 18": (ms, changed("ms_resnet", **WIDE | {"depth": 18})),
    "ms 104": (ms, changed("ms_resnet", **WIDE | {"depth": 104, "timesteps": 2})),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_equals_the_authors_order(name):
    reference, config = CASES[name]
    model = awake(config, seed=len(name))
    image = pixels(config, 2)
    if config.layout == "dvs":  # event frames that differ from step to step
        image = torch.stack([pixels(config, 2, seed) for seed in range(config.timesteps)])
    logits = model(image)
    assert logits.std(0).min() > 0  # the samples differ
    expected = reference(model, image)
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9 * expected.abs().max())
