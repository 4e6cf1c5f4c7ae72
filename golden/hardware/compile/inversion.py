# SPDX-License-Identifier: Apache-2.0
"""Layers whose inputs mostly fire: the silent inputs are added, with the weights negated.

With x' = 1 - x the current W x + b is (b + W 1) - W x', exactly. Taps outside the image count as
silent inputs there, so that one bias serves every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from golden.hardware import isa
from golden.hardware.compile import windows
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.proofs import accumulator, currents
from golden.hardware.compile.tiles import repeated
from golden.hardware.configuration import WEIGHT_WIDTH, Hardware


def with_inversion(
    layers: Sequence[Layer], hardware: Hardware, window: int | None, activity: windows.Activity
) -> list[Layer]:
    """``layers``, inverted where that takes fewer cycles for the spikes of ``activity``; those that
    repeat a layer as it is."""
    out: list[Layer] = []
    for same in repeated(layers):
        spikes = activity.get(same[0].source.map)
        better = inverted(same[0])
        if spikes is None or not _can(same[0], better, hardware):
            out += same
            continue
        taken = _cost(better, hardware, window, spikes) < _cost(same[0], hardware, window, spikes)
        out += [inverted(layer) if taken else layer for layer in same]
    return out


def _cost(layer: Layer, hardware: Hardware, window: int | None, spikes: np.ndarray) -> float:
    """Cycles of a group for the average token, with the best window of up to ``window``."""
    most = windows.MAX_WINDOW if window is windows.BY_COST else window
    found = windows.candidates(layer, hardware, most)
    return min(windows.cost(layer, w, hardware, spikes) for w in found)


def inverted(layer: Layer) -> Layer:
    """``layer`` for the inputs that do not fire."""
    if layer.weight is None:
        return layer
    bias = layer.bias + layer.weight.sum((0, 1))
    return replace(layer, weight=-layer.weight, bias=bias, inverted=True)


def _can(layer: Layer, other: Layer, hardware: Hardware) -> bool:
    """Whether ``other``, inverted, is the same layer: of spikes, with an input on every bit of its
    words and weights that have a negative; its sums fit."""
    if layer.weight is None or layer.planes is not None or layer.mode == isa.MODE_HEAD:
        return False
    if layer.weight.shape[1] % hardware.lanes or layer.weight.min() == -1 << WEIGHT_WIDTH - 1:
        return False
    return not list(accumulator(other, *currents(other), hardware))
