# SPDX-License-Identifier: Apache-2.0
"""What the decoders of the hardware make of coded loads (docs/architecture.md, "Coded loads").

Written from the format, apart from golden.compile.coding, which encodes.
"""

from collections.abc import Mapping

import numpy as np

from golden.compile import bits
from golden.compile.hardware import WEIGHT_WIDTH, Hardware


def weight_words(data: bytes, fields: Mapping[str, int], hardware: Hardware) -> np.ndarray:
    """(records, P) slots {index, weight} of a coded weight load."""
    width, count = fields["index_bits"], fields["records"]
    coded = bits.unpack(data, count, hardware.lanes, width + 4, 32)
    book = np.array([
        fields[f"codebook_{code // 4}"] >> 8 * (code % 4) & 0xFF for code in range(16)
    ])  # fmt: skip
    index = coded >> 4
    if fields["block"]:
        word = np.arange(count) // hardware.banks % fields["row_words"]
        index = index + (word << width)[:, None]
    return index << WEIGHT_WIDTH | book[coded & 15]


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
