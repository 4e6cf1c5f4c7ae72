# SPDX-License-Identifier: Apache-2.0
"""Where everything lies in the memory of a fuzzed run, and what the accelerator may touch of it."""

from __future__ import annotations

from dataclasses import dataclass

from golden.hardware import isa

Fields = dict[str, int]
Span = tuple[int, int]  # first and last byte


@dataclass
class Memory:
    """``data``, and places in it, from its byte 0 on; what lies in front of that is negative.

    weights: what offsets count from.  images, results: of every job.  read, write: the windows.
    space: number of addresses of the bus, in which all sums wrap.
    """

    data: bytearray
    program: int
    weights: int
    images: list[int]
    results: list[int]
    read: Span
    write: Span
    space: int = 1 << 32

    def place(self, base: int, offset: int) -> int:
        """Of byte ``offset`` from ``base`` on, below ``space``."""
        return (base + offset) % self.space

    def region(self, base: int) -> Region:
        return Region(self, base)

    def loaded(self, fields: Fields, job: int, size: int) -> bytes | None:
        """What a load of a job gets; None if not all of it is there."""
        base = self.images[job] if fields["from_image"] else self.weights
        data = self.region(base)[fields["offset"] : fields["offset"] + size]
        return data if len(data) == size else None

    def inside(self, window: Span, first: int, size: int) -> bool:
        return window[0] <= first and first + size - 1 <= window[1]

    def outside(self, op: int, fields: Fields, size: int) -> str | None:
        """What a load or store of ``size`` bytes reaches beyond its window, for the first job that
        does; None if nothing."""
        if op == isa.OP_STORE:
            bases, window, what = self.results, self.write, "stores"
        else:
            bases = self.images if fields["from_image"] else [self.weights]
            window, what = self.read, "loads"
        for base in bases:
            first = self.place(base, fields["offset"])
            if not self.inside(window, first, size):
                return f"{what} beyond the window at {first:#x}"
        return None


@dataclass
class Region:
    """The memory from ``base`` on, to be sliced as the bytes that it is."""

    memory: Memory
    base: int

    def __getitem__(self, part: slice) -> bytes:
        first, size = self.memory.place(self.base, part.start), part.stop - part.start
        return bytes(self.memory.data[first : first + size])
