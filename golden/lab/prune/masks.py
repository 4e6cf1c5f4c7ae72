# SPDX-License-Identifier: Apache-2.0
"""Pruning masks from importances (>= 0, larger is kept): PE-balanced
(docs/reference/architecture.md), balanced
in blocks, global unstructured, layer-wise unstructured, and workload-balanced after u-Ticket.

A weight is (O, I) or (O, I, 3, 3). A row is (input channel[, ky, kx]); lane p of P holds the
outputs o with o mod P == p and counts them by the accumulator index o div P < J = ceil(O / P). All
masks are 0/1, float, of the weight's shape.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from golden.contract.errors import UserError


def by_lane(importance: torch.Tensor, lanes: int) -> torch.Tensor:
    """(O, ...) -> (J, P, rows), places without an output hold -1."""
    if lanes < 1:
        raise UserError(f"balanced pruning needs lanes >= 1, not {lanes}")
    outputs = importance.shape[0]
    per_lane = -(-outputs // lanes)  # J
    flat = importance.detach().abs().reshape(outputs, -1)
    padded = flat.new_full((per_lane * lanes, flat.shape[1]), -1.0)
    padded[:outputs] = flat
    return padded.view(per_lane, lanes, -1)


def balanced_mask(importance: torch.Tensor, lanes: int, slots: int | torch.Tensor) -> torch.Tensor:
    """Keep, for every row and lane, the `slots` (C) largest; C is a number or one per row (rows,).

    A lane with fewer than C outputs keeps them all.
    """
    if not isinstance(slots, torch.Tensor) and slots < 1:
        raise UserError(f"balanced pruning needs slots >= 1, not {slots}")
    grouped = by_lane(importance, lanes)
    rank = _rank(grouped, 0)
    return _by_output((rank < slots).to(grouped.dtype), importance)


def block_mask(importance: torch.Tensor, lanes: int, block: int) -> torch.Tensor:
    """Keep, for every row and lane, the largest of each `block` consecutive accumulators.

    C = ceil(J / block), and the position in its block is all that a slot's index has to say. A
    block without an output (O not a multiple of P) keeps nothing.
    """
    if block < 1:
        raise UserError(f"a block of {block} accumulators cannot keep one")
    grouped = by_lane(importance, lanes)
    mask = torch.zeros_like(grouped)
    for part, values in zip(mask.split(block), grouped.split(block), strict=True):
        part.scatter_(0, values.argmax(0, keepdim=True), 1.0)
    return _by_output(mask, importance)


def unstructured_masks(
    importances: Mapping[str, torch.Tensor], zeros: int
) -> dict[str, torch.Tensor]:
    """Zero exactly the `zeros` smallest of all weights together."""
    return _without_smallest({name: w.detach().abs() for name, w in importances.items()}, zeros)


def layerwise_masks(
    importances: Mapping[str, torch.Tensor], sparsity: float
) -> dict[str, torch.Tensor]:
    """Zero exactly round(sparsity * size) of the smallest of every layer for itself."""
    return {
        name: unstructured_masks({name: w}, round(sparsity * w.numel()))[name]
        for name, w in importances.items()
    }


def prune_further(
    importances: Mapping[str, torch.Tensor], masks: Mapping[str, torch.Tensor], zeros: int
) -> dict[str, torch.Tensor]:
    """Unstructured masks with exactly `zeros` zeros, those of `masks` among them."""
    dropped = sum(int((mask == 0).sum()) for mask in masks.values())
    if zeros < dropped:
        raise UserError(f"{zeros} zeros were asked for, {dropped} weights are dropped already")
    ranks = {
        name: w.detach().abs().where(masks[name] != 0, -1.0) for name, w in importances.items()
    }
    return _without_smallest(ranks, zeros)


def uticket_masks(
    importances: Mapping[str, torch.Tensor], zeros: int, lanes: int
) -> dict[str, torch.Tensor]:
    """The unstructured masks, then the same number of weights in every lane of a layer."""
    return balance_lanes(unstructured_masks(importances, zeros), importances, lanes)


def balance_lanes(
    masks: Mapping[str, torch.Tensor], importances: Mapping[str, torch.Tensor], lanes: int
) -> dict[str, torch.Tensor]:
    """The recovery step of u-Ticket: the same number of weights in every lane of a layer.

    After Yin et al., arXiv 2302.06746: whole output channels belong to a PE (its 'sata'
    arrangement) and every PE is brought to ceil(mean) weights of its layer, so a layer's total work
    is balanced, not each row. Chosen here: channel o belongs to lane o mod P as in our hardware
    (there: consecutive channels); a lane keeps its largest and grows by the largest of those it had
    lost (their 'grad' variant by magnitude, not 'strong', which is random). A lane that has fewer
    outputs than the target needs keeps all it has. The method 'uticket' does this with masks that
    follow the weights; golden.lab.prune.lottery does it after every round, as the paper.
    """
    balanced = {}
    for name, importance in importances.items():
        grouped = by_lane(importance, lanes)
        filled = (grouped[:, :, :1] >= 0).any(0).sum()  # lanes with an output
        target = -(-int(masks[name].sum()) // int(filled))
        per_lane = grouped.transpose(0, 1).flatten(1)  # (P, J * rows), -1 where there is nothing
        rank = _rank(per_lane, 1)
        kept = (rank < target).to(grouped.dtype).view(lanes, len(grouped), -1).transpose(0, 1)
        balanced[name] = _by_output(kept, importance)
    return balanced


def _without_smallest(ranks: Mapping[str, torch.Tensor], zeros: int) -> dict[str, torch.Tensor]:
    """Masks without the `zeros` smallest values; the earlier one goes first on a tie."""
    flat = torch.cat([values.flatten() for values in ranks.values()])
    if not 0 <= zeros <= len(flat):
        raise UserError(f"{zeros} zeros were asked for among {len(flat)} weights")
    mask = torch.ones_like(flat)
    mask[flat.argsort(stable=True)[:zeros]] = 0.0
    parts = mask.split([values.numel() for values in ranks.values()])
    return {
        name: part.view(values.shape)
        for (name, values), part in zip(ranks.items(), parts, strict=True)
    }


def _rank(values: torch.Tensor, dim: int) -> torch.Tensor:
    """Place of every value in descending order, the earlier one first on a tie."""
    return torch.argsort(values, dim=dim, descending=True, stable=True).argsort(dim)


def _by_output(grouped: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """(J, P, rows) -> the shape of `like`."""
    return grouped.reshape(-1, grouped.shape[2])[: like.shape[0]].reshape(like.shape)
