# SPDX-License-Identifier: Apache-2.0
"""A folder of images by class: train/CLASS/*.png and test/CLASS/*.png, or CLASS/*.png alone.

PNG and JPEG; a class is a folder, and what lies in folders below it belongs to it. Hidden files
are passed over, any other file is refused: an image that is left out in silence changes a result.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data.facts import SPLITS
from golden.lab.data.own.pixels import SUFFIXES, described, fitted, read_image, shape_of
from golden.lab.data.own.place import Place
from golden.lab.data.own.samples import Contents, Samples, in_order

_PASSED_OVER = ("thumbs.db", "desktop.ini")  # what systems leave in folders of pictures


def contents(place: Place) -> Contents:
    """Classes and files of a folder. Raises UserError by the name of what is wrong."""
    root = place.path
    if not root.is_dir():
        raise UserError(f"the data folder {root} does not exist")
    below = _folders(root)
    if set(SPLITS) <= set(below):
        files = {split: _classes(root / split) for split in SPLITS}
    elif below and set(below) <= {*SPLITS, "val", "valid", "validation"}:
        raise UserError(
            f"{root} has {' and '.join(below)}, but not both train and test: rename the folders, "
            "or put those of the classes into it without a split"
        )
    else:
        files = {"all": _classes(root)}
    classes = in_order([name for part in files.values() for name in part])
    missing = [name for name in classes if name not in files.get("train", classes)]
    if missing:
        raise UserError(f"{root / 'test' / missing[0]}: there is no such class in {root / 'train'}")
    first = next(path for part in files.values() for paths in part.values() for path in paths)
    shape = fitted(np.zeros(shape_of(first), np.uint8), place.channels, place.resize).shape
    parts = {name: _samples(place, part, classes, first) for name, part in files.items()}
    return Contents(classes, shape, parts)


def _folders(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _classes(root: Path) -> dict[str, list[Path]]:
    """Files by class."""
    out = {}
    for name in _folders(root):
        if not name.isprintable():  # bytes that are no UTF-8 among them
            raise UserError(
                f"the name of the class {root / name!s:.300} cannot be printed: rename it"
            )
        out[name] = list(_pictures(root / name))
        if not out[name]:
            raise UserError(f"{root / name} has no images: add some, or remove the folder")
    if not out:
        raise UserError(f"{root} has no folders of classes with images in them")
    return out


def _pictures(folder: Path) -> Iterator[Path]:
    """PNG and JPEG files in and below a folder, in order. A data set has many: no file is asked
    for more than its name."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or name.lower() in _PASSED_OVER:
                continue
            path = Path(place) / name
            if not name.lower().endswith(SUFFIXES):
                raise UserError(f"{path} is neither PNG nor JPEG: convert it, or remove it")
            yield path


def _samples(
    place: Place, files: dict[str, list[Path]], classes: tuple[str, ...], first: Path
) -> Samples:
    paths = [path for group in files.values() for path in group]
    labels = [classes.index(name) for name, group in files.items() for _ in group]
    keys = [str(path)[len(str(place.path)) + 1 :] for path in paths]

    def read(which: np.ndarray) -> np.ndarray:
        return _images(place, [paths[i] for i in which], first)

    return Samples(keys, np.array(labels, np.int64), read)


def _images(place: Place, paths: list[Path], first: Path) -> np.ndarray:
    """uint8 (n, C, H, W); sizes and colours agree with the first file unless an option says how to
    bring them together."""
    raw = shape_of(first)
    shape = fitted(np.zeros(raw, np.uint8), place.channels, place.resize).shape
    out = np.empty((len(paths), *shape), np.uint8)
    for index, path in enumerate(paths):
        image = read_image(path)
        if image.shape[1:] != raw[1:] and not place.resize:
            raise _unequal(path, image, first, raw, f"resize={raw[1]}x{raw[2]}")
        if len(image) != raw[0] and not place.channels:
            raise _unequal(path, image, first, raw, "channels=1 or channels=3")
        out[index] = fitted(image, place.channels, place.resize)
    return out


def _unequal(path: Path, image: np.ndarray, first: Path, raw, option: str) -> UserError:
    return UserError(
        f"{path} is {described(image.shape)}, {first} is {described(raw)}: make them alike, or add "
        f"{option} to the name of the data, as in 'folder:...,{option.partition(' ')[0]}'"
    )
