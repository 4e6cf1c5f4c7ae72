# SPDX-License-Identifier: Apache-2.0
"""A price on spikes: additions and cycles against accuracy (`psf spikes`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.lab.report.inputs import Inputs
from golden.lab.report.section import Absent, Column, Picture, Section, Table, of_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Fewer spikes"
COMMAND = "psf spikes"
AXES = {"additions": "additions of an image / M", "cycles": "cycles of an image / k"}
SCALE = {"additions": 1e-6, "cycles": 1e-3}


def section(inputs: Inputs) -> Section:
    """The curve of the prices, and every network behind it."""
    absent = Absent("additions and cycles under a price on spikes", COMMAND)
    return of_results(inputs.results("spikes"), TITLE, absent, _section)


def _section(found: dict[str, Any]) -> Section:
    against, means, points = found["against"], found["means"], found["points"]
    out = Section(
        TITLE,
        f"Short trainings of one network with a price on the additions that its spikes cause, "
        f"against {against['checkpoint']} ({against['accuracy']:.2%}). Additions and cycles: means "
        f"over {found['images']} test images, cycles by the cycle model on {found['hardware']}.",
    )
    keys = ("penalty", "window", "accuracy", *AXES)
    data = {
        "against": {key: against[key] for key in ("accuracy", *AXES)},
        "means": [{key: row[key] for key in keys} for row in means],
        "points": [{key: row[key] for key in keys} for row in points],
    }
    caption = (
        "Accuracy on all test images against additions and cycles: dots are networks, the line "
        "joins the means over the seeds, numbers are prices; the star is what they are compared "
        "with."
    )
    out.pictures.append(Picture("spikes", caption, data, _draw, (10, 4)))
    out.made.append(found["command"])
    columns = (
        Column("penalty", "price", "g"), Column("window", "window"), Column("seeds", "seeds"),
        Column("accuracy", "accuracy / %", ".2f", 100),
        Column("accuracy_spread", "spread / points", ".2f", 100),
        Column("accuracy_points", "change / points", "+.2f"),
        Column("additions", "additions", ",.0f"),
        Column("additions_change", "change / %", "+.1f", 100),
        Column("pattern_additions", "once a window", ",.0f"),
        Column("cycles", "cycles", ",.0f"), Column("cycles_change", "change / %", "+.1f", 100),
    )  # fmt: skip
    out.tables.append(Table("spikes", "Means over the seeds", columns, means))
    columns = (
        Column("penalty", "price", "g"), Column("window", "window"), Column("seed", "seed"),
        Column("accuracy", "accuracy / %", ".2f", 100), Column("additions", "additions", ",.0f"),
        Column("cycles", "cycles", ",.0f"), Column("minutes", "minutes", ".1f"),
    )  # fmt: skip
    out.tables.append(Table("spike_points", "Networks", columns, points, folded=True))
    out.absent += [Absent(f"the network {name}", COMMAND) for name in found["missing"]]
    return out


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    for axis, key in zip(figure.subplots(1, 2, sharey=True), AXES, strict=True):
        for window in sorted({row["window"] for row in data["means"]}):
            line = [r for r in data["means"] if r["window"] == window or not r["penalty"]]
            line.sort(key=lambda row: row[key])
            places = [(SCALE[key] * row[key], 100 * row["accuracy"]) for row in line]
            label = "every spike" if window == 1 else f"once in {window} timesteps"
            axis.plot(*zip(*places, strict=True), marker="o", label=label)
            for place, row in zip(places, line, strict=True):
                axis.annotate(f" {row['penalty']:g}", place, fontsize=8)
        dots = [(SCALE[key] * row[key], 100 * row["accuracy"]) for row in data["points"]]
        axis.scatter(*zip(*dots, strict=True), s=8, color="gray", zorder=0)
        base = data["against"]
        axis.scatter([SCALE[key] * base[key]], [100 * base["accuracy"]], marker="*", color="black")
        axis.set_xlabel(AXES[key])
        axis.grid(alpha=0.3)
    figure.axes[0].set_ylabel("accuracy / %")
    figure.axes[0].legend(fontsize=8)
