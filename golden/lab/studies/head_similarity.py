# SPDX-License-Identifier: Apache-2.0
"""How similar matrices of two heads are, and weights of low rank.

Columns are channels, rows samples: of weights, the inputs; of spikes, images x timesteps x tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch


def cka(x: torch.Tensor, y: torch.Tensor) -> float:
    """Linear centred kernel alignment without the centring (Kornblith et al., ICML 2019, eq. 3):
    |Y^T X|^2 / (|X^T X| |Y^T Y|), Frobenius norms, x (n, c), y (n, d). 1: equal up to a rotation
    and a factor; 0: every column of x is orthogonal to every one of y."""
    scale = (x.T @ x).norm() * (y.T @ y).norm()
    return float((y.T @ x).square().sum() / scale) if scale > 0 else 0.0


def subspace(x: torch.Tensor, y: torch.Tensor) -> float:
    """Mean squared cosine of the principal angles between the spans of the columns of x (n, c) and
    y (n, d), of full rank; two random ones have max(c, d) / n."""
    left, right = torch.linalg.qr(x)[0], torch.linalg.qr(y)[0]
    return float((left.T @ right).square().sum() / min(x.shape[1], y.shape[1]))


def cosines(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """|cosine| of every column of x (n, c) with every one of y (n, d), (c, d); 0 for a column of
    zeros."""
    return (_unit(x).T @ _unit(y)).abs()


def same_channel(x: torch.Tensor, y: torch.Tensor) -> float:
    """Mean |cosine| of channel c with channel c."""
    return float(cosines(x, y).diagonal().mean())


def best_channel(x: torch.Tensor, y: torch.Tensor) -> float:
    """Mean over the channels of x of the largest |cosine| with a channel of y."""
    return float(cosines(x, y).amax(1).mean())


def centred(x: torch.Tensor) -> torch.Tensor:
    """Columns less their means: cosines become correlations, of spikes the phi coefficient."""
    return x - x.mean(0)


MEASURES: dict[str, Callable[[torch.Tensor, torch.Tensor], float]] = {
    "cka": cka, "subspace": subspace, "same_channel": same_channel, "best_channel": best_channel,
}  # fmt: skip


def between_heads(heads: Sequence[torch.Tensor], names: Sequence[str]) -> dict[str, float]:
    """Each of the named MEASURES, mean over all pairs of different heads, both ways."""
    pairs = [(a, b) for i, a in enumerate(heads) for j, b in enumerate(heads) if i != j]
    return {name: sum(MEASURES[name](a, b) for a, b in pairs) / len(pairs) for name in names}


def _unit(x: torch.Tensor) -> torch.Tensor:
    length = x.norm(dim=0, keepdim=True)
    return x / torch.where(length > 0, length, 1)


def truncated(matrix: torch.Tensor, rank: int) -> torch.Tensor:
    """The nearest matrix of at most that rank (Eckart and Young): the first singular values."""
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    return u[:, :rank] * s[:rank] @ v[:rank]


@dataclass(frozen=True)
class Layout:
    """How W_q and W_k (D, D), rows by head, are cut into matrices of which each becomes a product
    of two factors. cut: [W_q, W_k], heads -> matrices; join: the way back."""

    text: str
    cut: Callable[[Sequence[torch.Tensor], int], list[torch.Tensor]]
    join: Callable[[Sequence[torch.Tensor], int, int], list[torch.Tensor]]

    def reduce(
        self, weights: Sequence[torch.Tensor], heads: int, rank: int
    ) -> tuple[list[torch.Tensor], float]:
        """(W_q, W_k of that rank, numbers stored per weight: 1 where factors would need more)."""
        parts = self.cut(weights, heads)
        dim, stored = weights[0].shape[1], 0
        for part in parts:
            stored += min(rank * sum(part.shape), part.numel())
        low = [truncated(part, rank) for part in parts]
        return self.join(low, heads, dim), stored / sum(weight.numel() for weight in weights)

    def full(self, dim: int, heads: int) -> int:
        """The rank from which on nothing changes."""
        return min(self.cut([torch.zeros(dim, dim)] * 2, heads)[0].shape)


LAYOUTS = {
    "layer": Layout("all heads of W_q together, those of W_k together",
                    lambda w, heads: list(w), lambda p, heads, dim: list(p)),
    "head": Layout("each head by itself",
                   lambda w, heads: [part for one in w for part in one.chunk(heads)],
                   lambda p, heads, dim: [torch.cat(p[:heads]), torch.cat(p[heads:])]),
    "q and k": Layout("W_q and W_k of all heads together",
                      lambda w, heads: [torch.cat(list(w))],
                      lambda p, heads, dim: list(p[0].chunk(2))),
    "across heads": Layout("a head is a mix of fewer ones, as in the auto-encoder of ViTCoD",
                           lambda w, heads: [one.reshape(heads, -1) for one in w],
                           lambda p, heads, dim: [one.reshape(dim, dim) for one in p]),
}  # fmt: skip
