# SPDX-License-Identifier: Apache-2.0
"""The layers that the quantised ViT and the quantised text encoder share."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from golden.lab.spikezip.functions import FixedLayerNorm
from golden.lab.spikezip.quantiser import Quantiser, quantise_weight
from golden.lab.spikezip.spikezip_config import Sizes


class QuantLinear(nn.Linear):
    """y = Q(W) x + b."""

    def __init__(self, inputs: int, outputs: int, bits: int) -> None:
        super().__init__(inputs, outputs)
        self.bits = bits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, quantise_weight(self.weight, self.bits), self.bias)


class QuantConv2d(nn.Conv2d):
    """A patch embedding: kernel = stride = patch, no overlap."""

    def __init__(self, inputs: int, outputs: int, patch: int, bits: int) -> None:
        super().__init__(inputs, outputs, patch, patch)
        self.bits = bits

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = quantise_weight(self.weight, self.bits)
        return functional.conv2d(x, weight, self.bias, self.stride)


def norm(sizes: Sizes) -> nn.Sequential:
    """LayerNorm and the quantiser behind it."""
    return nn.Sequential(FixedLayerNorm(sizes.dim), Quantiser(sizes.level, sym=True))


def projection(sizes: Sizes) -> nn.Sequential:
    """A linear layer (B, N, dim) -> (B, N, dim) and the quantiser behind it."""
    return nn.Sequential(
        QuantLinear(sizes.dim, sizes.dim, sizes.weight_bits), Quantiser(sizes.level, sym=True)
    )


def mlp(sizes: Sizes) -> nn.Sequential:
    """Two linear layers; the activation function between them, a ReLU, is an unsigned quantiser."""
    hidden, bits = sizes.dim * sizes.mlp_ratio, sizes.weight_bits
    return nn.Sequential(
        QuantLinear(sizes.dim, hidden, bits), Quantiser(sizes.level, sym=False),
        QuantLinear(hidden, sizes.dim, bits), Quantiser(sizes.level, sym=True),
    )  # fmt: skip
