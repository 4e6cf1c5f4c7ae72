# SPDX-License-Identifier: Apache-2.0
"""Data of one's own: a folder of images by class, a pair of IDX files, an .npz file.

They are named by their place (golden.lab.data.own.place); golden.lab.data.load and facts take such
a name wherever they take that of a data set of the project.
"""

from __future__ import annotations

from golden.lab.data.facts import Facts, require_split
from golden.lab.data.own import arrays, folder
from golden.lab.data.own.place import Place, is_place, parse, split_name
from golden.lab.data.own.samples import Contents, chosen, only
from golden.lab.data.split import Split

__all__ = ["Place", "facts", "is_place", "load", "parse", "split_name"]

_READERS = {"folder": folder.contents, "idx": arrays.idx, "npz": arrays.npz}


def facts(name: str) -> Facts:
    """Shape and classes of a place. Raises UserError that says what is wrong there."""
    place = parse(name)
    found = _contents(place)
    channels, height, width = found.shape
    split = "" if "train" in found.parts else f", split with seed {place.seed}"
    return Facts(
        name=str(place), title=f"{place.path.name}{split}", channels=channels, height=height,
        width=width, labels=found.classes, variable="", needs=(), fetch="", default=place.path,
    )  # fmt: skip


def load(name: str, split: str) -> Split:
    """The 'train' or 'test' images of a place, in an order drawn by its seed, so that the first
    ones are of all classes."""
    require_split(split)
    place = parse(name)
    part, which = chosen(place, _contents(place), split)
    return Split(part.read(which), part.labels[which])


def _contents(place: Place) -> Contents:
    return only(place, _READERS[place.kind](place))
