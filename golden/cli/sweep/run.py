# SPDX-License-Identifier: Apache-2.0
"""`psf sweep`: all points of a TOML file, on this machine or on a dask scheduler."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.cli.sweep.config import Point, SweepConfig, points
from golden.cli.sweep.graph import Result, execute
from golden.cli.sweep.steps import steps
from golden.cli.workers import connect
from golden.contract import tables
from golden.contract.files import write_json
from golden.contract.settings import load


def sweep(config_path: Path, folder: Path, workers: int, scheduler: str | None) -> list[str]:
    """Run what is not finished, print the table, write <folder>/sweep.json; returns the failures.

    Workers on other machines need the same folder, checkout and data.
    """
    found = points(load(config_path, SweepConfig))
    wanted = steps(found, folder.resolve())
    finished = sum(step.finished() is not None for step in wanted)
    print(f"{len(found)} points, {finished} of them finished before, in {folder}", flush=True)
    with connect(workers, scheduler) as client:
        results = execute(wanted, client)
    rows = list(zip(found, results, strict=True))
    tables.show(Console(), table(rows))
    facts = [
        {"backbone": p.backbone, "encoder": p.encoder, "sparsity": p.sparsity,
         "hardware": p.hardware} | result for p, result in rows
    ]  # fmt: skip
    write_json(folder / "sweep.json", {"config": config_path.read_text(), "points": facts})
    return [f"{p.label}: {result['error']}" for p, result in rows if "error" in result]


def table(rows: list[tuple[Point, Result]]) -> Table:
    """One row per point. Energy as the Spikingformer paper counts; cycles of the model."""
    out = Table("backbone", "encoder", "sparsity", "hardware", "accuracy", "zeros", "SOPs",
                "energy", "cycles", "times the limit", "")  # fmt: skip
    for point, result in rows:
        cells = [point.backbone, point.encoder, f"{point.sparsity:g}", point.hardware]
        if "error" in result:
            out.add_row(*cells, *[""] * 6, f"failed: {result['error']}")
            continue
        timing = ["-", "-", result.get("reason", "")]
        if result["cycles"] is not None:
            timing = [f"{result['cycles']:,.0f}", f"{result['limit_ratio']:.3f}", ""]
        out.add_row(
            *cells, f"{result['accuracy']:.2%}", f"{result['weight_sparsity']:.2%}",
            f"{result['sops'] / 1e6:.2f} M", f"{result['energy_uj']:.2f} uJ", *timing,
        )  # fmt: skip
    return out
