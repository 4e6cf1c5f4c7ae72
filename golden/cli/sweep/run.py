# SPDX-License-Identifier: Apache-2.0
"""`psf sweep`: all points of a TOML file, on this machine or on a dask scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from golden.cli.sweep.config import Point, SweepConfig, points
from golden.cli.sweep.graph import Result, execute
from golden.cli.sweep.steps import steps
from golden.cli.sweep.summary import COSTS, means
from golden.cli.workers import connect
from golden.contract import tables
from golden.contract.files import write_json
from golden.contract.settings import load


def sweep(
    config_path: Path,
    folder: Path,
    workers: int,
    scheduler: str | None,
    reports: Sequence[Path] = (),
    command: str = "",
) -> list[str]:
    """Run what is not finished, print the tables, write <folder>/sweep.json and ``reports``;
    returns the failures.

    Workers on other machines need the same folder, checkout and data.
    """
    config = load(config_path, SweepConfig)
    found = points(config)
    wanted = steps(found, folder.resolve())
    finished = sum(step.finished() is not None for step in wanted)
    print(f"{len(found)} points, {finished} of them finished before, in {folder}", flush=True)
    with connect(workers, scheduler) as client:
        results = execute(wanted, client)
    rows = list(zip(found, results, strict=True))
    tables.show(Console(), table(rows))
    facts = [p.axes | result for p, result in rows]
    axes = list(found[0].axes)
    together = means(facts, axes)
    if any(row["seeds"] > 1 for row in together):
        tables.show(Console(), mean_table(together))
    report = {
        "command": command,
        "config": config_path.read_text(),
        "images": config.images,
        "axes": axes,
        "points": facts,
        "means": together,
    }
    for path in (folder / "sweep.json", *reports):
        write_json(path, report)
    return [f"{p.label}: {result['error']}" for p, result in rows if "error" in result]


def table(rows: list[tuple[Point, Result]]) -> Table:
    """One row per point, the axes first. Energy as the Spikingformer paper counts; cycles of the
    model."""
    axes = list(rows[0][0].axes)
    out = Table(*axes, "accuracy", "zeros", "weights", "SOPs", "energy", "cycles",
                "times the limit", "")  # fmt: skip
    for point, result in rows:
        cells = [_text(value) for value in point.axes.values()]
        if "error" in result:
            out.add_row(*cells, *[""] * 7, f"failed: {result['error']}")
            continue
        timing = ["-", "-", result.get("reason", "")]
        if result["cycles"] is not None:
            timing = [f"{result['cycles']:,.0f}", f"{result['limit_ratio']:.3f}", ""]
        weights = result["weights"]
        out.add_row(
            *cells, f"{result['accuracy']:.2%}", f"{result['weight_sparsity']:.2%}",
            "-" if weights is None else f"{weights:,}", f"{result['sops'] / 1e6:.2f} M",
            f"{result['energy_uj']:.2f} uJ", *timing,
        )  # fmt: skip
    return out


def mean_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Means over the seeds, with the spread of the accuracy (largest less smallest, in points) and
    a mark at what no other row beats at the same cost."""
    names = list(rows[0])[: list(rows[0]).index("seeds") + 1]
    titles = (f"front: {cost}" for cost in COSTS)
    out = Table(*names, "accuracy", "spread", "zeros", "weights", "cycles", *titles,
                title="means over the seeds")  # fmt: skip
    for row in rows:
        counts = ("-" if row[k] is None else f"{row[k]:,.0f}" for k in ("weights", "cycles"))
        fronts = ("*" if row[f"front_{cost}"] else "" for cost in COSTS)
        out.add_row(
            *(_text(row[name]) for name in names), f"{row['accuracy']:.2%}",
            f"{100 * row['accuracy_spread']:.2f}", f"{row['weight_sparsity']:.2%}", *counts,
            *fronts,
        )  # fmt: skip
    return out


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
