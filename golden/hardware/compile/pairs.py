# SPDX-License-Identifier: Apache-2.0
"""Two pixels a token: where the first layer has outputs for half of the lanes.

Pixels 2x and 2x + 1 of the input become one, whose channels are those of the left pixel and then
those of the right one; the outputs of the left pixel go to the lower half of the lanes, those of
the right one to the upper half, and are written apart. Such a pair has a 3x3 kernel, too: of four
columns of pixels, both outputs see the middle ones, each of them one more. A row is added once for
both where two were added, and there are half as many tokens.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from golden.hardware import isa
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.planes import Planes
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import Hardware

KERNEL = 3


def paired(layer: Layer, hardware: Hardware) -> Layer:
    """The first ``layer`` of a network with two pixels a token, or itself where that cannot be."""
    if not possible(layer, hardware):
        return layer
    half, planes = hardware.lanes // 2, layer.planes
    inputs = int(planes.channel.max()) + 1  # of a pixel; some may have no planes
    both = Planes(
        np.concatenate([planes.channel, planes.channel + inputs]), np.tile(planes.bit, 2), 2
    )
    return replace(
        layer,
        source=_pairs(layer.source, len(both), hardware),
        weight=_weight(layer.weight[:, :, :half], hardware.lanes),
        bias=np.tile(layer.bias[:half], 2),
        theta2=np.tile(layer.theta2[:half], 2),
        columns=np.tile(layer.columns[:half], 2),
        rows=len(both),
        planes=both,
        in_words=hardware.words(len(both)),
        pair=True,
    )


def possible(layer: Layer, hardware: Hardware) -> bool:
    """Whether the layer's input is pixels in pairs and its outputs take half of the lanes.

    A pooled row has no pairs, and the pixels of a 1x1 kernel share nothing.
    """
    return (
        layer.planes is not None
        and layer.mode == isa.MODE_SPIKE
        and layer.taps == KERNEL**2
        and not layer.pool
        and layer.source.width % 2 == 0
        and int((layer.columns >= 0).sum()) <= hardware.lanes // 2
        and layer.taps * _pairs(layer.source, 2 * len(layer.planes), hardware).lines(hardware)
        <= hardware.patch_lines
    )


def _pairs(source: Tensor, channels: int, hardware: Hardware) -> Tensor:
    """The input with two pixels of ``channels`` in all at a place."""
    return replace(source, width=source.width // 2, step=hardware.words(channels))


def _weight(weight: np.ndarray, lanes: int) -> np.ndarray:
    """(9, 2 C, P) of pairs from the weights (9, C, P / 2) of pixels."""
    taps, channels, half = weight.shape
    kernel = weight.reshape(KERNEL, KERNEL, channels, half)
    out = np.zeros((KERNEL, KERNEL, 2, channels, 2, half), weight.dtype)
    for column in range(KERNEL):
        for pixel in range(2):
            for written in range(2):
                tap = 2 * (column - 1) + pixel - written + 1
                if 0 <= tap < KERNEL:
                    out[:, column, pixel, :, written] = kernel[:, tap]
    return out.reshape(taps, 2 * channels, lanes)
