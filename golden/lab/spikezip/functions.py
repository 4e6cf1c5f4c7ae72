# SPDX-License-Identifier: Apache-2.0
"""Softmax and LayerNorm in fixed point, and their spiking form."""

from __future__ import annotations

import torch
from spikingjelly.activation_based.ann2snn.operators import TDModule
from torch import nn

from golden.lab.spikezip.quantiser import to_grid


class FixedSoftmax(nn.Module):
    """Softmax over the last dimension; in evaluation rounded to multiples of 2^-16."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.softmax(x, -1)
        return y if self.training else to_grid(y)


class FixedLayerNorm(nn.LayerNorm):
    """LayerNorm; in evaluation rounded to multiples of 2^-16."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = super().forward(x)
        return y if self.training else to_grid(y)


class SpikeFunction(TDModule):
    """Spike-Softmax, Spike-LayerNorm: X += x(t); y(t) = f(X) - f(X - x(t)), with f(nothing) = 0.

    As in SpikeZIP-TF (arXiv 2406.03470). The sums and the difference are spikingjelly's TDModule.
    Its TDSoftmax and
    TDLayerNorm differ in f only: they do not round, so the sum of their differences is f(X) but
    for rounding errors. Here f(X) is a multiple of 2^-16, and the sum is f(X) to the last bit.
    """

    def __init__(self, function: nn.Module) -> None:
        super().__init__("s")
        self.function = function.eval()

    def ann_forward(self, x: torch.Tensor) -> torch.Tensor:
        """f of the running sum."""
        return self.function(x)
