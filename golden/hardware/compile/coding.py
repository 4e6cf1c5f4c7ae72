# SPDX-License-Identifier: Apache-2.0
"""Coded loads: weight words as codes of a 16-entry codebook, row tables as row lengths.

A coded weight record is one weight word: a code of CODE_BITS bits per lane, then an index of w bits
per lane, padded to halves of a beat (docs/reference/formats.md, "Coded loads"). The index is either
stored whole, or only within a block of 2**w accumulators: word k of every row then goes to block k.
Balanced weights with one weight per block need log2(block) index bits, as N:M sparsity does.
"""

from dataclasses import dataclass

import numpy as np

from golden.hardware.coded_record import (
    CODE_BITS,
    CODES,
    HALF_BITS,
    LENGTH_BITS,
    record_halves,
)
from golden.hardware.compile import bits
from golden.hardware.compile.rows import PackedRows, entry
from golden.hardware.configuration import WEIGHT_WIDTH, clog2

_MIDDLE = 1 << WEIGHT_WIDTH - 1  # of the weights; added, none is negative


@dataclass(frozen=True)
class Coded:
    """Data of a coded load and the fields of its descriptor."""

    data: bytes
    fields: dict[str, int]


def code_weights(packed: PackedRows) -> Coded | None:
    """Code the weight words of a layer in the format that takes least, None if they do not fit.

    The codebook needs the weight 0, too, if any lane of a row has fewer weights than the row words.
    """
    words, _, lanes = packed.slots.shape
    weight = bits.signed(packed.slots & (1 << WEIGHT_WIDTH) - 1, WEIGHT_WIDTH)
    index = packed.slots >> WEIGHT_WIDTH
    read = (np.arange(words)[:, None] < packed.used)[..., None]  # nothing reads the others
    seen = np.bincount(weight[np.broadcast_to(read, weight.shape)] + _MIDDLE, minlength=2 * _MIDDLE)
    values = np.flatnonzero(seen) - _MIDDLE
    if not 0 < len(values) <= CODES:  # a layer without any weight has none
        return None
    values = values[np.argsort(values != 0, kind="stable")]  # 0 first, for what nothing reads
    book = np.zeros(CODES, np.int64)
    book[: len(values)] = values
    code_of = np.zeros(2 * _MIDDLE, np.int64)
    code_of[values + _MIDDLE] = np.arange(len(values))
    code = np.where(read, code_of[weight + _MIDDLE], 0)

    reach = clog2(int(index.max()) + 1)
    formats = [(record_halves(lanes, reach), 0, reach, index, code)]
    for width in range(reach):
        fields = _by_block(packed, index, weight, code, width)
        if fields is not None:
            formats.append((record_halves(lanes, width), 1, width, *fields))
    _, block, width, index, code = min(formats, key=lambda f: f[:2])
    parts = [(code.reshape(-1, lanes), CODE_BITS), (index.reshape(-1, lanes), width)]
    fields = dict(coded=1, block=block, index_bits=width)
    if block:
        fields["row_words"] = _row_words(packed)
    for i, four in enumerate(book.reshape(4, 4) & (1 << WEIGHT_WIDTH) - 1):
        fields[f"codebook_{i}"] = int(four @ (1 << WEIGHT_WIDTH * np.arange(4)))
    return Coded(bits.pack_parts(parts, "coded weights", HALF_BITS), fields)


def _by_block(packed: PackedRows, index, weight, code, width: int):
    """(index within a block, code) with word k of every row in block k of 2**width, else None.

    All rows must have one length, enough for all blocks, and a lane at most one weight per block.
    """
    words, banks, lanes = index.shape
    length = _row_words(packed)
    if not length or (packed.used % length).any():
        return None
    block = index >> width
    used = weight != 0
    if block[used].max(initial=0) >= length:
        return None
    row = np.broadcast_to((np.arange(words) // length * length)[:, None, None], index.shape)
    bank = np.broadcast_to(np.arange(banks)[None, :, None], index.shape)
    lane = np.broadcast_to(np.arange(lanes), index.shape)
    place = (row + block)[used], bank[used], lane[used]
    taken = np.zeros(index.shape, bool)
    taken[place] = True
    if taken.sum() < used.sum():
        return None
    within, codes = np.zeros_like(index), np.zeros_like(code)  # code 0: weight 0 if any is unused
    within[place] = (index & (1 << width) - 1)[used]
    codes[place] = code[used]
    return within, codes


def _row_words(packed: PackedRows) -> int:
    """The words of every row that has some, 0 if they differ."""
    lengths = np.unique(packed.length[packed.length > 0])
    return int(lengths[0]) if len(lengths) == 1 else 0


def code_rows(entries: np.ndarray, stored: np.ndarray, first: int) -> Coded | None:
    """Code a row table (entries per bank, B) as the lengths ``stored``; None if it cannot be.

    The rows of a bank must follow each other from word ``first`` on, without shifts; an entry
    without a row (length 0) is read as one word at ``first``.
    """
    if stored.max(initial=0) >= 1 << LENGTH_BITS:
        return None
    start = first + np.cumsum(stored, axis=0) - stored
    if (np.where(stored, entry(start, stored, 0), entry(first, 1, 0)) != entries).any():
        return None
    data = bits.pack(stored.reshape(1, -1), LENGTH_BITS, "row lengths")
    return Coded(data, dict(coded=1, first_word=first))
