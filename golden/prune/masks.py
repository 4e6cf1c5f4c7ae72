# SPDX-License-Identifier: Apache-2.0
"""Pruning masks from weight magnitudes: PE-balanced (DESIGN section 3) and global unstructured."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from golden.errors import UserError


def balanced_mask(weight: torch.Tensor, lanes: int, slots: int) -> torch.Tensor:
    """Keep, for every input row and lane, the `slots` (C) largest magnitudes.

    weight is (O, I) or (O, I, 3, 3); a row is (input channel[, ky, kx]) and lane p holds the
    outputs o with o mod lanes == p. A lane with fewer than C outputs keeps them all. Returns 0/1,
    float.
    """
    if lanes < 1 or slots < 1:
        raise UserError(f"balanced pruning needs lanes and slots >= 1, not {lanes} and {slots}")
    outputs = weight.shape[0]
    per_lane = -(-outputs // lanes)  # J
    magnitude = weight.detach().abs().reshape(outputs, -1)
    padded = magnitude.new_full((per_lane * lanes, magnitude.shape[1]), -1.0)
    padded[:outputs] = magnitude
    grouped = padded.view(per_lane, lanes, -1)
    kept = grouped.topk(min(slots, per_lane), dim=0).indices
    mask = torch.zeros_like(grouped).scatter_(0, kept, 1.0)
    return mask.view(per_lane * lanes, -1)[:outputs].reshape(weight.shape)


def unstructured_masks(weights: Mapping[str, torch.Tensor], zeros: int) -> dict[str, torch.Tensor]:
    """Zero exactly the `zeros` smallest magnitudes of all weights together. Returns 0/1, float."""
    magnitudes = torch.cat([w.detach().abs().flatten() for w in weights.values()])
    if not 0 <= zeros <= len(magnitudes):
        raise UserError(f"{zeros} zeros were asked for among {len(magnitudes)} weights")
    mask = torch.ones_like(magnitudes)
    mask[magnitudes.argsort(stable=True)[:zeros]] = 0.0
    parts = mask.split([w.numel() for w in weights.values()])
    return {
        name: part.view(w.shape) for (name, w), part in zip(weights.items(), parts, strict=True)
    }
