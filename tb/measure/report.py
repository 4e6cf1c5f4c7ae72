# SPDX-License-Identifier: Apache-2.0
"""Figures and tables of a system run: cycles per layer against the limit, classes, totals."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.files import write_json
from golden.contract.paths import REPORTS
from golden.hardware.configuration import Hardware


def summarise(results: dict, hardware: Hardware) -> dict:
    """The report's figures, per image where they count work.

    ``limit`` is useful adds / PEs: the cycles that a machine would need that adds nothing but
    active input bits times non-zero weights. ``limit_ratio`` is the cycles from start to interrupt
    over it, ``ratio`` a layer's cycles over its share. ``pattern_ratio`` is over the limit of a
    machine that adds a row once for all timesteps of a window (golden.hardware.compile.windows);
    ``lane_efficiency`` is the share of such adds in those that the lanes had time for.
    """
    images = results["images"]
    count = max(len(images), 1)
    layers = []
    for layer in results["layers"]:
        limit = layer["useful"] / hardware.pes
        counters = {k: v / count for k, v in layer.items() if k not in ("name", "mismatches")}
        layers.append(
            counters
            | {
                "name": layer["name"],
                "spikes": layer["rows"] / count,
                "limit": limit / count,
                "ratio": layer["cycles"] / limit if limit else None,
                "mismatches": layer["mismatches"],
            }
        )
    cycles = sum(i["cycles"] for i in images)
    useful = sum(i["useful"] for i in images)
    patterns = sum(i["pattern_adds"] for i in images)
    row_adds = sum(layer["row_adds"] for layer in results["layers"])
    labelled = [i for i in images if i["label"] is not None]
    return {
        "hardware": hardware.name,
        "images": len(images),
        "correct": sum(i["rtl"] == i["label"] for i in labelled),
        "agree": sum(i["rtl"] == i["golden"] for i in images),
        "mismatches": results["mismatches"],
        "cycles_per_image": cycles / count,
        "limit_ratio": cycles / (useful / hardware.pes) if useful else None,
        "pattern_ratio": cycles / (patterns / hardware.pes) if patterns else None,
        "utilisation": useful / hardware.pes / cycles if cycles else None,
        "lane_efficiency": patterns / (row_adds * hardware.lanes) if row_adds else None,
        "sim_cycles_per_second": results["sim_cycles"] / results["wall_s"],
        "sim_cycles_per_cpu_second": results["sim_cycles"] / results["cpu_s"],
        "layers": layers,
        "per_image": images,
    }


def write(name: str, report: dict) -> Path:
    """build/reports/<name>.json."""
    path = REPORTS / f"{name}.json"
    write_json(path, report)
    return path


def number(value: float | None, digits: int = 0) -> str:
    """With thousands separators; a dash for what does not exist."""
    return "-" if value is None else f"{value:,.{digits}f}"


def show_layers(console: Console, report: dict) -> None:
    """One line per hardware layer, averages over the images."""
    table = Table(title=f"{report['hardware']} PEs: per image, averages of {report['images']}")
    titles = "layer spikes row-adds cycles limit ratio bank fetch drain idle gap mismatches"
    for name in titles.split():
        table.add_column(name, justify="left" if name == "layer" else "right", no_wrap=True)
    groups = Hardware.named(report["hardware"]).groups
    for x in report["layers"]:
        stalls = [
            100 * x[k] / (x["cycles"] * groups or 1) for k in ("bank", "fetch", "drain", "idle")
        ]
        table.add_row(
            x["name"],
            *(number(x[k]) for k in ("spikes", "row_adds", "cycles", "limit")),
            number(x["ratio"], 2),
            *(f"{s:.0f} %" for s in stalls),
            number(x["gap"]),
            number(x["mismatches"]),
        )
    tables.show(console, table)


SHOWN = 100  # images of a table; the report has all


def show_images(console: Console, report: dict) -> None:
    """Label, RTL class and golden class of the images, the first of them if there are many."""
    table = Table(title="Images")
    for name in ("image", "label", "RTL", "golden", "cycles", "limit ratio"):
        table.add_column(name, justify="right")
    pes = Hardware.named(report["hardware"]).pes
    for i, x in enumerate(report["per_image"][:SHOWN], report["first"]):
        row = [str(i), "-" if x["label"] is None else str(x["label"]), str(x["rtl"])]
        row += [str(x["golden"]), number(x["cycles"]), number(x["cycles"] * pes / x["useful"], 3)]
        table.add_row(*row, style=None if x["rtl"] == x["label"] else "yellow")
    tables.show(console, table)


def show_totals(console: Console, report: dict) -> None:
    """The last lines."""
    n = report["images"]
    console.print(
        f"images {n}, correct {report['correct']}, RTL equals golden {report['agree']}, "
        f"mismatches {report['mismatches']}"
    )
    console.print(f"cycles per image {number(report['cycles_per_image'])}")
    console.print(
        f"limit ratio {number(report['limit_ratio'], 3)} "
        "(cycles from start to interrupt over useful adds / PEs), "
        f"{number(report['pattern_ratio'], 3)} with a row once per window of timesteps",
        soft_wrap=True,
    )
    console.print(
        f"simulated {number(report['sim_cycles_per_second'])} clock cycles per second of wall time "
        f"({number(report['sim_cycles_per_cpu_second'])} per second of CPU), scoreboard on",
        soft_wrap=True,
    )
