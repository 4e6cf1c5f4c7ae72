# SPDX-License-Identifier: Apache-2.0
"""Sparsity curves: accuracy of the trained points; cycles and utilisation if the RTL ran them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from golden.contract.errors import UserError
from golden.lab.report.inputs import Inputs
from golden.lab.report.plot import legend
from golden.lab.report.section import Absent, Column, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Accuracy, cycles and utilisation against weight sparsity"
PANELS = {"accuracy": "accuracy", "cycles": "cycles per image", "utilisation": "PE utilisation"}


def section(inputs: Inputs) -> Section:
    """A line per pruning method."""
    out = Section(
        TITLE,
        "Integer networks of the same training budget on all test images; sparsity is the share of "
        "weights that are 0, first and last layer apart.",
    )
    rows = [_point(inputs, path) for path in sorted((inputs.checkpoints / "curves").glob("*.json"))]
    if not rows:
        command = "psf curves train"
        out.absent.append(Absent("the trained points of the curves", command))
        return out
    rows.sort(key=lambda row: (row["weight_sparsity"], row["method"]))
    measured = inputs.results("curves")
    if measured is None:
        what = "cycles and utilisation of these points on the RTL"
        out.absent.append(Absent(what, "make curves"))
    else:
        _add(rows, measured)
    panels = [key for key in PANELS if any(row.get(key) is not None for row in rows)]
    data = {
        key: {
            method: [[row["weight_sparsity"], row[key]] for row in rows
                     if row["method"] == method and row.get(key) is not None]
            for method in sorted({row["method"] for row in rows})
        }
        for key in panels
    }  # fmt: skip
    size = (4.2 * max(len(panels), 2), 3.8)
    out.pictures.append(Picture("sparsity", "A point is a network.", data, _draw, size))
    committed = inputs.root / "docs/img/curves.png"
    if measured is None and committed.is_file():
        caption = "docs/img/curves.png, committed: the same points when they last ran on the RTL"
        caption += " (docs/log/pruning.md has its numbers)."
        content = committed.read_bytes()
        out.pictures.append(Picture("sparsity_rtl_committed", caption, {}, png=content))
    columns = (
        Column("method", "method"), Column("weight_sparsity", "zeros / %", ".2f", 100),
        Column("accuracy", "accuracy / %", ".2f", 100),
        Column("cycles", "cycles per image", ",.0f"),
        Column("utilisation", "PE utilisation", ".3f"), Column("seed", "seed"),
        Column("command", "command"),
    )  # fmt: skip
    out.tables.append(Table("sparsity", "Points", columns, rows, folded=True))
    return out


def _point(inputs: Inputs, path: Any) -> dict[str, Any]:
    facts = inputs.read(path)
    keys = ("method", "weight_sparsity", "accuracy", "seed", "command")
    try:
        return {"name": path.stem} | {key: facts[key] for key in keys}
    except KeyError as error:
        raise UserError(f"{path} has no {error}: run `psf curves train`") from None


def _add(rows: list[dict[str, Any]], measured: dict[str, Any]) -> None:
    """Cycles and utilisation of the file of results, by checkpoint name."""
    try:
        found = {
            point["checkpoint"].rpartition("/")[2].removesuffix(".safetensors"): point
            for point in measured["points"]
        }
        for row in rows:
            point = found.get(row["name"], {})
            row |= {key: point.get(key) for key in ("cycles", "utilisation")}
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the results of the curves have no {error}: run `make curves`") from None


def _draw(figure: Figure, data: dict[str, Any]) -> None:
    axes = figure.subplots(1, len(data), squeeze=False)[0]
    for axis, (key, lines) in zip(axes, data.items(), strict=True):
        for method, points in lines.items():
            if points:
                axis.plot(*zip(*points, strict=True), marker="o", label=method)
        axis.set(title=PANELS[key], xlabel="share of weights that are 0")
        axis.grid(alpha=0.3)
        if key != "accuracy":
            axis.set_ylim(bottom=0)
    legend(axes[-1])
