# SPDX-License-Identifier: Apache-2.0
"""What the points of a sweep say together: means over seeds, and what no other point beats."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

Facts = dict[str, Any]
MEANS = ("accuracy", "weight_sparsity", "weights", "sops", "energy_uj", "cycles")
COSTS = ("cycles", "weights")


def means(points: Sequence[Facts], axes: Sequence[str]) -> list[Facts]:
    """A row for the points that differ in their seed alone: how many ("seeds"), of each of MEANS
    the mean and, behind "_spread", the largest less the smallest; None where a point has none.
    Points that failed are left out. front_cycles, front_weights: see `mark`."""
    groups: dict[tuple, list[Facts]] = {}
    for point in points:
        if "error" not in point:
            key = tuple(point[name] for name in axes if name != "seed")
            groups.setdefault(key, []).append(point)
    out = []
    for mine in groups.values():
        row = {name: mine[0][name] for name in axes if name != "seed"} | {"seeds": len(mine)}
        for name in MEANS:
            values = [point.get(name) for point in mine]
            known = None not in values
            row[name] = statistics.fmean(values) if known else None
            row[f"{name}_spread"] = max(values) - min(values) if known else None
        out.append(row)
    for cost in COSTS:
        mark(out, cost)
    return out


def mark(rows: Sequence[Facts], cost: str) -> None:
    """Set "front_<cost>" of every row: whether no other row has at least its accuracy at a smaller
    cost, or more at the same cost (the Pareto front)."""
    known = [row for row in rows if row[cost] is not None]
    for row in rows:
        row[f"front_{cost}"] = row[cost] is not None and not any(
            (other["accuracy"] >= row["accuracy"] and other[cost] < row[cost])
            or (other["accuracy"] > row["accuracy"] and other[cost] <= row[cost])
            for other in known
        )
