# SPDX-License-Identifier: Apache-2.0
"""Stripes: maps that do not fit the spike memory are computed some rows at a time.

The first layers of a network run for one stripe of the image after the other, each with the rows
above and below it that the layers behind it see; what the last of them writes is whole. Of a list
of layers, which read spikes from memory and whose outputs nobody reads, each may be cut on its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import gcd

import numpy as np

from golden.contract.limits import LimitError
from golden.hardware import isa
from golden.hardware.compile import input_bytes, windows
from golden.hardware.compile.lowering import Layer, Stripe
from golden.hardware.compile.spike_places import spike_places
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import BEAT_BITS, MAX_WINDOW, Hardware


def striped(
    layers: Sequence[Layer], inputs: Sequence[Tensor], hardware: Hardware, refusal: LimitError
) -> list[Layer]:
    """``layers`` in the stripes that take the fewest cycles, so that their maps fit. LimitError
    if none do: that of the stripes that need the least, or ``refusal`` if there are none."""
    names = {tensor.name for tensor in inputs}
    if all(layer.source.name in names for layer in layers):
        return _each(layers, hardware, refusal)
    found = []
    for depth in range(1, len(_front(layers)) + 1):
        for cut in _cuts(layers[:depth], hardware, whole=True):
            tried = [*cut, *layers[depth:]]
            unfit = _unfit(tried, inputs, hardware)
            if unfit is None:
                found.append(tried)
                break
            refusal = min(refusal, unfit, key=_least)
    if not found:
        raise refusal
    return min(found, key=lambda tried: _cycles(tried, hardware))


def _each(layers: Sequence[Layer], hardware: Hardware, refusal: LimitError) -> list[Layer]:
    """Independent ``layers``, of which those that do not fit are cut into stripes. A layer's
    stripes have its weights, which are loaded once."""
    out: list[Layer] = []
    for layer in layers:
        alone = [replace(layer, repeat=0)]
        unfit = _unfit(alone, [layer.source], hardware)
        cuts = _cuts(alone, hardware, whole=False)
        while unfit is not None:
            cut = next(cuts, None)
            if cut is None:
                raise min(refusal, unfit, key=_least)
            alone, unfit = cut, _unfit(cut, [layer.source], hardware)
        first = layer.repeat * len(alone)
        out += [replace(x, repeat=first + i) for i, x in enumerate(alone)]
    return out


def with_room(layers: Sequence[Layer], hardware: Hardware) -> list[Layer] | None:
    """Independent ``layers``, of which those are cut that leave no room to load the next input
    while they run; None if none are, or can be."""
    out: list[Layer] = []
    for layer in layers:
        alone = [replace(layer, repeat=0)]
        cuts = _cuts(alone, hardware, whole=False)
        while not all(_has_room(x, hardware) for x in alone):
            cut = next(cuts, None)
            if cut is None:
                alone = [replace(layer, repeat=0)]
                break
            alone = cut
        first = layer.repeat * len(alone)
        out += [replace(x, repeat=first + i) for i, x in enumerate(alone)]
    return out if len(out) > len(layers) else None


def _has_room(layer: Layer, hardware: Hardware) -> bool:
    lines = 2 * _lines(layer.source, hardware) + _lines(layer.target, hardware)
    return lines <= hardware.spike_lines


def _front(layers: Sequence[Layer]) -> list[Layer]:
    """The layers from the first on that may be cut: each reads what the one before writes."""
    out: list[Layer] = []
    for layer in layers:
        if layer.mode != isa.MODE_SPIKE or layer.weight is None or layer.repeat:
            break
        if out and layer.source.name != out[-1].target.name:
            break
        out.append(layer)
    return out


def _cuts(group: Sequence[Layer], hardware: Hardware, whole: bool) -> Iterator[list[Layer]]:
    """``group`` in more and more stripes, the last layer's output ``whole`` or also in stripes."""
    rows, unit = group[-1].source.height, _unit(group)
    seen = set()
    for count in range(2, rows // unit + 1):
        edges = (*(rows * i // (unit * count) * unit for i in range(count)), rows)
        height = max(high - low for low, high in pairwise(edges))
        if height not in seen:
            seen.add(height)
            yield in_stripes(group, edges, hardware, whole)


def in_stripes(
    group: Sequence[Layer], edges: Sequence[int], hardware: Hardware, whole: bool
) -> list[Layer]:
    """``group``, each layer of which reads what the one before writes, one stripe after the other.

    ``edges``: rows of the last layer, multiples of :func:`_unit` but for the end, between which its
    stripes lie;
    ``whole``: they write parts of one tensor.
    """
    out = []
    for number, (low, high) in enumerate(pairwise(edges)):
        stripe: list[Layer] = []
        target = group[-1].target
        if not whole:
            target = _window(target, number, *_written(group[-1], low, high))
        for i in reversed(range(len(group))):
            layer = group[i]
            source, height = layer.source, layer.source.height
            reach = int(layer.taps == 9)
            first, last = max(0, low - reach), min(height, high + reach)
            rows = low, high
            if i:  # the rows of the layer before
                low, high = first, last
                if group[i - 1].pool:
                    low, high = 2 * max(0, first - 1), min(2 * last, group[i - 1].source.height)
                low -= low % _unit(group)
                first, last = _written(group[i - 1], low, high)
            else:
                first -= first % _aligned(source, hardware)
            window = _window(source, number, first, last)
            at = rows[0] // 2 if layer.pool else rows[0]
            place = Stripe(
                first=rows[0],
                rows=rows[1] - rows[0],
                height=height,
                read=rows[0] - first,
                written=at - target.first,
                clear=target.height if target.part_of or number == 0 else 0,
            )
            name = f"{layer.name}@{number}"
            stripe.append(replace(layer, name=name, source=window, target=target, stripe=place))
            target = window
        out += reversed(stripe)
    return out


def _unit(group: Sequence[Layer]) -> int:
    """Rows after which pooled rows and the pattern of an encoder's charge repeat."""
    return 2 if any(layer.pool or layer.charge for layer in group) else 1


def _written(layer: Layer, low: int, high: int) -> tuple[int, int]:
    """The first row that ``layer`` writes when it computes rows ``low`` to ``high`` - 1, and the
    one behind the last; at the edges pooled rows are not complete."""
    if not layer.pool:
        return low, high
    return low // 2, (high + 1) // 2 + (high < layer.source.height and high % 2 == 0)


def _window(tensor: Tensor, number: int, first: int, last: int) -> Tensor:
    return replace(
        tensor,
        name=f"{tensor.name}@{number}",
        height=last - first,
        part_of=tensor.name,
        first=first,
    )


def _aligned(tensor: Tensor, hardware: Hardware) -> int:
    """Rows of whole beats of an input in memory: a load begins with a beat."""
    row = input_bytes.records(replace(tensor, height=1), hardware)
    bits = row * input_bytes.record_words(tensor, hardware) * hardware.lanes
    return BEAT_BITS // gcd(bits, BEAT_BITS)


def _least(refusal: LimitError) -> int:
    """Spike lines with which it might do."""
    return max(excess.least for excess in refusal.found)


def _unfit(
    layers: Sequence[Layer], inputs: Sequence[Tensor], hardware: Hardware
) -> LimitError | None:
    """Why the maps have no room, whatever windows of timesteps are taken; None if they have."""

    large = [
        replace(
            x,
            source=_roomy(x.source, hardware),
            target=x.target and _roomy(x.target, hardware),
        )
        for x in layers
    ]
    try:
        spike_places(large, inputs, hardware)
    except LimitError as refusal:
        return refusal
    return None


def _roomy(tensor: Tensor, hardware: Hardware) -> Tensor:
    """``tensor`` with as many timesteps side by side as there may be."""
    most = min(MAX_WINDOW, hardware.line_words)
    return replace(tensor, block=max(1, min(most, 1 << (tensor.steps - 1).bit_length())))


def _lines(tensor: Tensor, hardware: Hardware) -> int:
    return tensor.tokens * _roomy(tensor, hardware).lines(hardware)


def _cycles(layers: Sequence[Layer], hardware: Hardware) -> float:
    """About the cycles of the stripes and of their loads, none of them hidden."""
    total, weights = 0.0, {}
    for layer in layers:
        if layer.stripe:
            if layer.parts not in weights:
                weights[layer.parts] = np.count_nonzero(layer.weight)
            count = weights[layer.parts]
            total += windows.START + layer.units * count * windows.AWAKE / hardware.pes
            total += count * windows.CODED_BITS / (8 * hardware.bus_bytes)
    return total
