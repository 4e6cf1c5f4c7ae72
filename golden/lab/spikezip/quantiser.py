# SPDX-License-Identifier: Apache-2.0
"""Quantisers with power-of-two steps, and their straight-through gradients."""

from __future__ import annotations

import math

import torch
from torch import nn

GRID_BITS = 16  # biases, embeddings, softmax and LayerNorm live on multiples of 2^-16


class Quantiser(nn.Module):
    """y = s clamp(floor(x / s + 1/2), neg_min, pos_max), any shape; the ANN twin of an ST-BIF+.

    sym: -level/2 .. level/2 - 1; else 0 .. level - 1, a quantised ReLU. The step s is learned
    (LSQ, arXiv 1902.08153, eq. 1 to 3), as its logarithm, which rounds to a whole number: s is a
    power of two, x / s and level * s are exact. The names s, sym, level, pos_max and neg_min are
    those that spikingjelly's STBIFNode.from_quantizer reads.
    """

    def __init__(self, level: int, sym: bool) -> None:
        super().__init__()
        self.level, self.sym = level, sym
        self.pos_max = level // 2 - 1 if sym else level - 1
        self.neg_min = -(level // 2) if sym else 0
        self.log_step = nn.Parameter(torch.zeros(()))
        self.register_buffer("ready", torch.zeros((), dtype=torch.bool))
        self.active = True  # False while the network trains in float

    @property
    def s(self) -> torch.Tensor:
        """The step, a scalar 2^round(log_step) whose gradient reaches log_step."""
        step = 2.0 ** round(self.log_step.item())
        return step * (1 + math.log(2) * (self.log_step - self.log_step.detach()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.active:
            return x if self.sym else x.clamp(min=0)
        if self.training and not self.ready:
            self._set_step(x.detach())
        s = self.s
        v = (x / s).clamp(self.neg_min, self.pos_max)
        return straight_through(torch.floor(v.detach() + 0.5), v) * s

    def _set_step(self, x: torch.Tensor) -> None:
        """LSQ's start, 2 E|x| / sqrt(pos_max), over the values that the quantiser lets through."""
        values = x if self.sym else x[x > 0]
        mean = float(values.abs().mean()) if values.numel() else 1.0
        step = max(2 * mean / math.sqrt(self.pos_max), 2.0**-GRID_BITS)
        self.log_step.data.fill_(math.log2(step))
        self.ready.fill_(True)

    def extra_repr(self) -> str:
        return f"level={self.level}, sym={self.sym}, step={float(self.s)}"


def straight_through(value: torch.Tensor, through: torch.Tensor) -> torch.Tensor:
    """`value` forward, the gradient of `through` backward; exact for dyadic numbers."""
    return through + (value - through.detach()) if through.requires_grad else value


def to_grid(x: torch.Tensor, bits: int = GRID_BITS) -> torch.Tensor:
    """The nearest multiple of 2^-bits, ties up."""
    return torch.floor(x * 2.0**bits + 0.5) / 2.0**bits


def quantise_weight(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """Integers of `bits` bits (symmetric) times the smallest power of two that clips none.

    Idempotent: what it returns, it returns unchanged.
    """
    top, step = 2 ** (bits - 1) - 1, weight_step(weight, bits)
    levels = torch.floor(weight.detach() / step + 0.5).clamp(-top, top)
    return straight_through(levels * step, weight)


def weight_step(weight: torch.Tensor, bits: int) -> float:
    """The smallest power of two on which `bits` bits reach the largest weight."""
    peak = float(weight.detach().abs().max())
    return 2.0 ** math.ceil(math.log2(peak / (2 ** (bits - 1) - 1))) if peak else 1.0
