# SPDX-License-Identifier: Apache-2.0
"""The two synaptic units: 3x3 convolution and token-wise linear layer (a 1x1 convolution), each
with BatchNorm."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class _SynapseBN(nn.Module):
    """weight (O, I, ...), optional bias (O,), BatchNorm, and a pruning mask of the weight's shape
    (ones: dense)."""

    def __init__(self, shape: tuple[int, ...], bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(shape[0])) if bias else None
        nn.init.kaiming_uniform_(
            self.weight, a=5**0.5
        )  # torch's default for convolutions and linear layers
        if bias:
            bound = self.weight[0].numel() ** -0.5
            nn.init.uniform_(self.bias, -bound, bound)
        self.norm = nn.BatchNorm1d(shape[0])
        self.register_buffer("mask", torch.ones(shape), persistent=False)
        self.searching = False  # while True, masked weights get gradients and may come back

    def masked_weight(self) -> torch.Tensor:
        """The weight as used; straight-through while the mask is still being searched."""
        masked = self.weight * self.mask
        return self.weight + (masked - self.weight).detach() if self.searching else masked

    def normalise(self, currents: torch.Tensor) -> torch.Tensor:
        """BatchNorm of (..., O) over all leading dimensions."""
        shape = currents.shape
        return self.norm(currents.reshape(-1, shape[-1])).view(shape)


class ConvBN(_SynapseBN):
    """3x3, stride 1, padding 1, no bias. Spikes or pixels (n, H, W, I) -> currents (n, H, W, O)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__((outputs, inputs, 3, 3), bias=False)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        weight = self.masked_weight().contiguous(memory_format=torch.channels_last)
        currents = functional.conv2d(spikes.permute(0, 3, 1, 2), weight, padding=1)
        return self.normalise(currents.permute(0, 2, 3, 1))


class LinearBN(_SynapseBN):
    """Spikes (..., I) -> currents (..., O)."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__((outputs, inputs), bias=bias)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        return self.normalise(functional.linear(spikes, self.masked_weight(), self.bias))
