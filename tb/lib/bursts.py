# SPDX-License-Identifier: Apache-2.0
"""How the masters cut a command into bursts."""

from tb.lib.parameters import PARAMETERS

PAGE = 4096
ADDR_WIDTH = PARAMETERS.get("AddrWidth", 32)
SPACE = 1 << ADDR_WIDTH
MAX_BURST = 64  # words
BUS = PARAMETERS.get("BusBytes", 8)  # bytes of a word


def bursts_of(
    address: int, beats: int, most: int = MAX_BURST, bus: int = 8
) -> list[tuple[int, int]]:
    """What is on the bus of ``asked_of``: (address of a word, words) of each burst."""
    return [
        (a // bus * bus, (a % bus // 8 + n - 1) // (bus // 8) + 1)
        for a, n in asked_of(address, beats, most, bus)
    ]


def asked_of(address: int, beats: int, most: int, bus: int) -> list[tuple[int, int]]:
    """The bursts of ``beats`` beats of 8 bytes from ``address`` on: (address, beats) of each.

    Of whole words of ``bus`` bytes. None is longer than ``most`` words, none crosses a page; behind
    the last address comes 0.
    """
    found = []
    end = address + 8 * beats
    while address < end:
        first = address // bus * bus
        last = min(end, first + bus * most, (first // PAGE + 1) * PAGE)
        found.append((address % SPACE, (last - address) // 8))
        address = last
    return found


def outside(bursts: list[tuple[int, int]], first: int, last: int) -> int | None:
    """Address of the first of ``bursts`` that touches a byte not in ``first`` .. ``last``."""
    for address, beats in bursts:
        if not first <= address <= address + 8 * beats - 1 <= last:
            return address
    return None
