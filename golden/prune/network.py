# SPDX-License-Identifier: Apache-2.0
"""Which layers of a Spikingformer are pruned, how much, and the masks in the loop."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from golden.errors import UserError
from golden.prune.masks import balanced_mask, unstructured_masks
from golden.spikingformer import Spikingformer
from golden.spikingformer.layers import ConvBN, LinearBN

METHODS = ("balanced", "unstructured")


@dataclass(frozen=True)
class PruneConfig:
    """lanes: P.  fraction: C = max(1, round(fraction * J)) unless `slots` names C for a layer.

    `slots` maps the last part of a layer's name ('mlp1', or '1' for tokenizer stage 1) to C.
    """

    method: str = "balanced"
    lanes: int = 16
    fraction: float = 0.25
    slots: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UserError(f"prune.method is '{self.method}', choose {' or '.join(METHODS)}")
        if not 0.0 < self.fraction <= 1.0:
            raise UserError(f"prune.fraction is {self.fraction}, it must be in 0..1")

    def slots_of(self, name: str, outputs: int) -> int:
        """C of a layer."""
        per_lane = -(-outputs // self.lanes)
        return self.slots.get(name.split(".")[-1], max(1, round(self.fraction * per_lane)))


def prunable(model: Spikingformer) -> dict[str, ConvBN | LinearBN]:
    """All convolutions and linear layers but the first convolution and the head, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, ConvBN | LinearBN) and name != "tokenizer.stages.0"
    }


@torch.no_grad()
def set_masks(model: Spikingformer, config: PruneConfig, searching: bool) -> None:
    """Compute every mask from the present weights. The unstructured twin has as many zeros."""
    layers = prunable(model)
    masks = {
        name: balanced_mask(layer.weight, config.lanes, config.slots_of(name, len(layer.weight)))
        for name, layer in layers.items()
    }
    if config.method == "unstructured":
        zeros = sum(int((mask == 0).sum()) for mask in masks.values())
        masks = unstructured_masks({name: layer.weight for name, layer in layers.items()}, zeros)
    for name, layer in layers.items():
        layer.register_buffer("mask", masks[name])  # persistent from now on: part of a checkpoint
        layer.searching = searching


def sparsity(model: Spikingformer) -> float:
    """Fraction of zeros among the weights of all prunable layers."""
    weights = [layer.masked_weight() for layer in prunable(model).values()]
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)
