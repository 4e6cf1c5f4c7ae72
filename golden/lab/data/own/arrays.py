# SPDX-License-Identifier: Apache-2.0
"""Data that come as arrays: an .npz file, or a pair of IDX files.

npz: x_train, y_train, x_test, y_test, or images and labels; `classes`, if it is there, names the
classes. Images are integers 0..255, (n, H, W), (n, H, W, C) or (n, C, H, W) with C = 1 or 3; labels
are integers or texts. Without `classes`, a class is named by its label.
IDX: a folder (or folder/PREFIX of the files' names) with images and labels; 'train' and 't10k' or
'test' in the names of both parts.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from golden.contract import unpacking
from golden.contract.errors import UserError
from golden.lab.data.idx import rank_of, read_idx
from golden.lab.data.own.pixels import fitted
from golden.lab.data.own.place import Place
from golden.lab.data.own.samples import Contents, Samples, in_order

_KEYS = ({"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},
         {"all": ("images", "labels")})  # fmt: skip


def npz(place: Place) -> Contents:
    """The arrays of an .npz file. Raises UserError that says what is wrong in it."""
    path = place.path
    if not path.is_file():
        raise UserError(f"the data file {path} does not exist")
    state = path.stat()
    found = _stored(path, state.st_mtime_ns, state.st_size)
    for pairs in _KEYS:
        if all(key in found for pair in pairs.values() for key in pair):
            parts = {
                name: (_pixels(found[x], f"{path} ({x})"), _labels(found[y], f"{path} ({y})"))
                for name, (x, y) in pairs.items()
            }
            return _contents(place, parts, found.get("classes"))
    raise UserError(
        f"{path} holds {', '.join(found) or 'nothing'}; it needs x_train, y_train, x_test and "
        "y_test, or images and labels"
    )


@lru_cache(maxsize=1)
def _stored(path: Path, _changed: int, _size: int) -> dict[str, np.ndarray]:
    """All arrays of a file, read again when it has changed."""
    try:
        return unpacking.arrays(path)
    except Exception as error:  # zip, zlib and numpy raise what they meet
        raise UserError(
            f"{path} cannot be read as .npz, arrays of numbers by name "
            f"({type(error).__name__}: {unpacking.first_line(error)})"
        ) from None


def idx(place: Place) -> Contents:
    """The images and labels of IDX files. Raises UserError by the name of what is wrong."""
    path = place.path
    folder, prefix = (path, "") if path.is_dir() else (path.parent, path.name)
    if not folder.is_dir():
        raise UserError(f"the data folder {folder} does not exist")
    files: dict[tuple[str, bool], Path] = {}
    for entry in sorted(folder.iterdir()):
        rank = rank_of(entry) if entry.name.startswith(prefix) else 0
        if not rank:
            continue
        key = _split_of(entry.name), rank == 1
        if key in files:
            raise UserError(
                f"{files[key]} and {entry} are both the {'labels' if rank == 1 else 'images'} "
                f"({key[0]}): name one data set as {folder}/PREFIX"
            )
        files[key] = entry
    splits = {split for split, _ in files}
    if not splits:
        raise UserError(f"{path} holds no IDX files (their names contain 'idx' or 'ubyte')")
    if splits not in ({"all"}, {"train", "test"}):
        raise UserError(f"{path} has IDX files for {' and '.join(sorted(splits))} only")
    parts = {}
    for split in sorted(splits, reverse=True):
        for labels in (False, True):
            if (split, labels) not in files:
                what = "labels" if labels else "images"
                raise UserError(f"{path} has no IDX file with the {what} ({split})")
        images = files[split, False]
        parts[split] = (
            _pixels(read_idx(images, rank_of(images)), str(images)),
            _labels(read_idx(files[split, True], 1), str(files[split, True])),
        )
    return _contents(place, parts, None)


def _split_of(name: str) -> str:
    words = {"train": "train", "t10k": "test", "test": "test"}
    return next((split for word, split in words.items() if word in name.lower()), "all")


def _pixels(array: np.ndarray, where: str) -> np.ndarray:
    """uint8 (n, C, H, W)."""
    if array.dtype.kind not in "iu":
        raise UserError(f"{where} is {array.dtype}: save the pixels as integers 0 to 255 (uint8)")
    if array.size and not 0 <= array.min() <= array.max() <= 255:
        raise UserError(f"{where} holds {array.min()} to {array.max()}: pixels are 0 to 255")
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3):
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise UserError(
            f"{where} has shape {array.shape}: images are (n, H, W), (n, H, W, C) or (n, C, H, W) "
            "with 1 or 3 channels"
        )
    return np.ascontiguousarray(array, np.uint8)


def _labels(array: np.ndarray, where: str) -> np.ndarray:
    """Integers or texts (n,)."""
    if array.ndim == 2 and array.shape[1] == 1:  # as Keras has CIFAR
        array = array[:, 0]
    if array.ndim != 1 or array.dtype.kind not in "iuU":
        raise UserError(
            f"{where} is {array.dtype} {array.shape}: labels are (n,), integers or text"
        )
    return array


def _contents(
    place: Place, parts: dict[str, tuple[np.ndarray, np.ndarray]], names: np.ndarray | None
) -> Contents:
    every = np.concatenate([labels for _, labels in parts.values()])
    if names is None or every.dtype.kind == "U":
        classes = in_order([str(label) for label in np.unique(every)])
        index = {name: i for i, name in enumerate(classes)}
    else:
        classes = tuple(str(name) for name in np.ravel(names))
        index = {str(i): i for i in range(len(classes))}
    samples, shapes = {}, set()
    for split, (images, labels) in parts.items():
        if len(images) != len(labels):
            raise UserError(
                f"{place.path} is inconsistent: {len(images)} images but {len(labels)} labels "
                f"({split})"
            )
        wrong = [label for label in np.unique(labels) if str(label) not in index]
        if wrong:
            raise UserError(
                f"{place.path} has label {wrong[0]} ({split}), but names {len(classes)} classes"
            )
        numbers = np.array([index[str(label)] for label in labels], np.int64)
        keys = [f"{split}/{i}" for i in range(len(images))]
        samples[split] = Samples(keys, numbers, _reader(place, images))
        shapes.add(fitted(images[0], place.channels, place.resize).shape)
    if len(shapes) > 1:
        raise UserError(f"{place.path}: the images to train and to test with have other sizes: "
                        + " and ".join(map(str, shapes)))  # fmt: skip
    return Contents(classes, shapes.pop(), samples)


def _reader(place: Place, images: np.ndarray):
    def read(which: np.ndarray) -> np.ndarray:
        return np.stack([fitted(images[i], place.channels, place.resize) for i in which])

    return read
