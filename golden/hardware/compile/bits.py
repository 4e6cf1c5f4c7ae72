# SPDX-License-Identifier: Apache-2.0
"""Bit fields to and from bytes: little endian, field 0 in the lowest bits."""

from collections.abc import Sequence

import numpy as np

from golden.contract.narrow import narrow
from golden.hardware.configuration import BEAT_BITS


def pack(values: np.ndarray, width: int, name: str, align: int = BEAT_BITS) -> bytes:
    """Records (R, F) of F fields of ``width`` bits, each record padded to ``align`` bits.

    Negative values are taken modulo 2**width. UserError with ``name`` for a value that fits
    ``width`` bits neither with a sign nor without.
    """
    return pack_parts([(values, width)], name, align)


def pack_parts(parts: Sequence[tuple[np.ndarray, int]], name: str, align: int = BEAT_BITS) -> bytes:
    """Records of several arrays of fields, each (R, F) with a width of its own, padded as in
    :func:`pack`.
    """
    columns = []
    for values, width in parts:
        values = np.ascontiguousarray(
            narrow(values, "<i8", name, -(1 << width >> 1), (1 << width) - 1)
        )
        records, count = values.shape
        bits = np.unpackbits(
            values.view(np.uint8).reshape(records, count, 8), axis=2, bitorder="little"
        )
        columns.append(bits[:, :, :width].reshape(records, count * width))
    bits = np.concatenate(columns, axis=1)
    bits = np.pad(bits, ((0, 0), (0, -bits.shape[1] % align)))
    return to_beats(np.packbits(bits, bitorder="little").tobytes())


def unpack(data: bytes, records: int, count: int, width: int, align: int = BEAT_BITS) -> np.ndarray:
    """The unsigned fields (R, F) int64 that :func:`pack` wrote."""
    size = -(-count * width // align) * align
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=records * size, bitorder="little")
    bits = bits.reshape(records, size)[:, : count * width].reshape(records, count, width)
    return bits.astype(np.int64) @ (np.int64(1) << np.arange(width, dtype=np.int64))


def signed(values: np.ndarray, width: int) -> np.ndarray:
    """Two's complement of ``width`` bits to int64."""
    values = np.asarray(values, np.int64)
    return np.where(values >> (width - 1) & 1, values - (1 << width), values)


def to_beats(data: bytes) -> bytes:
    """``data`` padded with zeros to whole 64-bit beats."""
    return data + bytes(-len(data) % (BEAT_BITS // 8))
