# SPDX-License-Identifier: Apache-2.0
"""How many weights a row may keep: the budget search of PE-balanced pruning.

Going from C - 1 to C weights per lane gains a row the sum over lanes of the squared C-th largest
importance and costs one weight word (times the spikes that read it, where cycles are the cost). The
gains of a row fall with C, so the best choice under one budget is a threshold on gain / cost: take
the words in that order while the weights last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from golden.contract.errors import UserError
from golden.lab.prune.masks import by_lane


def row_slots(
    importances: Mapping[str, torch.Tensor],
    lanes: int,
    weights: int,
    costs: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    """C of every row, int64 (rows,), 0 <= C <= J: at most `weights` are kept in all layers.

    costs: cycles of one word of each row (rows,), default 1.
    """
    gains = {name: _gains(importance, lanes) for name, importance in importances.items()}
    ratios = [
        gain if costs is None else gain / costs[name].clamp(min=1e-9)
        for name, (gain, _) in gains.items()
    ]
    sizes = [size[:, None].expand_as(gain).flatten() for gain, size in gains.values()]
    order = torch.cat([r.flatten() for r in ratios]).argsort(descending=True, stable=True)
    size = torch.cat(sizes)[order]
    taken = torch.zeros_like(order)
    taken[order] = (size.cumsum(0) <= weights).long()
    parts = taken.split([gain.numel() for gain, _ in gains.values()])
    return {
        name: part.view_as(gain).sum(0)
        for (name, (gain, _)), part in zip(gains.items(), parts, strict=True)
    }


def drop_slots(
    importances: Mapping[str, torch.Tensor],
    lanes: int,
    weights: int,
    costs: Mapping[str, torch.Tensor] | None = None,
    group: Callable[[str], str] = lambda name: name,
) -> dict[str, torch.Tensor]:
    """The same with one C for the rows of a layer that stay; the others are dropped whole.

    Rows of unequal length would meet in the weight banks (docs/log/results.md); a dropped row
    costs the hardware nothing. Layers of one `group` are one on the hardware: they drop
    the same rows. C is the mean of what `row_slots` gives the rows that it keeps.
    """
    slots, gains, sizes = {}, {}, {}
    for name, found in row_slots(importances, lanes, weights, costs).items():
        kept = found[found > 0].double()
        slots[name] = max(1, round(float(kept.mean()))) if len(kept) else 1
        gain, size = _gains(importances[name], lanes)
        gain = gain[: slots[name]].sum(0)
        if costs is not None:
            gain = gain / (slots[name] * costs[name].clamp(min=1e-9))
        size = size[: slots[name]].sum().expand(len(gain))
        key = group(name)
        gains[key] = gains.get(key, 0) + gain
        sizes[key] = sizes.get(key, 0) + size
    ratios = torch.cat([gains[key] / sizes[key] for key in gains])
    order = ratios.argsort(descending=True, stable=True)
    taken = torch.zeros_like(order)
    taken[order] = (torch.cat(list(sizes.values()))[order].cumsum(0) <= weights).long()
    parts = dict(zip(gains, taken.split([len(gain) for gain in gains.values()]), strict=True))
    return {name: parts[group(name)] * slots[name] for name in importances}


def layer_slots(
    importances: Mapping[str, torch.Tensor],
    lanes: int,
    weights: int,
    costs: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, torch.Tensor]:
    """The same with one C >= 1 for all rows of a layer; UserError if C = 1 is too much."""
    gains = {name: _gains(importance, lanes) for name, importance in importances.items()}
    rows = {name: gain.shape[1] for name, (gain, _) in gains.items()}
    slots = dict.fromkeys(gains, 1)
    left = weights - sum(int(size[0]) * rows[name] for name, (_, size) in gains.items())
    if left < 0:
        raise UserError(
            f"one weight per row and lane is {-left} more than the {weights} that the sparsity "
            "leaves"
        )
    steps = []
    for name, (gain, size) in gains.items():
        cost = rows[name] if costs is None else float(costs[name].sum())
        for index in range(1, len(gain)):
            ratio = float(gain[index].sum()) / max(cost, 1e-9)
            steps.append((-ratio, index, name, int(size[index]) * rows[name]))
    for _, index, name, size in sorted(steps):
        if slots[name] == index and size <= left:
            slots[name], left = index + 1, left - size
    return {
        name: torch.full((rows[name],), slots[name], device=gain.device)
        for name, (gain, _) in gains.items()
    }


def _gains(importance: torch.Tensor, lanes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(gain of the C-th word (J, rows), weights in it (J,))."""
    grouped = by_lane(importance, lanes).sort(0, descending=True).values
    return grouped.clamp(min=0).square().sum(1), (grouped[:, :, 0] >= 0).sum(1)
