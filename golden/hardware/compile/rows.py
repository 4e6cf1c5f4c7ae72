# SPDX-License-Identifier: Apache-2.0
"""Packing of weight rows into slots, and their places in the banks.

A row's length is that of its fullest lane, so balanced weights (C per row and lane) need C words
and unstructured ones need more: the imbalance is paid where it arises. A row without weights needs
none: the row mask of the groups (:func:`row_mask`) keeps its spikes from being issued.
"""

from dataclasses import dataclass, replace
from math import lcm

import numpy as np

from golden.contract.errors import UserError
from golden.hardware.compile.planes import Planes
from golden.hardware.compile.tensor import Tensor
from golden.hardware.configuration import WEIGHT_WIDTH, Hardware

# Rows of unequal length, as measured on the RTL (docs/reference/compiler.md).
GRANT_CYCLES = 10  # from a grant until its first word is added
ABOVE_MEAN = 0.25  # words that the pace is above the mean length before it is rounded down
MOST_AHEAD = 15  # of the field rows_ahead


@dataclass
class PackedRows:
    """The rows of one layer; addresses count from the layer's first word in each bank."""

    slots: np.ndarray  # (words per bank, B, P) int64, {index, weight}
    entries: np.ndarray  # (entries per bank, B) int64: address, length, shift as in the row table
    length: np.ndarray  # (taps, C) words of a row; 0: it must not be issued
    useful: np.ndarray  # (taps, C) non-zero weights of a row
    tap_rows: int
    used: np.ndarray  # (B,) words of a bank that belong to rows; nothing reads those behind
    stored: np.ndarray  # (entries per bank, B) words of the row of an entry, 0 if it has none

    @property
    def words(self) -> int:
        """Weight words per bank."""
        return len(self.slots)

    def fitting(self, first: int, size: int) -> int:
        """The entries from ``first`` on, per bank, whose rows take at most ``size`` words."""
        return int((np.cumsum(self.stored[first:], axis=0).max(1) <= size).sum())

    def piece(self, first: int, last: int) -> "PackedRows":
        """The rows of the entries ``first`` .. ``last`` - 1 alone, from word 0 of every bank on;
        of rows that follow each other, as they do without planes."""
        before, stored = self.stored[:first].sum(0), self.stored[first:last]
        used = stored.sum(0)
        slots = np.zeros((max(*used, 1), *self.slots.shape[1:]), np.int64)
        for bank, (at, count) in enumerate(zip(before, used, strict=True)):
            slots[:count, bank] = self.slots[at : at + count, bank]
        start = np.cumsum(stored, axis=0) - stored
        entries = np.where(stored, entry(start, stored, 0), entry(0, 1, 0))
        return replace(self, slots=slots, entries=entries, used=used, stored=stored)

    @property
    def pace(self) -> dict[str, int]:
        """The fields of a descriptor that pace its grants: the common length of the rows; if they
        differ, hardly more than their mean, and how many rows hide the way from a grant to the
        first word."""
        lengths = np.unique(self.length[self.length > 0])
        if len(lengths) < 2:
            return {"row_cost": int(lengths[0]) if len(lengths) else 1, "rows_ahead": 0}
        mean = float(self.length[self.length > 0].mean())
        ahead = min(MOST_AHEAD, 1 + round(GRANT_CYCLES / mean))
        return {"row_cost": int(mean + ABOVE_MEAN), "rows_ahead": ahead}


def entry(address, length, shift):
    """A row-table entry."""
    return address | length << 16 | shift << 24


def row_lengths(weight: np.ndarray, lanes: int) -> np.ndarray:
    """(taps, C): words that each row of ``weight`` (taps, C, J*P) takes."""
    per_lane = (weight.reshape(*weight.shape[:2], -1, lanes) != 0).sum(2)
    return per_lane.max(-1)


def pack_rows(
    weight: np.ndarray,
    planes: Planes | None,
    channels: int,
    hardware: Hardware,
    masked: bool = False,
) -> PackedRows:
    """Pack ``weight`` (taps, C, J*P) for a source of ``channels`` >= C channels, a multiple of P.

    ``masked``: spikes of rows without weights are masked; else such a row gets a word of zeros.
    ``planes`` of one input channel that share a bank share one copy of their row.
    """
    banks, lanes = hardware.banks, hardware.lanes
    taps, real, _ = weight.shape
    by_word = weight.reshape(taps * real, -1, lanes)  # (rows, J, P)
    order = np.argsort(by_word == 0, axis=1, kind="stable")
    values = np.take_along_axis(by_word, order, axis=1)
    slots = np.where(values != 0, order << WEIGHT_WIDTH | values & (1 << WEIGHT_WIDTH) - 1, 0)
    length = np.maximum(row_lengths(weight, lanes), 0 if masked else 1)
    if length.max() > 255:
        raise UserError(f"a weight row of {length.max()} words is longer than the largest, 255")

    tap_rows = channels // banks
    entries = np.full((taps * tap_rows, banks), entry(0, 1, 0), np.int64)
    stored = np.zeros_like(entries)
    in_bank: list[list[np.ndarray]] = [[] for _ in range(banks)]
    used, known = [0] * banks, {}
    for tap in range(taps):
        for c in range(real):
            bank = (c + tap) % banks
            key = (bank, tap, planes.channel[c] if planes else c)
            if not length[tap, c]:
                continue
            if key not in known:
                row = tap * real + c
                words = slots[row, : length[tap, c]]
                known[key] = used[bank]
                in_bank[bank].append(words)
                used[bank] += len(words)
            place = tap * tap_rows + c // banks, bank
            entries[place] = entry(known[key], int(length[tap, c]), planes.bit[c] if planes else 0)
            stored[place] = length[tap, c]
    out = np.zeros((max(*used, 1), banks, lanes), np.int64)
    for bank, words in enumerate(in_bank):
        if words:
            out[: used[bank], bank] = np.concatenate(words)
    useful = (weight != 0).sum(2)
    return PackedRows(out, entries, length, useful, tap_rows, np.array(used), stored)


def mask_lines(source: Tensor, hardware: Hardware) -> int:
    """Lines after which the mask of a pixel of ``source`` repeats."""
    words = lcm(source.step * source.block, hardware.line_words)
    return min(words // hardware.line_words, source.lines(hardware))


def row_mask(
    length: np.ndarray, source: Tensor, first: int, words: int, hardware: Hardware
) -> np.ndarray:
    """Mask (taps * period, LineWords * P) of rows of ``length`` (taps, C): 1 where there is a row.

    The ``words`` words of a step of ``source`` that count begin at word ``first``; a pixel's lines
    repeat every ``period`` = :func:`mask_lines` lines.
    """
    period = mask_lines(source, hardware)
    taps, real = length.shape
    lanes = hardware.lanes
    kept = np.zeros((taps, words * lanes), np.int64)
    kept[:, :real] = length > 0
    place = np.arange(period * hardware.line_words) // source.block % source.step - first
    known = (place >= 0) & (place < words)  # words of a step
    mask = kept.reshape(taps, words, lanes)[:, np.where(known, place, 0)] * known[:, None]
    return mask.reshape(taps * period, hardware.line_words * lanes)


def attention_rows(steps: int, dim_words: int, m: int, hardware: Hardware) -> np.ndarray:
    """Row table (entries, B) of a Q layer: row (t, c) lies where the key-value layer dumps it."""
    per_step = dim_words * hardware.lanes // hardware.banks  # step_rows
    address = np.arange(steps * per_step) * m
    return np.repeat(entry(address, m, 0)[:, None], hardware.banks, axis=1)
