# SPDX-License-Identifier: Apache-2.0
"""Sparsity: the share of the weights that are zero.

It counts the weights that pruning may take: those of all convolutions and linear layers but an
encoder's, the first convolution's (it sees pixels, not spikes) and the head's. Biases and
thresholds are no weights. Weights that rounding made zero count. Density is 1 - sparsity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import numpy as np

from golden.contract.network import Block, QuantNetwork

DENSE = ("encoder", "tokenizer.0")  # layers that are never pruned, beside the head


def share_of_zeros(weights: Iterable[np.ndarray]) -> float:
    """Zeros among all the weights, between 0 and 1."""
    weights = list(weights)
    return sum(int((w == 0).sum()) for w in weights) / sum(w.size for w in weights)


def told(asked: float | None, found: float, reason: str = "") -> str:
    """A line of the sparsity that was asked for and the one that is there, and of the ``reason``
    where they differ by half a percent or more. asked: None where nothing was."""
    if asked is None:
        return f"weight sparsity {found:.4f}"
    line = f"weight sparsity {found:.4f}, asked for {asked:.4f}"
    return f"{line}: {reason}" if reason and abs(asked - found) >= 0.005 else line


def prunable_weights(network: QuantNetwork) -> list[np.ndarray]:
    """The weights of an integer network that the sparsity counts, layer by layer."""
    stages = [layer.weight for name, layer in network.stages if name not in DENSE]
    blocks = [
        getattr(block, part.name).weight for block in network.blocks for part in fields(Block)
    ]
    return [*stages, *blocks]


def weight_sparsity(network: QuantNetwork) -> float:
    """The sparsity of an integer network."""
    return share_of_zeros(prunable_weights(network))
