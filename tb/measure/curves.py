# SPDX-License-Identifier: Apache-2.0
"""Accuracy, cycles and PE utilisation against weight sparsity, for every pruning method.

``psf curves measure``. The points are the checkpoints of golden/checkpoints/curves (`psf curves
train`), the accuracy is that of their .json, cycles and utilisation are measured on the RTL with
every spike compared. Table, build/reports/curves.json, build/reports/curves.png.
Exit status: 0 everything equal, 1 a mismatch (or the simulation failed), 2 a user's mistake.
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.lab.studies.sparsity_curves import Point, points
from tb.measure import report
from tb.measure.sim import RunOptions, measure

# figure: (title, digits, in percent)
FIGURES = {
    "accuracy": ("accuracy", 2, True),
    "cycles": ("cycles per image", 0, False),
    "utilisation": ("PE utilisation", 3, False),
    "limit_ratio": ("ratio to the limit", 3, False),
}
PICTURE = ("accuracy", "cycles", "utilisation")


def measured(point: Point, options: RunOptions) -> dict:
    """The figures of one point on the RTL; with ``refused``, why the hardware does not take it."""
    facts = {
        "method": point.method,
        "sparsity": point.sparsity,
        "weight_sparsity": point.weight_sparsity,
        "accuracy": point.accuracy,
        "checkpoint": str(point.checkpoint),
    }
    try:
        figures = measure(point.checkpoint, options)
    except UserError as error:
        nothing = dict.fromkeys(("cycles", "utilisation", "limit_ratio", "mismatches"))
        return facts | nothing | {"refused": str(error)}
    return facts | {
        "cycles": figures["cycles_per_image"],
        "utilisation": figures["utilisation"],
        "limit_ratio": figures["limit_ratio"],
        "mismatches": figures["mismatches"],
    }


def show(console: Console, rows: list[dict], title: str) -> None:
    """One line per sparsity and method."""
    table = Table(title=title)
    for name in ("sparsity", "method", *(title for title, _, _ in FIGURES.values()), "mismatches"):
        table.add_column(name, justify="left" if name == "method" else "right")
    last = None
    for x in sorted(rows, key=lambda x: x["sparsity"]):
        if x["sparsity"] != last:
            table.add_section()
        last = x["sparsity"]
        cells = [
            f"{x[key]:.{digits}%}" if percent else report.number(x[key], digits)
            for key, (_, digits, percent) in FIGURES.items()
        ]
        mismatches = report.number(x["mismatches"])
        table.add_row(f"{x['sparsity']:.2%}", x["method"], *cells, mismatches)
    tables.show(console, table)
    for x in rows:
        if "refused" in x:
            console.print(f"{x['method']} {x['sparsity']:.2%} is not on the RTL: {x['refused']}")


def draw(rows: list[dict], path: Path) -> None:
    """Accuracy, cycles and utilisation side by side, a line per method."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(PICTURE), figsize=(12, 3.6), layout="constrained")
    for axis, key in zip(axes, PICTURE, strict=True):
        for method in dict.fromkeys(x["method"] for x in rows):
            mine = [x for x in rows if x["method"] == method and x[key] is not None]
            line = sorted((x["sparsity"], x[key]) for x in mine)
            axis.plot(*zip(*line, strict=True), marker="o", label=method)
        axis.set_xlabel("share of weights that are 0")
        axis.set_title(FIGURES[key][0])
        axis.grid(alpha=0.3)
    axes[1].set_ylim(bottom=0)
    axes[2].set_ylim(0, 1)
    axes[0].legend()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)
    pyplot.close(figure)


def measure_curves(images: int, config: str) -> int:
    """Run, print, write build/reports/curves.json and curves.png; the exit status."""
    console = Console(highlight=False)
    found = points()
    if not found:
        raise UserError(
            "golden/checkpoints/curves holds no point; make them with `psf curves train`"
        )
    options = RunOptions(images, config, seed=1)
    rows = [measured(point, options) for point in found]
    show(console, rows, f"{images} images on {config} PEs; accuracy on all test images")
    picture = report.REPORTS / "curves.png"
    draw(rows, picture)
    figures = {"hardware": config, "images": images, "points": rows}
    console.print(f"report: {report.write('curves', figures)}, picture: {picture}")
    return 1 if any(x["mismatches"] for x in rows) else 0
