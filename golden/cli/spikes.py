# SPDX-License-Identifier: Apache-2.0
"""``psf spikes``: what a price on spikes saves in additions and cycles, and what it costs in
accuracy."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.network import QuantNetwork
from golden.contract.paths import of_setting
from golden.contract.settings import load
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import cycles
from golden.lab.data import shown
from golden.lab.studies.spike_prices import SpikesConfig, points, train

COUNTS = ("additions", "pattern_additions", "cycles")  # per image
MEANS = ("accuracy", *COUNTS)


def spikes(
    config_path: Path,
    runs: Path,
    reports: Sequence[Path],
    images: int,
    hardware: str,
    only_show: bool,
    command: str,
) -> dict[str, Any]:
    """Train the points of a TOML file that are missing, or with ``only_show`` none; count the
    additions and cycles of all of them and of the network that they are compared with over so many
    test images; print a table, write ``reports``."""
    config = load(config_path, SpikesConfig)
    if not only_show:
        train(config, runs, command)
    found = points(config, runs)
    if not found:
        raise UserError(f"{runs} holds no point of {config_path} yet: run `psf spikes`")
    against = of_setting(config.against)
    facts = json.loads(against.with_suffix(".json").read_text())
    base = {"checkpoint": config.against, "accuracy": facts["accuracy"]}
    base |= counted(against, images, hardware)
    rows = []
    for point in found:
        choice = {k: getattr(point.choice, k) for k in ("penalty", "window", "seed")}
        made = {k: getattr(point, k) for k in ("accuracy", "weight_sparsity", "minutes")}
        rows.append(choice | made | counted(point.checkpoint, images, hardware))
        print(_line(rows[-1]), flush=True)
    report = {
        "command": command,
        "images": images,
        "hardware": hardware,
        "against": base,
        "points": rows,
        "means": means(rows, base),
        "missing": [c.name for c in config.choices if c not in [p.choice for p in found]],
    }
    for path in reports:
        write_json(path, report, indent=2)
    show(report)
    return report


def counted(checkpoint: Path, images: int, hardware: str) -> dict[str, Any]:
    """Of a quantised network, means over so many test images of its data, each a job of its own:
    additions of weights that are not 0 (those that the RTL counts as useful), what is left of them
    when a window of timesteps counts once, and cycles by the cycle model."""
    network = QuantNetwork.load(checkpoint)
    told = network.provenance.get("data", {})
    seen = shown(network.config, told, count=images).images
    jobs = cycles(compile_network(network, Hardware.named(hardware)), network, seen)
    each = {"additions": "useful", "pattern_additions": "pattern_adds", "cycles": "total"}
    return {name: float(np.mean([getattr(job, key) for job in jobs])) for name, key in each.items()}


def means(rows: Sequence[dict[str, Any]], base: dict[str, Any]) -> list[dict[str, Any]]:
    """Over the seeds, by window and price: mean and spread (the largest less the smallest), and
    the change from ``base``, accuracy in points and the rest as shares of it."""
    out = []
    for window, penalty in sorted({(row["window"], row["penalty"]) for row in rows}):
        mine = [r for r in rows if (r["window"], r["penalty"]) == (window, penalty)]
        entry: dict[str, Any] = {"penalty": penalty, "window": window, "seeds": len(mine)}
        for key in MEANS:
            values = [row[key] for row in mine]
            entry[key] = statistics.fmean(values)
            entry[f"{key}_spread"] = max(values) - min(values)
        entry["accuracy_points"] = 100 * (entry["accuracy"] - base["accuracy"])
        entry |= {f"{key}_change": entry[key] / base[key] - 1 for key in COUNTS}
        out.append(entry)
    return out


def show(report: dict[str, Any]) -> None:
    """A line for every price, the network that all are compared with first."""
    table = Table(
        "price", "window", "seeds", "accuracy", "spread", "additions", "change", "pattern",
        "cycles", "change",
        title=f"{report['images']} images on {report['hardware']} PEs, cycles by the cycle model; "
        "accuracy on all test images",
    )  # fmt: skip
    base = report["against"]
    table.add_row("-", "-", "-", f"{base['accuracy']:.2%}", "", *_counts(base))
    for row in report["means"]:
        table.add_row(
            f"{row['penalty']:g}", str(row["window"]), str(row["seeds"]), f"{row['accuracy']:.2%}",
            f"{100 * row['accuracy_spread']:.2f}", *_counts(row),
        )  # fmt: skip
    tables.show(Console(), table)
    for name in report["missing"]:
        print(f"not trained: {name}")


def _counts(row: dict[str, Any]) -> Iterable[str]:
    for key in COUNTS:
        yield f"{row[key]:,.0f}"
        if key != "pattern_additions":
            yield f"{row[f'{key}_change']:+.1%}" if f"{key}_change" in row else ""


def _line(row: dict[str, Any]) -> str:
    return (
        f"price {row['penalty']:g}, window {row['window']}, seed {row['seed']}: "
        f"{row['accuracy']:.2%}, {row['additions']:,.0f} additions, {row['cycles']:,.0f} cycles"
    )
