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
    """The bursts of ``beats`` beats of 8 bytes from ``address`` on: (address, words) of each.

    Of whole words of ``bus`` bytes. None is longer than ``most`` words, none crosses a page; behind
    the last address comes 0.
    """
    found = []
    end = address + 8 * beats
    while address < end:
        first = address // bus * bus
        last = min(-(-end // bus) * bus, first + bus * most, (first // PAGE + 1) * PAGE)
        found.append((first % SPACE, (last - first) // bus))
        address = last
    return found


def outside(bursts: list[tuple[int, int]], first: int, last: int) -> int | None:
    """Address of the first of ``bursts`` that touches a byte not in ``first`` .. ``last``."""
    for address, beats in bursts:
        if not first <= address <= address + 8 * beats - 1 <= last:
            return address
    return None
