# SPDX-License-Identifier: Apache-2.0
"""What a reader of one's own data gives, and how it is split, ordered and cut to classes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data.own.place import Place


@dataclass(frozen=True)
class Samples:
    """Samples whose pixels are not read yet.

    keys: one name a sample that no other has, from which its place in the order is drawn.
    labels: int64 (n,), indices into the classes.  read: pixels uint8 (m, C, H, W) of m samples.
    """

    keys: Sequence[str]
    labels: np.ndarray
    read: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Contents:
    """classes: names, in the order of the labels.  shape: (C, H, W).  parts: 'train' and 'test', or
    'all' when there is no split yet."""

    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    parts: dict[str, Samples]


def in_order(names: Sequence[str]) -> tuple[str, ...]:
    """Names of classes by number where all are numbers, by text otherwise; the same everywhere."""
    numbers = all(name.isdecimal() for name in names)
    return tuple(sorted(set(names), key=(lambda n: (int(n), n)) if numbers else None))


def drawn(keys: Sequence[str], seed: int) -> np.ndarray:
    """Indices in an order that looks random and is the same on every machine: by the hash of seed
    and key. A sample that is added or removed does not move the others."""
    texts = [f"{seed}:{key}".encode("utf-8", "surrogateescape") for key in keys]
    digests = [hashlib.blake2b(text, digest_size=8).digest() for text in texts]
    return np.array(sorted(range(len(keys)), key=lambda i: (digests[i], keys[i])), np.int64)


def chosen(place: Place, contents: Contents, split: str) -> tuple[Samples, np.ndarray]:
    """The samples that a split is taken from, and which of them, in the order drawn by the seed.

    Without a split, the first `place.test` of every class in that order are the test images.
    """
    part = contents.parts.get(split) or contents.parts["all"]
    order = drawn(part.keys, place.seed)
    if split not in contents.parts:
        labels, take = part.labels[order], np.zeros(len(order), bool)
        for label, name in enumerate(contents.classes):
            mine = np.flatnonzero(labels == label)
            count = max(1, round(place.test * len(mine)))
            if count >= len(mine):
                raise UserError(
                    f"{place.path}: class '{name}' has {len(mine)} images, too few to keep "
                    f"{place.test:g} of them for the test; add images or give a folder with "
                    "train/ and test/"
                )
            take[mine[:count]] = True
        order = order[take if split == "test" else ~take]
    return part, order


def only(place: Place, contents: Contents) -> Contents:
    """Without the classes that `place.classes` leaves out; UserError unless two are left and every
    class has images to train with."""
    wanted = place.classes or contents.classes
    for name in wanted:
        if name not in contents.classes:
            raise UserError(
                f"{place.path} has no class '{name}'; it has {', '.join(contents.classes[:20])}"
            )
    if len(wanted) < 2:
        raise UserError(f"{place.path} holds one class only, '{wanted[0]}': two are needed")
    if place.classes:
        index = np.full(len(contents.classes), -1, np.int64)
        index[[contents.classes.index(name) for name in wanted]] = np.arange(len(wanted))
        parts = {name: _relabelled(part, index) for name, part in contents.parts.items()}
        contents = Contents(wanted, contents.shape, parts)
    for name, part in contents.parts.items():
        count = Counter(part.labels.tolist())
        empty = [c for i, c in enumerate(contents.classes) if not count[i]]
        if empty and name != "test":
            raise UserError(f"{place.path}: class '{empty[0]}' has no images ({name})")
        if not count:
            raise UserError(f"{place.path} has no {name} images")
    return contents


def _relabelled(part: Samples, index: np.ndarray) -> Samples:
    kept = np.flatnonzero(index[part.labels] >= 0)
    keys = [part.keys[i] for i in kept]
    return Samples(keys, index[part.labels[kept]], lambda which: part.read(kept[which]))
