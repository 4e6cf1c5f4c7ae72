# SPDX-License-Identifier: Apache-2.0
"""Pictures to PNG and PDF without a display, and where legends and labels go: beside what is drawn,
never over it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
KINDS = ("png", "pdf")


def render(
    draw: Callable[[Figure, dict[str, Any]], None], data: dict[str, Any], size: tuple[float, float]
) -> dict[str, bytes]:
    """The picture that `draw` makes of `data`, by kind of file; size in inches."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure, data)
    return {kind: _saved(figure, kind) for kind in KINDS}


def of_png(content: bytes) -> dict[str, bytes]:
    """A finished PNG, and a page of its size with it."""
    pixels = imread(io.BytesIO(content))
    figure = Figure(figsize=(pixels.shape[1] / DPI, pixels.shape[0] / DPI))
    FigureCanvasAgg(figure)
    figure.figimage(pixels)
    return {"png": content, "pdf": _saved(figure, "pdf")}


def _saved(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    undated = {"CreationDate": None} if kind == "pdf" else None  # the same picture, the same file
    figure.savefig(stream, format=kind, dpi=DPI, metadata=undated)
    return stream.getvalue()


def legend(axes: Axes) -> None:
    """On the right of the axes."""
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)


def slanted(axes: Axes) -> None:
    """Names under bars, each with its end at its bar."""
    axes.tick_params(axis="x", labelsize=8)
    for label in axes.get_xticklabels():
        label.set(rotation=35, ha="right", rotation_mode="anchor")


def named(axes: Axes, points: dict[str, tuple[float, float]], room: float = 0.07) -> None:
    """A name for every point, in a column on the right of the axes in the order of the points'
    height, with a line to its point. room: height of a name, as a share of that of the axes."""
    low, high = axes.get_ylim()
    names = sorted(points, key=lambda name: points[name][1])
    wanted = [(points[name][1] - low) / (high - low) for name in names]
    for name, place in zip(names, apart(wanted, room), strict=True):
        axes.annotate(
            name, points[name], (1.03, place), textcoords="axes fraction", fontsize=7, va="center",
            annotation_clip=False, arrowprops={"arrowstyle": "-", "color": "0.75", "lw": 0.6},
        )  # fmt: skip


def apart(wanted: list[float], room: float) -> list[float]:
    """Ascending places near the `wanted` ones, also ascending, neighbours at least `room` apart:
    groups that are too close are spread around their mean."""
    groups: list[list[float]] = []  # of each: the wanted place of its first, less what is before
    for number, place in enumerate(wanted):
        groups.append([place - number * room])
        while len(groups) > 1 and _mean(groups[-2]) > _mean(groups[-1]):
            groups[-2:] = [groups[-2] + groups[-1]]
    firsts = [_mean(group) for group in groups for _ in group]
    return [first + number * room for number, first in enumerate(firsts)]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
