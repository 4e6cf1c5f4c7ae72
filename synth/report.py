# SPDX-License-Identifier: Apache-2.0
"""``build/reports/synth.json`` and the tables on the screen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract.files import write_json
from golden.contract.paths import REPORTS
from synth.counts import PUBLISHED
from synth.yosys import AREA

REPORT = REPORTS / "synth.json"


def write(result: dict, path: Path = REPORT) -> None:
    """Write the report, whole or not at all."""
    write_json(path, result)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column[0].islower() else "left", no_wrap=True)
    return table


def _configurations(found: Mapping[str, Mapping]) -> Table:
    """What each takes beside what others published."""
    keys = ("ecp5_fmax_mhz", "lut4", "ff", "dp16kd", "xilinx_lut6", "xilinx_lut_ram", "xilinx_ff",
            "xilinx_bram36", "xilinx_dsp", "images_per_second")  # fmt: skip
    table = _table("Configurations; images/s of the default network", "Name", *keys)
    for name, row in [*found.items(), *PUBLISHED.items()]:
        values = ("" if row.get(key) is None else f"{row[key]:,}" for key in keys)
        table.add_row(name, *values)
    return table


def show(result: dict, console: Console | None = None) -> None:
    """Print the report."""
    console = console or Console(soft_wrap=True)
    modules = _table(
        "ECP5, each module with what it contains (synthesised by itself)",
        "Module", "instances", "lut4", "carry", "ff", "dp16kd", "dpr16x4", "own lut4", "own ff",
    )  # fmt: skip
    for row in result["modules"]:
        keys = ("instances", "lut4", "carry", "ff", "dp16kd", "dpr16x4", "own_lut4", "own_ff")
        modules.add_row(row["module"], *(f"{row[key]:,}" for key in keys))
    console.print(modules)

    kinds: dict[tuple, list[dict]] = defaultdict(list)
    for row in result["memories"]:
        kinds[row["module"], row["depth"], row["width"], row["mapped"]].append(row)
    memories = _table(
        "Memories", "Module", "depth", "width", "count", "bits", "Mapped to", "cells", "ff", "First"
    )
    for (module, depth, width, mapped), rows in sorted(kinds.items(), key=lambda k: k[0][0]):
        numbers = (depth, width, len(rows), sum(r["bits"] for r in rows))
        cells = (sum(r["cells"] or 0 for r in rows), sum(r["ff"] or 0 for r in rows))
        memories.add_row(
            module, *(f"{n:,}" for n in numbers), mapped, *(f"{n:,}" for n in cells),
            rows[0]["path"].rpartition(".")[0],
        )  # fmt: skip
    console.print(memories)

    path = _table("Critical path", "Module", "levels", "ns", "Instance")
    for hop in result["critical_path_detail"]["hops"]:
        path.add_row(hop["module"], str(hop["levels"]), f"{hop['ns']:.2f}", hop["instance"])
    console.print(path)

    into = _table("Longest path into each module", "Module", "ns")
    for module, ns in list(result["worst_ns_into_module"].items())[:12]:
        into.add_row(module, f"{ns:.2f}")
    console.print(into)

    console.print(_configurations(result["configurations"]))

    total = _table(f"psf_top, {result['configuration']['name']}", "Figure", "value")
    bits = sum(m["bits"] for m in result["memories"])
    figures = {
        "ECP5 Fmax (speed grade 6)": f"{result['ecp5_fmax_mhz']:.1f} MHz",
        "LUT4": f"{result['lut4']:,}",
        "flip-flops": f"{result['ff']:,}",
        "DP16KD": f"{result['dp16kd']:,}",
        "TRELLIS_DPR16X4": f"{result['dpr16x4']:,}",
        "memory bits": f"{bits:,}",
    }
    asic = result["asic"]
    if result["osu018_area_um2"] is None:
        figures["osu018"] = asic["reason"]
    else:
        figures["osu018 area without memories"] = f"{result['osu018_area_um2'] / 1e6:.3f} mm2"
        figures["osu018 cells"] = f"{asic['osu018_cells']:,}"
        if "osu018_period_ns" in asic:
            figures["osu018 period, register to register"] = f"{asic['osu018_period_ns']} ns"
    figures["run time"] = f"{result['seconds']['total']:.0f} s"
    for key, value in figures.items():
        total.add_row(key, value)
    console.print(total)
    console.print(f"critical path: {result['critical_path']}", highlight=False)


def show_module(result: dict, console: Console | None = None) -> None:
    """Print the report of one module."""
    console = console or Console(soft_wrap=True)
    title = " ".join([result["module"], result["configuration"]["name"], *result["set"]])
    table = _table(f"{title}, out of context", "Figure", "value")
    for cell, key in AREA.items():
        table.add_row(cell, f"{result[key]:,}")
    if "ecp5_fmax_mhz" in result:
        table.add_row("Fmax between registers", f"{result['ecp5_fmax_mhz']:.1f} MHz")
    console.print(table)
    for path in result["deep_paths"]:
        line = f"{path['ns']:.1f} ns, {path['levels']} levels: {path['start']} to {path['end']}"
        console.print(f"long before placing, a guess: {line}", highlight=False)
    if "critical_path" in result:
        console.print(f"critical path: {result['critical_path']}", highlight=False)
