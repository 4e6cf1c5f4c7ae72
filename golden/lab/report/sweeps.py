# SPDX-License-Identifier: Apache-2.0
"""Sweeps: accuracy against cycles and against weights, means over the seeds (`psf sweep`)."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from golden.lab.report.inputs import Inputs
from golden.lab.report.plot import legend
from golden.lab.report.section import Absent, Column, Picture, Section, Table, of_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Sweeps: accuracy against cycles and weights"
COMMAND = "psf sweep --config golden/configs/sweep/{}.toml"
PANELS = {
    "cycles": ("cycles of an image / k", 1e-3),
    "weights": ("weights that are not 0 / k", 1e-3),
}
ALONG = ("sparsity", "seeds")  # along a line, or averaged


def section(inputs: Inputs) -> Section:
    """A table and a picture for every sweep with results."""
    names = inputs.names("sweep_*")
    if not names:
        return Section(TITLE, absent=[Absent("results of a sweep", COMMAND.format("NAME"))])
    out = Section(
        TITLE,
        "Every combination of a file of psf sweep: one dense training for each network, then "
        "pruning, fine-tuning and quantisation with one budget for all. Accuracies of the integer "
        "networks on all test images, means over the seeds of the pruning; spread: the largest "
        "less the smallest. Sparsity 0: the dense network, fine-tuned and quantised like the "
        "others. Cycles: the cycle model.",
    )
    for name in names:
        stem = name.removeprefix("sweep_")
        absent = Absent(f"the sweep {stem}", COMMAND.format(stem))
        part = of_results(
            inputs.results(name), TITLE, absent, lambda found, stem=stem: _part(stem, found)
        )
        out.made += part.made
        out.pictures += part.pictures
        out.tables += part.tables
        out.absent += part.absent
    return out


def _part(stem: str, found: dict[str, Any]) -> Section:
    """Picture and tables of one sweep."""
    means, points = found["means"], [p for p in found["points"] if "error" not in p]
    told = tomllib.loads(found["config"])
    network = told.get("network", {})
    data = told.get("train", {}).get("data", "fashion_mnist")
    varied = [a for a in found["axes"] if len({str(point[a]) for point in points}) > 1]
    out = Section(TITLE, made=[found["command"] or COMMAND.format(stem)])
    lines: dict[str, list[dict[str, Any]]] = {}
    names = [axis for axis in varied if axis not in (*ALONG, "seed")]
    for row in sorted(means, key=lambda row: row["sparsity"]):
        label = ", ".join(f"{axis} {row[axis]}" for axis in names) or stem
        keys = ("sparsity", "accuracy", "accuracy_spread", *PANELS, "front_cycles", "front_weights")
        lines.setdefault(label, []).append({key: row[key] for key in keys})
    what = ", ".join(f"{key} {value}" for key, value in network.items())
    caption = (
        f"{stem}: {data}; {what}. A line goes through the sparsities of a network and method, bars "
        "are the spread over seeds; rings: no other point is better at the same cost."
    )
    out.pictures.append(Picture(f"sweep_{stem}", caption, {"lines": lines}, _draw, (11, 4.2)))
    axes = tuple(
        Column(axis, axis, "g" if axis == "sparsity" else "") for axis in varied if axis != "seed"
    )
    columns = (
        *axes, Column("seeds", "seeds"), Column("accuracy", "accuracy / %", ".2f", 100),
        Column("accuracy_spread", "spread / points", ".2f", 100),
        Column("weight_sparsity", "zeros / %", ".2f", 100), Column("weights", "weights", ",.0f"),
        Column("cycles", "cycles", ",.0f"), Column("energy_uj", "energy of operations / uJ", ".2f"),
        Column("front_cycles", "front: cycles"), Column("front_weights", "front: weights"),
    )  # fmt: skip
    out.tables.append(Table(f"sweep_{stem}", f"{stem}: means over the seeds", columns, means))
    columns = (
        *(Column(axis, axis, "g" if axis == "sparsity" else "") for axis in varied),
        Column("dense_accuracy", "dense, before / %", ".2f", 100),
        Column("accuracy", "accuracy / %", ".2f", 100),
        Column("weight_sparsity", "zeros / %", ".2f", 100), Column("cycles", "cycles", ",.0f"),
        Column("limit_ratio", "times the limit", ".3f"),
    )  # fmt: skip
    out.tables.append(Table(f"sweep_{stem}_points", f"{stem}: points", columns, points, True))
    return out


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    panels = figure.subplots(1, 2, sharey=True)
    for axis, (key, (title, scale)) in zip(panels, PANELS.items(), strict=True):
        for label, rows in data["lines"].items():
            known = [row for row in rows if row[key] is not None]
            places = [(scale * row[key], 100 * row["accuracy"]) for row in known]
            if not places:
                continue
            xs, ys = zip(*places, strict=True)
            spread = [50 * row["accuracy_spread"] for row in known]
            (line, *_) = axis.errorbar(xs, ys, spread, marker="o", markersize=3, label=label)
            front = [p for p, row in zip(places, known, strict=True) if row[f"front_{key}"]]
            if front:
                ring = {"facecolors": "none", "edgecolors": line.get_color()}
                axis.scatter(*zip(*front, strict=True), s=60, **ring)
        axis.set_xlabel(title)
        axis.grid(alpha=0.3)
    panels[0].set_ylabel("accuracy / %")
    legend(panels[1])
