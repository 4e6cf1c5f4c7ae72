# SPDX-License-Identifier: Apache-2.0
"""The sizes of coded loads, which the compiler writes and the checks of a program ask for."""

CODE_BITS = 4
CODES = 1 << CODE_BITS
LENGTH_BITS = 4  # of a coded row
HALF_BITS = 32  # half a beat, what records are padded to


def record_halves(lanes: int, index_bits: int) -> int:
    """Halves of a beat that a coded weight record takes."""
    return -(-lanes * (index_bits + CODE_BITS) // HALF_BITS)
