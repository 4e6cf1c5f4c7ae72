# SPDX-License-Identifier: Apache-2.0
"""Where the weights of layers lie in the banks: each in one piece, or in pieces that wait less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum

from golden.hardware.compile.allocate import Memory, Region
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.rows import PackedRows

LEAST = 32  # words of a piece per bank: every load takes some cycles


class Placement(Enum):
    """Of the weights of layers, one after the other: (by turns, in pieces).

    To the lowest place that is free soonest, or by turns to the lower and the upper end. In pieces:
    weights that would wait for the layer in front of their own are split, and what has room beside
    that layer's need not.
    """

    LOWEST = False, False
    BY_TURNS = True, False
    PIECES = False, True
    PIECES_BY_TURNS = True, True

    @property
    def by_turns(self) -> bool:
        return self.value[0]

    @property
    def in_pieces(self) -> bool:
        return self.value[1]


def pieces(
    memory: Memory,
    index: int,
    last: int,
    layer: Layer,
    packed: PackedRows,
    placement: Placement,
) -> Iterator[tuple[int, PackedRows, Region]]:
    """Places in ``memory`` for the rows of layer ``index``, in use until layer ``last`` is done:
    (first entry, rows, where).

    LimitError where there is no room.
    """
    whole = memory.find(packed.words, index, last)
    late = whole is None or (index and whole.wait_layers == index)
    if placement.in_pieces and late and not layer.planes:
        found = _in_pieces(memory, index, last, packed)
        if found:
            for _, _, region in found:
                memory.put(region)
            yield from found
            return
    yield 0, packed, memory.take(layer.name, packed.words, index, last)


def _in_pieces(
    memory: Memory, index: int, last: int, packed: PackedRows
) -> list[tuple[int, PackedRows, Region]]:
    """The same in the runs that wait least, empty if they have no room."""
    out, first, total = [], 0, len(packed.entries)
    for run in memory.runs(index, LEAST):
        count = packed.fitting(first, run.size)
        if run.size < LEAST and first + count < total:
            continue
        rows = packed.piece(first, first + count)
        if count:
            out.append((first, rows, replace(run, size=rows.words, last=last)))
        first += count
        if first == total:
            return out
    return []
