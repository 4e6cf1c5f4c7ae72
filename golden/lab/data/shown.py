# SPDX-License-Identifier: Apache-2.0
"""Which data a network is shown: those it was trained on, unless others are named.

A checkpoint's metadata hold a *record* of its data set: name, title, shape, classes. With it a
later command finds the data again without being told, and labels of other data are translated by
the names of the classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from golden.contract.errors import UserError
from golden.lab.data.facts import Facts
from golden.lab.data.registry import absolute, facts, load
from golden.lab.data.split import Split

DEFAULT = "fashion_mnist"  # of networks that say nothing


class Sizes(Protocol):
    """What is compared of a network's configuration."""

    in_channels: int
    height: int
    width: int
    classes: int
    timesteps: int
    input_timesteps: int
    input_max: int


def record(name: str) -> dict[str, Any]:
    """What a checkpoint's metadata say about the data set it was trained on."""
    entry = facts(name)
    return {
        "name": absolute(name),
        "title": entry.title,
        "shape": [entry.channels, entry.height, entry.width],
        "timesteps": entry.timesteps,
        "classes": list(entry.labels),
    }


def name_for(told: Mapping[str, Any], given: str = "") -> str:
    """The data set by its name: `given` by the user, else that of the record `told` (may be empty),
    else Fashion-MNIST."""
    return absolute(given) if given else str(told.get("name") or DEFAULT)


def title(name: str) -> str:
    """The data set's name for people."""
    return facts(name).title


def shown(
    sizes: Sizes,
    told: Mapping[str, Any],
    given: str = "",
    *,
    split: str = "test",
    count: int | None = None,
    first: int = 0,
) -> Split:
    """The images, or event frames, of a split for a network: values clipped to its largest, labels
    in its numbering.

    sizes: its configuration.  told: its record, {} without one.  given: other data.  count: so many
    of them from ``first`` on, None for all.
    Raises UserError when the data do not fit the network or are not where they were.
    """
    name = name_for(told, given)
    try:
        entry = facts(name)
    except UserError as error:
        if given or not told:
            raise
        raise UserError(
            f"{error}; the network was trained on it: name where it is now with --data"
        ) from None
    index = translation(entry, sizes, told)
    data = load(name, split, **({"timesteps": sizes.timesteps} if entry.timesteps else {}))
    total = len(data.labels)
    if not 0 <= first < total:
        raise UserError(f"--first {first} must lie between 0 and {total - 1}, {total} images")
    if count is not None and not 0 < count <= total - first:
        behind = f" from image {first} on" if first else ""
        raise UserError(f"--images {count} must lie between 1 and {total - first}{behind}")
    chosen = slice(first, None if count is None else first + count)
    images = np.minimum(data.images[chosen], sizes.input_max, dtype=np.uint8)
    if images.ndim == 5 and sizes.input_timesteps == 1:  # one frame is an image
        images = images[:, 0]
    return Split(images, index[data.labels[chosen]])


def translation(entry: Facts, sizes: Sizes, told: Mapping[str, Any]) -> np.ndarray:
    """By label of the data set the network's own; UserError unless all fit."""
    theirs = entry.channels, entry.height, entry.width
    own = sizes.in_channels, sizes.height, sizes.width
    frames = sizes.timesteps if entry.timesteps else 1
    if own != theirs or sizes.input_timesteps != frames:
        kind, their_kind = (
            "event frames" if steps else "images"
            for steps in (sizes.input_timesteps > 1, entry.timesteps)
        )
        raise UserError(
            f"the checkpoint takes {kind} of {own}, {entry.title} has {their_kind} of {theirs} "
            "(channels, height, width); choose another checkpoint, or other data with --data"
        )
    names, labels = [str(name) for name in told.get("classes", [])], entry.labels
    if len(names) == sizes.classes and set(labels) <= set(names):
        return np.array([names.index(label) for label in labels], np.int64)
    if len(labels) == sizes.classes and (not names or _nameless(names) or _nameless(labels)):
        return np.arange(len(labels))
    unknown = next((label for label in labels if label not in names), "")
    reason = f"does not know '{unknown}'" if names else f"has {sizes.classes} classes"
    raise UserError(
        f"{entry.title} has {len(labels)} classes, the checkpoint {reason}: choose another "
        "checkpoint, or other data with --data"
    )


def _nameless(names: Sequence[str]) -> bool:
    """Whether the classes have no names but their numbers from 0."""
    return list(names) == [str(i) for i in range(len(names))]
