# SPDX-License-Identifier: Apache-2.0
"""Random bits, and lists of integers as packed vectors."""

import random
from collections.abc import Iterable


def coin(probability: float) -> bool:
    """True with this probability."""
    return random.random() < probability


def word(width: int, density: float) -> int:
    """``width`` bits, each set with probability ``density``."""
    return sum(coin(density) << i for i in range(width))


def pack(values: Iterable[int], width: int) -> int:
    """Element 0 in the low bits, ``width`` bits each."""
    return sum((v & ((1 << width) - 1)) << (i * width) for i, v in enumerate(values))


def unpack(value: int, width: int, count: int) -> list[int]:
    """The lowest ``count`` elements of ``width`` bits."""
    return [value >> (i * width) & ((1 << width) - 1) for i in range(count)]


def signed(value: int, width: int) -> int:
    """A vector of ``width`` bits as two's complement."""
    return value - (1 << width) if value >> (width - 1) else value
