# SPDX-License-Identifier: Apache-2.0
"""Sets of counters: every hardware layer has one, unless it goes on with that of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from golden.hardware.compile.lowering import Layer
from golden.hardware.configuration import MAX_LAYERS


def sets(layers: Sequence[Layer]) -> int:
    """Sets of counters that ``layers`` take."""
    return sum(not layer.continues for layer in layers)


def joined(layers: Sequence[Layer], most: int = MAX_LAYERS) -> list[Layer]:
    """``layers`` with fewer sets of counters, if they take more than ``most``: the tiles of a
    layer share one, then stripes that follow each other do, too, then the images of a layer."""
    out = list(layers)
    for shared in (_tile, _stripe, _image):
        if sets(out) <= most:
            break
        out = [
            replace(x, joined=x.joined or (i > 0 and shared(out[i - 1], x)))
            for i, x in enumerate(out)
        ]
    return out


def _tile(before: Layer, layer: Layer) -> bool:
    return layer.tile > 0  # the tiles of a layer, for all that repeat it, follow each other


def _stripe(before: Layer, layer: Layer) -> bool:
    return before.image == layer.image and None not in (before.stripe, layer.stripe)


def _image(before: Layer, layer: Layer) -> bool:
    return before.origin == layer.origin and layer.image > 0
