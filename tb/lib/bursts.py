# SPDX-License-Identifier: Apache-2.0
"""How the masters cut a command into bursts."""

from tb.lib.parameters import PARAMETERS

PAGE = 4096
ADDR_WIDTH = PARAMETERS.get("AddrWidth", 32)
SPACE = 1 << ADDR_WIDTH
MAX_BURST = 64  # beats


def bursts_of(address: int, beats: int, most: int = MAX_BURST) -> list[tuple[int, int]]:
    """The bursts of ``beats`` beats of 8 bytes from ``address`` on: (address, beats) of each.

    None is longer than ``most`` beats, none crosses a page; behind the last address comes 0.
    """
    found = []
    while beats:
        count = min(beats, most, (PAGE - address % PAGE) // 8)
        found.append((address, count))
        address, beats = (address + 8 * count) % SPACE, beats - count
    return found


def outside(bursts: list[tuple[int, int]], first: int, last: int) -> int | None:
    """Address of the first of ``bursts`` that touches a byte not in ``first`` .. ``last``."""
    for address, beats in bursts:
        if not first <= address <= address + 8 * beats - 1 <= last:
            return address
    return None
