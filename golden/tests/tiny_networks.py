# SPDX-License-Identifier: Apache-2.0
"""Small networks of every backbone, awake, for the tests."""

import math

import torch
from torch import nn

from golden.lab.networks import backbones
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.network_config import NetworkConfig

_SIZES = {"depth": 1, "dim": 32, "heads": 2, "height": 8, "width": 10, "timesteps": 3}
_SEW = _SIZES | {
    "backbone": "sew_resnet", "depth": 8, "tau": math.inf, "head": "avgpool_fc",
}  # fmt: skip
SMALL = {
    "spikingformer": NetworkConfig(**_SIZES),
    "spikformer": NetworkConfig(**_SIZES | {"backbone": "spikformer", "head": "avgpool_fc"}),
    "sdt": NetworkConfig(**_SIZES | {"backbone": "sdt", "head": "avgpool_sn_fc"}),
    "sew_add": NetworkConfig(**_SEW),
    "sew_and": NetworkConfig(**_SEW | {"connect": "and"}),
    "sew_iand": NetworkConfig(**_SEW | {"connect": "iand"}),
    "ms_resnet": NetworkConfig(
        **_SIZES | {"backbone": "ms_resnet", "depth": 8, "tau": 4 / 3, "head": "sn_avgpool_fc"}
    ),
}


def awake(config, seed=0, weights=(1.0, 3.0), biases=(0.3, 1.3)):
    """A float64 network with random BatchNorm parameters and firing neurons, for evaluation."""
    print(f"SEED={seed}")
    torch.manual_seed(seed)
    model = backbones.build(config).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.uniform_(module.weight, *weights)
            nn.init.uniform_(module.bias, *biases)
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.05, 0.3)
    return model.eval()


def pixels(config, batch, seed=1):
    """float64 images (batch, C, H, W) in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    shape = batch, config.in_channels, config.height, config.width
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def losses(model, steps=20):
    """Of a training on one batch: images with a bright row, whose position is the class."""
    truth = torch.arange(40) % 4
    images = torch.zeros(40, 1, 8, 10)
    images[torch.arange(40), 0, truth * 2] = 1.0
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    found = []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(images), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(loss.item())
    return found


def all_spikes(model, images):
    """(logits, spikes (T, B, ...) of every LIF by name)."""
    found = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: found.update({name: out}))
        for name, module in model.named_modules()
        if isinstance(module, LIF)
    ]
    logits = model(images)
    for hook in hooks:
        hook.remove()
    return logits, found
