# SPDX-License-Identifier: Apache-2.0
"""Where the cycles of an inference go, layer by layer: a table and a stacked-bar picture.

``psf breakdown`` runs the default network on one image; with ``--report build/reports/sim.json`` it
takes the report of a run.

A cycle is G group-cycles, and in each of them a group adds a weight word or waits. Everything adds
up to the cycles from start to interrupt.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.hardware.configuration import Hardware
from tb.measure import report
from tb.measure.sim import RunOptions, measure

# part: (title, colour in the picture)
PARTS = {
    "useful": ("useful adds", "#2a7f3f"),
    "lane_idle": ("lanes without a weight", "#a6d49f"),
    "bank": ("bank", "#d1495b"),
    "fetch": ("spike fetch", "#edae49"),
    "drain": ("drain", "#6f5ba7"),
    "idle": ("no token", "#8d99ae"),
    "gap": ("loads, start, store", "#30343f"),
}
RESULT = "result"  # what comes behind the last layer


def breakdown(figures: dict) -> dict:
    """Cycles per layer and part from the figures of ``tb.measure.report.summarise``.

    ``useful`` is the adds of active inputs and non-zero weights / PEs, an input once per window of
    timesteps, ``lane_idle`` the rest of the cycles in which groups add,
    ``bank`` to ``idle`` group-cycles / groups, ``gap`` the cycles before the layer. The entry
    RESULT holds what is left of the inference, the store and the interrupt. Averages per image.
    """
    hardware = Hardware.named(figures["hardware"])
    groups = hardware.groups
    layers = []
    for x in figures["layers"]:
        useful = x["pattern_adds"] / hardware.pes
        parts = {"useful": useful, "lane_idle": x["row_adds"] / groups - useful}
        parts |= {name: x[name] / groups for name in ("bank", "fetch", "drain", "idle")}
        layers.append({"name": x["name"]} | parts | {"gap": x["gap"]})
    total = figures["cycles_per_image"]
    rest = total - sum(x["cycles"] + x["gap"] for x in figures["layers"])
    layers.append({"name": RESULT} | dict.fromkeys(PARTS, 0.0) | {"gap": rest})
    sums = {part: sum(layer[part] for layer in layers) for part in PARTS}
    return {"hardware": figures["hardware"], "images": figures["images"], "cycles": total,
            "limit_ratio": figures["limit_ratio"], "layers": layers, "total": sums}  # fmt: skip


def table(parts: dict) -> Table:
    """Percent of the cycles of the whole inference; the last row is the sum of each column."""
    out = Table(
        title=f"{parts['hardware']} PEs, averages of {parts['images']}: percent of "
        f"{parts['cycles']:,.0f} cycles per image"
    )
    for name in ("layer", *(title for title, _ in PARTS.values()), "sum"):
        out.add_column(name, justify="left" if name == "layer" else "right")

    def row(name: str, values: dict) -> None:
        shares = [100 * values[p] / parts["cycles"] for p in PARTS]
        cells = [f"{share:.2f}" if share else "-" for share in [*shares, sum(shares)]]
        out.add_row(name, *cells)

    for layer in parts["layers"]:
        row(layer["name"], layer)
    out.add_section()
    row("all", parts["total"])
    return out


def picture(parts: dict, path: Path) -> Path:
    """A horizontal stacked bar per layer, in cycles, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layers = parts["layers"]
    figure = Figure(figsize=(10, 1.6 + 0.3 * len(layers)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    left = [0.0] * len(layers)
    for part, (title, colour) in PARTS.items():
        width = [layer[part] for layer in layers]
        share = 100 * parts["total"][part] / parts["cycles"]
        axes.barh(range(len(layers)), width, left=left, color=colour,
                  label=f"{title} {share:.1f} %")  # fmt: skip
        left = [a + b for a, b in zip(left, width, strict=True)]
    axes.set_yticks(range(len(layers)), [layer["name"] for layer in layers])
    axes.invert_yaxis()
    axes.set_xlabel("cycles per image")
    ratio = "" if parts["limit_ratio"] is None else f", {parts['limit_ratio']:.3f} times the limit"
    axes.set_title(f"{parts['hardware']} PEs: {parts['cycles']:,.0f} cycles{ratio}")
    axes.legend(loc="lower right")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
    return path


def load(path: Path) -> dict:
    """The figures of a report that ``tb.measure.report.write`` wrote."""
    if not path.is_file():
        raise UserError(f"report {path} does not exist; `make sim` writes build/reports/sim.json")
    try:
        figures = json.loads(path.read_text())
        if figures["layers"] and figures["cycles_per_image"] and figures["hardware"]:
            return figures
    except (ValueError, KeyError, TypeError):
        pass
    raise UserError(f"report {path} is not one of a run; `make sim` writes build/reports/sim.json")


def show_breakdown(checkpoint: Path, options: RunOptions, source: Path | None = None) -> int:
    """Print the table, write build/reports/breakdown.json and .png; the exit status.

    ``source``: the report of a run, which is then not made again.
    """
    console = Console()
    figures = measure(checkpoint, options) if source is None else load(source)
    parts = breakdown(figures)
    tables.show(console, table(parts))
    path = report.write("breakdown", parts)
    drawn = picture(parts, path.with_suffix(".png"))
    console.print(f"report: {path}", highlight=False, soft_wrap=True)
    console.print(f"picture: {drawn}", highlight=False, soft_wrap=True)
    return 1 if source is None and figures["mismatches"] else 0
