# SPDX-License-Identifier: Apache-2.0
"""How data of one's own are named: [KIND:]PATH[,OPTION=VALUE]..."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from golden.contract.errors import UserError
from golden.lab.data.idx import rank_of

KINDS = ("folder", "idx", "npz")


@dataclass(frozen=True)
class Place:
    """Where data lie, and how they are read.

    kind: one of KINDS.  path: absolute.  resize: (height, width) of all images, () as they are.
    channels: 1 grey, 3 colour, 0 as the files are.  classes: only these, in this order, () all.
    test, seed: share of every class that is kept for the test split, and what draws it, where the
    data have no split of their own.
    """

    kind: str
    path: Path
    resize: tuple[int, ...] = ()
    channels: int = 0
    classes: tuple[str, ...] = ()
    test: float = 0.2
    seed: int = 1

    def __str__(self) -> str:
        """The name that stands for it anywhere: absolute, with the options that are not usual."""
        text = f"{self.kind}:{self.path}"
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.default is not MISSING and value != entry.default:
                text += f",{entry.name}={_WRITE.get(entry.name, str)(value)}"
        return text


_WRITE: dict[str, Callable[[Any], str]] = {
    "resize": lambda size: "x".join(map(str, size)),
    "classes": "+".join,
}


def is_place(name: str) -> bool:
    """Whether a data set's name is a place and not the name of one that comes with the project."""
    head = split_name(name)[0]
    kind, _, rest = head.partition(":")
    return bool(kind in KINDS and rest) or any(c in head for c in ("/", os.sep)) \
        or head.endswith(".npz") or head in (".", "..")  # fmt: skip


def parse(name: str, base: Path | None = None) -> Place:
    """The place that a name means; a relative path is relative to `base` (the current folder).

    Raises UserError when the options are wrong or nothing is there.
    """
    head, options = split_name(name)
    kind, _, rest = head.partition(":")
    if kind not in KINDS or not rest:
        kind, rest = "", head
    path = Path(os.path.normpath((base or Path.cwd()) / Path(rest).expanduser()))
    settings = {key: _option(name, key, text) for key, text in options}
    if len(settings) < len(options):
        raise UserError(f"the data set '{name}' gives an option twice")
    return Place(kind or _kind(path), path, **settings)


def split_name(name: str) -> tuple[str, list[tuple[str, str]]]:
    """Path and options; a comma in a path is no option unless a word and '=' follow it."""
    head, *parts = re.split(r",(?=[a-z_]+=)", name)
    return head, [(key, text) for key, _, text in (part.partition("=") for part in parts)]


def _kind(path: Path) -> str:
    """By what is there."""
    if path.suffix == ".npz":
        return "npz"
    if path.is_dir() and not any(rank_of(entry) for entry in path.iterdir()):
        return "folder"
    return "idx" if path.is_dir() or path.is_file() else "folder"


def _option(name: str, key: str, text: str) -> Any:
    if key not in _READ:
        raise UserError(
            f"the data set '{name}' has no option '{key}'; known are {', '.join(_READ)}"
        )
    legal, read = _READ[key]
    try:
        value = read(text)
    except ValueError:
        value = None
    if value is None:
        raise UserError(f"the data set '{name}': {key}={text} must be {legal}")
    return value


def _size(text: str) -> tuple[int, ...] | None:
    size = tuple(int(part) for part in text.split("x"))
    return size if len(size) == 2 and all(1 <= side <= 1024 for side in size) else None


def _share(text: str) -> float | None:
    return float(text) if 0 < float(text) < 1 else None


def _names(text: str) -> tuple[str, ...] | None:
    names = tuple(text.split("+"))
    return names if len(set(names)) == len(names) > 1 and all(names) else None


_READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    "resize": ("HEIGHTxWIDTH in pixels, as in 28x28, at most 1024 each", _size),
    "channels": ("1 (grey) or 3 (colour)", lambda text: {"1": 1, "3": 3}.get(text)),
    "classes": ("two or more different names with + between", _names),
    "test": ("a share above 0 and below 1", _share),
    "seed": ("a whole number from 0", lambda text: int(text) if text.isdecimal() else None),
}
