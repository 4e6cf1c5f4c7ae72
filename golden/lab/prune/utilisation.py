# SPDX-License-Identifier: Apache-2.0
"""How evenly a weight's work falls on the lanes: u-Ticket's utilisation and the wait in a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import torch

from golden.lab.prune.masks import by_lane


def lane_work(mask: torch.Tensor, lanes: int) -> torch.Tensor:
    """Weights of every lane and row (lanes with an output, rows), int64, of a weight or mask
    (O, I[, 3, 3]); output o belongs to lane o mod `lanes`."""
    grouped = by_lane((mask != 0).float(), lanes)
    filled = (grouped[:, :, 0] >= 0).any(0)
    return (grouped[:, filled] > 0).sum(0)


def utilisation(work: torch.Tensor) -> float:
    """1 - ((max - avg) / max) * (n / (n - 1)) of the work of n PEs: 1 if all have the same, 0 if
    one has everything. u-Ticket, arXiv 2302.06746, as LoAS's utils_for_snn_lth.py computes it.
    One PE, or PEs without work, are used fully."""
    work = work.double()
    count, most = len(work), float(work.max())
    if count == 1 or most == 0:
        return 1.0
    return 1 - (most - float(work.mean())) / most * (count / (count - 1))


@dataclass(frozen=True)
class Load:
    """PE load of one or of several layers, one spike per row.

    weights: kept.  max_over_mean: weights of the fullest lane over the mean lane; several layers:
    of the sums, because a layer ends with its fullest lane.  utilisation: u-Ticket's formula, of
    one layer or the mean over the layers.  row_wait: the same ratio when every row waits for its
    fullest lane, as the weight banks of this accelerator do: 1 is balanced row by row.
    """

    weights: int
    max_over_mean: float
    utilisation: float
    row_wait: float


def load(weights: Mapping[str, torch.Tensor], lanes: int) -> Load:
    """Of the layers together; a weight that is not 0 is work."""
    work = [lane_work(weight, lanes) for weight in weights.values()]
    kept = sum(int(w.sum()) for w in work)
    mean = sum(float(w.sum(1).double().mean()) for w in work)
    fullest = sum(int(w.sum(1).max()) for w in work)
    waits = sum(int(w.max(0).values.sum()) for w in work)
    used = sum(utilisation(w.sum(1)) for w in work) / len(work)
    if not kept:
        return Load(0, 1.0, used, 1.0)
    return Load(kept, fullest / mean, used, waits / mean)


def picture(weight: torch.Tensor, lanes: int) -> dict:
    """Of one layer: the numbers of a picture of its load. `per_lane`: weights of every lane.
    `rows_by_fullest_lane` [c]: rows whose fullest lane has c weights; `row_lane_counts` [c]: pairs
    of row and lane with c weights."""
    work = lane_work(weight, lanes)
    return {
        "per_lane": work.sum(1).tolist(),
        "rows_by_fullest_lane": torch.bincount(work.max(0).values).tolist(),
        "row_lane_counts": torch.bincount(work.flatten()).tolist(),
        **asdict(load({"": weight}, lanes)),
    }
