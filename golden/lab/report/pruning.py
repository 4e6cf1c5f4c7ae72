# SPDX-License-Identifier: Apache-2.0
"""Every pruning method at one sparsity and one budget (`psf methods`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.lab.report.inputs import Inputs
from golden.lab.report.section import Absent, Column, Picture, Section, Table, of_results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Pruning methods at one sparsity"
COMMAND = "psf methods"
LOAD = ("max_over_mean", "utilisation", "row_wait")


def section(inputs: Inputs) -> Section:
    """Accuracy and PE load of every method."""
    absent = Absent("the comparison of the pruning methods", COMMAND)
    return of_results(inputs.results("pruning"), TITLE, absent, _section)


def _section(found: dict[str, Any]) -> Section:
    out = Section(
        TITLE,
        f"One dense network ({found['dense']['accuracy']:.2%}), one training budget, goal "
        f"{found['sparsity']:.2%} zeros, {found['lanes']} lanes. Row wait: cycles over those of "
        "evenly filled lanes, when every row waits for its fullest lane (1 is balanced); "
        "utilisation: u-Ticket's formula.",
        [found.get("command", COMMAND)],
    )
    rows = [
        {key: entry[key] for key in ("method", "what", "accuracy", "sparsity", "seed", "command")}
        | {key: entry["pe_load"][key] for key in LOAD}
        for entry in found["methods"]
    ]
    data = {"dense": found["dense"]["accuracy"], "methods": rows, "sparsity": found["sparsity"]}
    caption = "Accuracy on all test images (line: dense) and cycles that rows wait."
    out.pictures.append(Picture("pruning", caption, data, _draw, (10, 0.4 * len(rows) + 1.6)))
    columns = (
        Column("method", "method"), Column("what", "what it does"),
        Column("accuracy", "accuracy / %", ".2f", 100), Column("sparsity", "zeros / %", ".2f", 100),
        Column("max_over_mean", "max / mean lane", ".3f"),
        Column("utilisation", "utilisation", ".3f"), Column("row_wait", "row wait", ".3f"),
        Column("seed", "seed"), Column("command", "command"),
    )  # fmt: skip
    out.tables.append(Table("pruning", "Methods", columns, rows))
    return out


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    rows, places = data["methods"], range(len(data["methods"]))
    accuracies = [100 * row["accuracy"] for row in rows]
    bars = left.barh(places, accuracies, color="tab:blue")
    left.bar_label(bars, fmt="%.2f", label_type="center", color="white", fontsize=8)
    left.axvline(100 * data["dense"], color="black", linewidth=0.8)
    lowest = min([*accuracies, 100 * data["dense"]])
    left.set_yticks(list(places), [row["method"] for row in rows])
    highest = min(100.0, 100 * data["dense"] + 1)
    left.set(xlabel="accuracy / %", xlim=(max(0.0, lowest - 3), highest))
    left.invert_yaxis()
    bars = right.barh(places, [row["row_wait"] for row in rows], color="tab:red")
    right.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    right.margins(x=0.12)
    right.axvline(1, color="black", linewidth=0.8)
    right.set(xlabel="row wait (1: balanced row by row)")
