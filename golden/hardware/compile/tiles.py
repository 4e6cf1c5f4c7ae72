# SPDX-License-Identifier: Apache-2.0
"""Tiling over output channels: a layer that does not fit becomes several.

Every tile scans the spikes again and loads its own weights, each of them once. A row costs as many
words as its fullest lane in the tile at hand, so an edge in a bad place unbalances a balanced
layer: of the edges that fit, those with the fewest words in all are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from golden.contract.limits import LimitError, deep, told
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.rows import row_lengths
from golden.hardware.configuration import Hardware

MOST_TILES = 16  # of a layer, that are tried


@dataclass(frozen=True)
class Plan:
    """A layer as the tiles ``parts``, with those that repeat it: ``same`` begins with itself."""

    same: Sequence[Layer]
    parts: Sequence[Layer]

    @property
    def edges(self) -> tuple[int, ...]:
        """First output words of the tiles."""
        return tuple(part.out_first for part in self.parts)

    def layers(self, hardware: Hardware) -> list[Layer]:
        """In the order in which they run: a tile comes with those of the layers that repeat it."""
        out: list[Layer] = []
        for some in portions(self.same, self.parts, hardware):
            split = [alike_split(x, self.parts, hardware.lanes) for x in some]
            for together in zip(*split, strict=True):
                out += [replace(tile, repeat=k) for k, tile in enumerate(together)]
        return out

    def others(self, hardware: Hardware) -> Iterator[Plan]:
        """The same layer in other tiles, those with the most output words first."""
        layer, seen = self.same[0], {self.edges}
        if not divisible(layer) or layer.planes is not None:
            return
        for count in range(1, min(layer.words, MOST_TILES) + 1):
            try:
                plan = Plan(self.same, tiles(layer, hardware, -(-layer.words // count)))
            except LimitError:
                continue
            if plan.edges not in seen:
                seen.add(plan.edges)
                yield plan


def divisible(layer: Layer) -> bool:
    """Whether the layer can be split over its outputs."""
    return layer.weight is not None


def tiles(layer: Layer, hardware: Hardware, most: int | None = None) -> list[Layer]:
    """``layer`` as the smallest number of layers that fit accumulators and weight banks, with at
    most ``most`` output words each if it is :func:`divisible`."""
    most = hardware.acc_depth if most is None else min(most, hardware.acc_depth)
    if _fits(layer, hardware, most if divisible(layer) else hardware.acc_depth):
        return [layer]
    if divisible(layer):
        for count in range(2, layer.words + 1):
            tried = [split(layer, edges, hardware.lanes) for edges in _edges(layer.words, count)]
            fitting = [parts for parts in tried if all(_fits(p, hardware, most) for p in parts)]
            if fitting:
                return min(fitting, key=lambda parts: _words(parts, hardware))
        words = split(layer, list(range(layer.words + 1)), hardware.lanes)
        layer = replace(max(words, key=lambda word: bank_words(word, hardware)), name=layer.name)
    needed = 0 if layer.weight is None else bank_words(layer, hardware)
    why = "not even one word of its outputs alone" if divisible(layer) else "attention is not split"
    found = [
        *deep(layer.name, "accumulators per lane", layer.words, "acc_depth", hardware.acc_depth),
        *deep(layer.name, "weight words per bank", needed, "bank_depth", hardware.bank_depth),
    ]
    raise LimitError(
        f"{layer.name}: {layer.words} accumulators per lane and {needed} weight words per bank "
        f"do not fit acc_depth={hardware.acc_depth} and bank_depth={hardware.bank_depth}, "
        f"{why}; use hardware with {told(found)} or a smaller network",
        found,
    )


def split(layer: Layer, edges: list[int], lanes: int) -> list[Layer]:
    """``layer`` as one layer per pair of neighbouring ``edges``, which are output words."""
    return [
        replace(
            layer,
            name=f"{layer.name}[{i}]",
            words=high - low,
            weight=layer.weight[:, :, low * lanes : high * lanes],
            bias=layer.bias[low * lanes : high * lanes],
            theta2=layer.theta2[low * lanes : high * lanes],
            columns=layer.columns[low * lanes : high * lanes],
            out_first=layer.out_first + low,
            tile=i,
        )
        for i, (low, high) in enumerate(pairwise(edges))
    ]


def repeated(layers: Sequence[Layer]) -> list[list[Layer]]:
    """``layers`` one after the other, each together with those behind it that repeat it."""
    out: list[list[Layer]] = []
    for layer in layers:
        if layer.repeat:
            out[-1].append(layer)
        else:
            out.append([layer])
    return out


def portions(
    same: Sequence[Layer], parts: Sequence[Layer], hardware: Hardware
) -> list[Sequence[Layer]]:
    """The layers ``same``, which repeat one that was split into ``parts``, as many at a time as the
    spike memory has room for: inputs and outputs stay until the last part is done."""
    source, target = same[0].source, same[0].target
    each = sum(t.tokens * t.lines(hardware) for t in (source, target) if t is not None)
    most = len(same) if len(parts) == 1 else max(1, hardware.spike_lines // each - 1)
    count = -(-len(same) // most)
    edges = [len(same) * i // count for i in range(count + 1)]
    return [same[low:high] for low, high in pairwise(edges)]


def alike_split(layer: Layer, parts: Sequence[Layer], lanes: int) -> list[Layer]:
    """``layer`` split like one of the same shape that was split into ``parts``."""
    if len(parts) == 1:
        return [layer]
    first = parts[0].out_first
    edges = [x.out_first - first for x in parts]
    return split(layer, [*edges, edges[-1] + parts[-1].words], lanes)


def _edges(words: int, count: int) -> list[list[int]]:
    """Edges of ``count`` nearly equal tiles: at any word, or at multiples of 2, 4, 8, ... words."""
    out, step = [], 1
    while step * count <= words:
        units = -(-words // step)
        edges = np.linspace(0, units, count + 1).astype(int) * step
        out.append([*map(int, edges[:-1]), words])
        step *= 2
    return out


def _fits(layer: Layer, hardware: Hardware, most: int) -> bool:
    if layer.words > most:
        return False
    return layer.weight is None or bank_words(layer, hardware) <= hardware.bank_depth


def _words(parts: list[Layer], hardware: Hardware) -> int:
    """Weight words of all rows of all tiles."""
    return sum(int(row_lengths(p.weight, hardware.lanes).sum()) for p in parts)


def bank_words(layer: Layer, hardware: Hardware) -> int:
    """Weight words in the fullest bank (planes that share a row are counted once)."""
    length = row_lengths(layer.weight, hardware.lanes)
    taps, real = length.shape
    bank = (np.arange(real) + np.arange(taps)[:, None]) % hardware.banks
    if layer.planes:
        length = np.where(layer.planes.shared(hardware.banks), 0, length)
    return int(np.bincount(bank.ravel(), length.ravel()).max())
