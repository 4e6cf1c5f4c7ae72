# SPDX-License-Identifier: Apache-2.0
"""Places in the on-chip memories, with lifetimes counted in layers.

A region lives from the layer that needs it to the last layer that reads it. A place that was used
before may be taken again; who fills it has to wait until that many layers have completed. Places
that need no waiting are taken first, so a network that fits never waits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from golden.contract.limits import Excess, LimitError


@dataclass(frozen=True)
class Region:
    """Addresses [start, start + size), used up to and including layer ``last``."""

    start: int
    size: int
    last: int
    wait_layers: int  # filling it may start when this many layers have completed

    def overlaps(self, start: int, size: int) -> bool:
        return self.start < start + size and start < self.start + self.size


@dataclass
class Memory:
    """One memory of ``depth`` addresses; ``what`` and ``field`` name it in messages."""

    what: str
    field: str
    depth: int
    loaded: bool = True  # from DRAM, ahead of time; else by the layer itself, which never waits
    by_turns: bool = False  # from the lower and the upper end, so that two large ones have room
    unit: int = 1  # a depth is a multiple of it
    takes: int = 0
    regions: list[Region] = field(default_factory=list)  # without those that later ones cover

    def take(
        self,
        name: str,
        size: int,
        layer: int,
        last: int,
        starts: Iterable[int] | None = None,
        loaded: bool | None = None,
        high: bool = False,
    ) -> Region:
        """Place ``size`` addresses for ``layer`` (its index), in use until ``last`` is done.

        ``starts``: the first addresses to choose from, else all that leave no gap. ``loaded``: how
        this region is filled, if not as the others of this memory. ``high``: from the upper end.
        """
        best = self.find(size, layer, last, starts, loaded, high)
        self.takes += 1
        if best is None:
            used = [r for r in self.regions if r.last >= layer]
            edges = {0, *(r.start + r.size for r in used)}
            free = (start for start in edges if not any(r.overlaps(start, size) for r in used))
            least = max(min(free) + size, self.depth + 1)
            least += -least % self.unit
            live = sum(r.size for r in used)
            value = min(live + size, least)
            raise LimitError(
                f"{name} needs {size} {self.what}, of {self.depth} in all {live} are in use then; "
                f"use hardware with {self.field}={least} or a smaller network",
                [Excess(name, self.what, value, self.depth, self.field, self.depth, least)],
            )
        self.put(best)
        return best

    def find(
        self,
        size: int,
        layer: int,
        last: int,
        starts: Iterable[int] | None = None,
        loaded: bool | None = None,
        high: bool = False,
    ) -> Region | None:
        """The region that :meth:`take` would take, None without room."""
        best, loaded = None, self.loaded if loaded is None else loaded
        places = {0, *(r.start + r.size for r in self.regions)}
        if self.by_turns or high:
            places |= {self.depth - size, *(r.start - size for r in self.regions)}
        down = high or (self.by_turns and self.takes % 2 == 1)
        for start in sorted(places if starts is None else starts, reverse=down):
            if not 0 <= start <= self.depth - size:
                continue
            overlaps = [r for r in self.regions if r.overlaps(start, size)]
            wait = max((r.last + 1 for r in overlaps), default=0)
            if wait <= layer and (best is None or (loaded and wait < best.wait_layers)):
                best = Region(start, size, last, wait)
        return best

    def runs(self, layer: int, least: int = 1) -> list[Region]:
        """The addresses that ``layer`` may have, as runs that wait alike, those that wait for the
        earliest layers first. Neighbours of fewer than ``least`` addresses wait together.
        """
        edges = {0, self.depth, *(e for r in self.regions for e in (r.start, r.start + r.size))}
        out: list[Region] = []
        for start, end in pairwise(sorted(edges)):
            overlaps = [r for r in self.regions if r.overlaps(start, end - start)]
            wait = max((r.last + 1 for r in overlaps), default=0)
            if wait > layer:
                continue
            run, last = Region(start, end - start, layer, wait), out[-1] if out else None
            if last and last.start + last.size == start and (
                last.wait_layers == wait or min(last.size, run.size) < least
            ):  # fmt: skip
                size, wait = last.size + run.size, max(last.wait_layers, wait)
                out[-1] = Region(last.start, size, layer, wait)
            else:
                out.append(run)
        return sorted(out, key=lambda run: run.wait_layers)

    def put(self, region: Region) -> None:
        """Take a region, or a piece of a run."""
        # Regions that it covers are gone: whoever waits for them waits for this one, used longer.
        self.regions = [r for r in self.regions if not self._covered(r, region)] + [region]

    @staticmethod
    def _covered(old: Region, new: Region) -> bool:
        inside = new.start <= old.start and old.start + old.size <= new.start + new.size
        return inside and old.last <= new.last

    def last_use(self, start: int, size: int) -> int:
        """The last layer so far that uses any address of [start, start + size), -1 if none."""
        return max((r.last for r in self.regions if r.overlaps(start, size)), default=-1)

    @property
    def peak(self) -> int:
        """Highest address ever used, plus one."""
        return max((r.start + r.size for r in self.regions), default=0)
