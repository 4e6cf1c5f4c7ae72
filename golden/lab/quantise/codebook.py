# SPDX-License-Identifier: Apache-2.0
"""Rounding to int8, and to the entries of a trainable codebook of int8 values, straight-through."""

from __future__ import annotations

import torch
from torch import nn

from golden.contract.errors import UserError

WEIGHT_MAX = 127


def round_through(x: torch.Tensor) -> torch.Tensor:
    """round(x) with the gradient of the identity."""
    return x + (x.round() - x).detach()


def kmeans(values: torch.Tensor, entries: int, rounds: int = 100) -> torch.Tensor:
    """Centres of a one-dimensional k-means (Lloyd), ascending, (entries,). They start at evenly
    spaced quantiles; a centre without members stays."""
    if entries < 1:
        raise UserError(f"a codebook of {entries} entries cannot hold a weight")
    values = values.detach().flatten().double()
    if not len(values):
        return torch.linspace(-WEIGHT_MAX, WEIGHT_MAX, entries, device=values.device)
    steps = torch.arange(entries, dtype=torch.double, device=values.device)
    spaced = (steps + 0.5) / entries
    centres = values.quantile(spaced)
    for _ in range(rounds):
        members = nearest(values, centres)
        sums = torch.zeros_like(centres).index_add_(0, members, values)
        counts = members.bincount(minlength=entries)
        moved = torch.where(counts > 0, sums / counts.clamp(min=1), centres).sort().values
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres.float()


def nearest(values: torch.Tensor, ascending: torch.Tensor) -> torch.Tensor:
    """Index of the nearest of the `ascending` centres, the lower one on a tie."""
    return torch.bucketize(values, (ascending[1:] + ascending[:-1]) / 2)


class Codebook(nn.Module):
    """`entries` int8 values, shared by a layer's kept weights and trained with them.

    Each weight takes the nearest entry. An entry's gradient is the sum over its members, a weight's
    is that of the identity. No entry is 0, so a kept weight stays a weight.
    """

    def __init__(self, centres: torch.Tensor) -> None:
        super().__init__()
        # In units of 127, so that the optimiser's steps are those of the weights.
        self.entries = nn.Parameter(centres / WEIGHT_MAX)

    def values(self) -> torch.Tensor:
        """The int8 values, ascending, as floats with gradients."""
        scaled = (self.entries * WEIGHT_MAX).sort().values
        whole = scaled.detach().round().clamp(-WEIGHT_MAX, WEIGHT_MAX)
        away = torch.where(scaled.detach() < 0, -1.0, 1.0)
        return scaled + (torch.where(whole == 0, away, whole) - scaled).detach()

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """Weights in steps -> entries, of the same shape."""
        values = self.values()
        chosen = values[nearest(weight.detach(), values.detach())]
        return chosen + (weight - weight.detach())
