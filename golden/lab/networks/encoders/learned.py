# SPDX-License-Identifier: Apache-2.0
"""The learned sparse linear encoder: a linear layer per pixel, a LIF, and a price on its spikes.

    current = W x + b  (E of them per pixel, the same at all timesteps),  spikes = LIF(current)

W (E, C) and b (E,) are trained with the network behind; `RatePenalty` adds
train.encoder_penalty * max(0, firing rate - train.encoder_rate) to the loss, so that the encoder
fires as little as the accuracy allows. On a constant current c a LIF with threshold 1 and tau 2
fires first at the smallest t with c (1 - 2^-t) >= 1: the value of a pixel becomes a number of
spikes and a latency, below c = 16 / 15 (T = 4) nothing. Left at that, few spikes are late spikes
and all pixels of one value fire together. So the membranes begin charged, and not all alike:

    V_0 at row y, column x  =  network.encoder_charge * START[y mod 2, x mod 2]

four neighbours of one value fire at different times, the first of them at t = 1, and what a 3x3
convolution sees at every timestep is nearer to the value: an ordered dither along time.

Own design in the family of learned spike encodings, which let a first layer with a neuron make
the spikes (direct coding as of Rathi and Roy, "DIET-SNN", IEEE TNNLS 2021) and price activity in
the loss. The difference: this one is a 1x1 layer without BatchNorm whose spikes are all that the
network sees, so its products are H W C E per image instead of those of a 3x3 convolution.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from golden.contract.errors import UserError
from golden.lab.networks.lif_neuron import LIF

if TYPE_CHECKING:
    from golden.lab.networks.network_config import NetworkConfig
    from golden.lab.train.training_config import TrainConfig


SLOPE, LEVEL = 1.3, 0.1  # at the start of training: of the current, where the first channel fires
START = torch.tensor([[0.0, 0.5], [0.75, 0.25]])  # charge of a pixel (y, x), modulo 2
FIRES = 16 / 15  # the least current with a spike in four timesteps


class Learned(nn.Module):
    """Image (B, C, H, W) -> spikes (T, B, E, H, W); weight (E, C), bias (E,), in units of the
    threshold for pixels in 0..1.

    At the start all channels see the mean of the colours, and channel e fires, in four timesteps
    and without a charge, where that is above e / E + 0.1: once and late, twice where it is 0.2
    more, always where it is 0.72 more. One channel, charge 1, on Fashion-MNIST: 1.1 per pixel.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.channels = config.encoder_channels
        self.lif = LIF(tau=config.tau)
        self.charge = config.encoder_charge * (1.0 if math.isinf(config.tau) else config.tau - 1.0)
        level = torch.arange(self.channels) / self.channels + LEVEL
        self.weight = nn.Parameter(
            torch.full((self.channels, config.in_channels), SLOPE / config.in_channels)
        )
        self.bias = nn.Parameter(FIRES - SLOPE * level)

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        with torch.autocast(image.device.type, enabled=False):  # a bfloat16 has no room for a pixel
            current = torch.einsum("ec,bchw->behw", self.weight, image) + self.bias[:, None, None]
            currents = charged(current, timesteps, self.charge * START.to(current))
        return self.lif(currents)


def charged(current: torch.Tensor, timesteps: int, start: torch.Tensor) -> torch.Tensor:
    """(T, B, E, H, W), `current` (B, E, H, W) at every timestep; the first one has more: `start`
    (2, 2), repeated over the image."""
    height, width = current.shape[2:]
    tiles = start.repeat((height + 1) // 2, (width + 1) // 2)[:height, :width]
    return torch.cat([(current + tiles)[None], current.expand(timesteps - 1, *current.shape)])


class RatePenalty:
    """What the spikes of a model's learned encoder cost: a hook that sees every forward pass."""

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.price, self.free, self.rate = config.encoder_penalty, config.encoder_rate, None
        if self.price:
            if model.config.encoder != "learned":
                raise UserError(
                    "train.encoder_penalty prices the spikes of a learned encoder, but "
                    "network.encoder is another; set it to 'learned' or drop the penalty"
                )
            model.encoder.register_forward_hook(self._see)  # also when it is folded

    def _see(self, _module: nn.Module, _inputs: tuple, spikes: torch.Tensor) -> None:
        self.rate = spikes.float().mean()

    def __call__(self) -> torch.Tensor | float:
        """What to add to the loss of the last forward pass."""
        rate, self.rate = self.rate, None
        return 0.0 if rate is None else self.price * (rate - self.free).clamp(min=0)
