# SPDX-License-Identifier: Apache-2.0
"""`psf data`: which data sets there are, and pictures of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.lab.data import DATA_SETS, TEXTS, Facts, Source, facts, load


def table() -> None:
    """Print every data set: whether it is there, its shape and where it is looked for."""
    rows = Table()
    for title in ("name", "present", "shape", "classes"):
        rows.add_column(title, no_wrap=True)
    rows.add_column("looked for in", overflow="fold")
    entries: list[Source] = [*DATA_SETS.values(), *TEXTS.values()]
    for entry in entries:
        present = entry.missing(entry.folder) is None
        sizes = shape(entry) if isinstance(entry, Facts) else "sentences"
        rows.add_row(
            entry.name, "yes" if present else "no", sizes, str(entry.classes),
            f"{entry.folder} ({entry.variable})",
        )  # fmt: skip
    console = Console()
    console.print(rows)
    for entry in entries:
        if entry.missing(entry.folder) is not None:
            fetch = entry.fetch.format(folder=entry.folder)
            console.print(f"{entry.title}: {fetch}", soft_wrap=True, markup=False, highlight=False)


def shape(entry: Facts) -> str:
    """C x H x W of an image, T x 2 x H x W of event frames with their usual T."""
    sizes = (entry.channels, entry.height, entry.width)
    return "x".join(str(s) for s in ((entry.timesteps, *sizes) if entry.timesteps else sizes))


def picture(name: str, out: Path, split: str, count: int, timesteps: int) -> None:
    """Write `count` samples of different classes, where there are, as a picture."""
    entry = facts(name)
    if timesteps and not entry.timesteps:
        raise UserError(f"{name} has images, not event frames: leave --timesteps out")
    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise UserError(f"{out} is not a picture: choose a name that ends in .png, .pdf or .svg")
    data = load(name, split, **({"timesteps": timesteps} if timesteps else {}))
    chosen = _different(data.labels, count)
    if entry.timesteps:
        panels = [[two_colours(frame) for frame in data.images[i]] for i in chosen]
    else:
        images = [_pixels(data.images[i]) for i in chosen]
        panels = [images[i : i + 8] for i in range(0, len(images), 8)]
    titles = [entry.labels[data.labels[i]] for i in chosen]
    _save(panels, titles, out, f"{entry.title}, {split}", bool(entry.timesteps))
    print(f"{out}: {len(chosen)} samples of {entry.title}")


def two_colours(frame: np.ndarray) -> np.ndarray:
    """Event counts (2, H, W) -> uint8 (H, W, 3): white without events, ON red, OFF blue, both
    black; three events or more have the full colour."""
    off, on = np.minimum(frame.astype(np.float64), 3) / 3
    colours = 255 * np.stack([1 - off, (1 - off) * (1 - on), 1 - on], axis=-1)
    return np.where((off + on > 0)[..., None], 0.9 * colours, colours).astype(np.uint8)


def _different(labels: np.ndarray, count: int) -> list[int]:
    """The first sample of every class, then the second of every class, and so on."""
    order = np.argsort(labels, kind="stable")
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.concatenate([np.arange(n) for n in np.bincount(labels)])
    return np.lexsort((labels, rank))[:count].tolist()


def _pixels(image: np.ndarray) -> np.ndarray:
    """(C, H, W) -> (H, W, 3)."""
    return np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))


def _save(
    panels: list[list[np.ndarray]], titles: list[str], out: Path, title: str, events: bool
) -> None:
    """Rows of panels; a row of event frames is one sample, other panels have a title each."""
    from matplotlib.figure import Figure

    rows, columns = len(panels), max(map(len, panels))
    figure = Figure(figsize=(1.2 * columns + 1, 1.35 * rows + 0.5), layout="constrained")
    figure.suptitle(title + (": ON red, OFF blue" if events else ""), fontsize=10)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, line in enumerate(panels):
        for column, image in enumerate(line):
            axis = axes[row][column]
            axis.imshow(image, interpolation="nearest")
            if not events:
                axis.set_title(titles[row * columns + column], fontsize=7)
            elif column == 0:
                axis.set_title(titles[row], fontsize=7, loc="left")
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=150)
