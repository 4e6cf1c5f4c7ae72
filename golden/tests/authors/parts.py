# SPDX-License-Identifier: Apache-2.0
"""What the transcribed networks share: neurons, time folded into the batch, random weights."""

import math
from collections.abc import Callable

import torch
from spikingjelly.activation_based import functional, neuron
from torch import nn


class Fire(nn.Module):
    """spikingjelly's neuron over (T, B, ...). channel: which dimension that is; None where the rest
    is the channels of one token."""

    def __init__(self, threshold=1.0, tau=2.0, channel=2):
        super().__init__()
        common = {"v_threshold": threshold, "v_reset": 0.0, "detach_reset": True, "step_mode": "m"}
        leaky = not math.isinf(tau)
        self.node = neuron.LIFNode(tau=tau, **common) if leaky else neuron.IFNode(**common)
        self.channel = channel

    def forward(self, currents):
        return self.node(currents.contiguous())


def over(layer: Callable, values: torch.Tensor) -> torch.Tensor:
    """A layer on every timestep of (T, B, ...)."""
    return layer(values.flatten(0, 1)).unflatten(0, values.shape[:2])


def pair(module: nn.Module, name: str, number: str, conv: nn.Module, norm: nn.Module) -> None:
    """`<name>conv<number>` and `<name>bn<number>`."""
    module.add_module(f"{name}conv{number}", conv)
    module.add_module(f"{name}bn{number}", norm)


def repeated(inputs: torch.Tensor, timesteps: int) -> torch.Tensor:
    """Images (B, C, H, W) for T timesteps; frames (T, B, C, H, W) as they are."""
    return inputs if inputs.dim() == 5 else inputs.repeat(timesteps, 1, 1, 1, 1)


@torch.no_grad()
def wake(model: nn.Module, inputs: torch.Tensor, seed: int, bias=(0.2, 1.0)) -> nn.Module:
    """Random norms whose statistics are near those of `inputs`, so that neurons fire; float64 whose
    values a float32 has."""
    print(f"SEED={seed}")
    torch.manual_seed(seed)
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.8, 1.6)
        nn.init.uniform_(norm.bias, *bias)
        norm.momentum = 1.0
    model.double().train()(inputs)
    for norm in norms:
        norm.running_mean += 0.1 * torch.randn_like(norm.running_mean)
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.7, 1.4)
    return model.float().double().eval()


@torch.no_grad()
def recorded(model: nn.Module, inputs: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """(logits, spikes (T, B, N, C) of every neuron in the order of the calls)."""
    spikes = []

    def keep(module, _inputs, out):
        moved = out.flatten(2) if module.channel is None else out.movedim(module.channel, -1)
        spikes.append(moved.reshape(*out.shape[:2], -1, moved.shape[-1]))

    hooks = [
        module.register_forward_hook(keep)
        for module in model.modules()
        if hasattr(module, "channel")
    ]
    for module in model.modules():
        if isinstance(module, neuron.BaseNode):
            functional.reset_net(module)
    logits = model(inputs)
    for hook in hooks:
        hook.remove()
    return logits, spikes
