# SPDX-License-Identifier: Apache-2.0
"""What the decoders of the hardware make of coded loads (docs/reference/formats.md, "Coded loads").

Written from the format, apart from golden.hardware.compile.coding, which encodes.
"""

from collections.abc import Mapping

import numpy as np

from golden.hardware.compile import bits
from golden.hardware.configuration import WEIGHT_WIDTH, Hardware


def weight_words(data: bytes, fields: Mapping[str, int], hardware: Hardware) -> np.ndarray:
    """(records, P) slots {index, weight} of a coded weight load."""
    width, count, lanes = fields["index_bits"], fields["records"], hardware.lanes
    size = -(-lanes * (width + 4) // 32) * 32
    record = np.unpackbits(np.frombuffer(data, np.uint8), count=count * size, bitorder="little")
    record = record.reshape(count, size).astype(np.int64)
    code = record[:, : 4 * lanes].reshape(count, lanes, 4) @ (1, 2, 4, 8)
    index = record[:, 4 * lanes : (4 + width) * lanes].reshape(count, lanes, width)
    index = index @ (1 << np.arange(width, dtype=np.int64))
    book = np.array([
        fields[f"codebook_{code // 4}"] >> 8 * (code % 4) & 0xFF for code in range(16)
    ])  # fmt: skip
    if fields["block"]:
        word = np.arange(count) // hardware.banks % fields["row_words"]
        index = index + (word << width)[:, None]
    return index << WEIGHT_WIDTH | book[code]


def row_entries(data: bytes, fields: Mapping[str, int], hardware: Hardware) -> np.ndarray:
    """(records,) entries of a coded row table, in the form of raw ones."""
    lengths = bits.unpack(data, 1, fields["records"], 4)[0]
    following = [fields["first_word"]] * hardware.banks
    entries = []
    for record, length in enumerate(map(int, lengths)):
        bank = record % hardware.banks
        entries.append(following[bank] | length << 16 if length else fields["first_word"] | 1 << 16)
        following[bank] += length
    return np.array(entries, np.int64)
