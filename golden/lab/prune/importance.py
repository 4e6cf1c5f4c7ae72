# SPDX-License-Identifier: Apache-2.0
"""What a weight is worth, in units that are comparable between layers, and what its row costs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from golden.lab.networks.layers import ConvBN, LinearBN
from golden.lab.train.source import network_input


@dataclass(frozen=True)
class Activity:
    """Input spikes of a layer. rate: of each input channel, per position and timestep (I,).
    words: how often a row is read in one inference, the rate times positions and timesteps (I,)."""

    rate: torch.Tensor
    words: torch.Tensor


@torch.no_grad()
def activities(
    model: nn.Module, layers: dict[str, ConvBN | LinearBN], images: torch.Tensor
) -> dict[str, Activity]:
    """Measured on uint8 `images` (n, C, H, W) or frames (n, T, C, H, W), in one batch, with the
    running statistics."""
    found = {}

    def watch(name: str):
        def hook(_module, inputs) -> None:
            spikes = inputs[0].float().flatten(0, -2)
            rate = spikes.mean(0)
            found[name] = Activity(rate, rate * (len(spikes) / len(images)))

        return hook

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()]
    training = model.training
    try:
        model.eval()
        model(network_input(model, images))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return found


def per_row(values: torch.Tensor, layer: ConvBN | LinearBN) -> torch.Tensor:
    """(I,) -> (rows,): a tap of a convolution reads the same channel (borders are not counted)."""
    return values.to(layer.weight.device).repeat_interleave(layer.weight[0, 0].numel())


@torch.no_grad()
def importance(
    layer: ConvBN | LinearBN, kind: str, activity: Activity | None = None
) -> torch.Tensor:
    """'magnitude': |w|.  'gain': |w| times the BatchNorm gain, in thresholds of the neuron behind.
    'rate': that times the root of the input's firing rate: its square is then the second moment
    of what the weight adds to the current."""
    value = layer.weight.detach().abs()
    if kind == "magnitude":
        return value
    ones = [1] * (value.dim() - 2)
    value = value * layer.gain.abs().view(-1, 1, *ones)
    return (
        value * activity.rate.to(value.device).sqrt().view(1, -1, *ones)
        if kind == "rate"
        else value
    )


def lamp(importance: torch.Tensor) -> torch.Tensor:
    """A layer's importances made comparable with those of others: the square of each, divided by
    the sum of the squares that are not smaller; then the root again. Order is kept.

    The LAMP score of Lee et al. (arXiv 2010.07611, equation 4). Without it a global threshold
    empties the layers with a large fan-in.
    """
    squares, order = importance.flatten().double().square().sort(stable=True)
    rest = squares.flip(0).cumsum(0).flip(0)
    scores = torch.zeros_like(squares)
    scores[order] = squares / rest.clamp(min=1e-300)
    return scores.sqrt().to(importance.dtype).view_as(importance)
