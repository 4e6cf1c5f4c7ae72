# SPDX-License-Identifier: Apache-2.0
"""How a hostile program is run: jobs, places, windows, watchdog, and what disturbs it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from golden.hardware import isa
from tb.campaigns.fuzz_memory import Memory, Span

JOBS = 4  # of a ring, at most
LOG_ENTRIES = 2  # of the ring: log2 of the entries, at most
OUTSIDE = 0x7FFF_0000  # an address where nothing lies
WATCHDOGS = {"none": 1, "half": 3, "twice": 4, "four times": 4}  # the cycles of a good run; weights
STOPS = {"an abort": 10, "a soft reset": 10, "windows closed": 3}  # percent of the programs


@dataclass(frozen=True)
class Layout:
    """Places in memory: those of the good program, then the ring, images and results of jobs."""

    program: int
    weights: int
    ring: int
    images: tuple[int, ...]
    results: tuple[int, ...]
    end: int

    @classmethod
    def behind(cls, place: dict[str, int], image_bytes: int, result_bytes: int) -> Layout:
        at = -(-place["end"] // 64) * 64
        ring, at = at, at + (32 << LOG_ENTRIES)
        image = -(-image_bytes // 8) * 8 + 24
        images = tuple(at + image * k for k in range(JOBS))
        at += image * JOBS
        result = -(-result_bytes // 8) * 8 + 40
        results = tuple(at + result * k for k in range(JOBS))
        return cls(place["program"], place["weights"], ring, images, results, at + result * JOBS)


@dataclass
class Plan:
    """Of one run.

    jobs: of the ring; None: CTRL.start.  queued: of them with the first doorbell; the others come
    at cycle ``doorbell``.  origin: where byte 0 of the memory lies.  shift: by how much WEIGHT_BASE
    is lower and the offsets of loads are higher.  bad: job with a wrong image or result address,
    and which.  checked: entries have the CRC of their image, that of job ``spoilt`` a wrong one.
    watchdog: of WATCHDOGS.  stop: of STOPS, at cycle ``stop_at``.  writes: cycles of
    register writes that must not matter.  what: the same in words.
    """

    images: list[int]
    jobs: int | None = None
    log_entries: int = 0
    queued: int = 1
    doorbell: int = 0
    flags: int = 0
    origin: int = 0
    shift: int = 0
    read: Span = (0, 0)
    write: Span = (0, 0)
    bad: tuple[int, str] | None = None
    checked: bool = False
    spoilt: int | None = None
    watchdog: str = "twice"
    stop: str | None = None
    stop_at: int = 0
    writes: list[int] = field(default_factory=list)
    bus_error: bool = False
    what: list[str] = field(default_factory=list)

    def memory(self, layout: Layout, data: bytearray, addr_width: int) -> Memory:
        """What it runs in."""
        images, results = ([*places[: len(self.images)]] for places in
                           (layout.images, layout.results))  # fmt: skip
        if self.bad:
            (images if self.bad[1] == "image" else results)[self.bad[0]] = OUTSIDE - self.origin
        return Memory(
            data, layout.program, layout.weights - self.shift, images, results, self.read,
            self.write, 1 << addr_width,
        )  # fmt: skip

    def relocated(self, program: bytes, seal: bool) -> bytes:
        """``program`` with the offsets of its weights ``shift`` higher."""
        if not self.shift:
            return program
        cut = isa.cut(program)
        for index, descriptor in enumerate(cut):
            if descriptor[0] == isa.OP_LOAD and not isa.decode(descriptor)[1]["from_image"]:
                offset = int.from_bytes(descriptor[16:20], "little") + self.shift & 0xFFFF_FFFF
                cut[index] = descriptor[:16] + offset.to_bytes(4, "little") + descriptor[20:]
        program = b"".join(cut)
        return isa.sealed(program) if seal else program


def draw(rng: random.Random, layout: Layout, images: int, cycles: int, addr_width: int) -> Plan:
    """A plan for a program that takes ``cycles`` when it is good."""
    plan = Plan([rng.randrange(images)])
    if rng.random() < 0.35:
        jobs = rng.randint(1, JOBS)
        plan = Plan([rng.randrange(images) for _ in range(jobs)], jobs, flags=rng.getrandbits(JOBS))
        plan.queued, plan.doorbell = rng.randint(1, jobs), rng.randrange(cycles)
        plan.log_entries = rng.randint((jobs - 1).bit_length(), LOG_ENTRIES)
        plan.what.append(f"ring of {jobs} jobs, {plan.queued} at first")
        plan.checked = rng.random() < 0.3
        if plan.checked and rng.random() < 0.2:
            plan.spoilt = rng.randrange(jobs)
        plan.what += [f"CRC of images, wrong for job {plan.spoilt}"] * plan.checked
        if rng.random() < 0.15:
            plan.bad = rng.randrange(jobs), rng.choice(("image", "result"))
            plan.what.append(f"{plan.bad[1]} of job {plan.bad[0]} outside")
    for drawn in (_places, _windows, _disturbances):
        drawn(plan, rng, layout, cycles, addr_width)
    return plan


def _places(plan: Plan, rng: random.Random, layout: Layout, _: int, addr_width: int) -> None:
    bits = addr_width if plan.jobs is None else min(addr_width, 63)  # a ring lies below 2^63
    kind = rng.choice(("low", "anywhere", "top"))
    if kind == "top":
        plan.origin = (1 << bits) - layout.end
    elif kind == "anywhere":
        plan.origin = rng.randrange(((1 << bits) - layout.end) >> 3) << 3
        if plan.origin <= OUTSIDE < plan.origin + layout.end:
            plan.origin = 0
    if rng.random() < 0.15:
        top = 1 << (32 if addr_width == 32 else 31)  # offsets have 32 bits and do not wrap beyond
        plan.shift = rng.randrange(top >> 3) << 3
    plan.what.append(f"memory {kind}{', weights by far offsets' if plan.shift else ''}")


def _windows(plan: Plan, rng: random.Random, layout: Layout, *_: int) -> None:
    results, end = layout.results[0], layout.end - 1
    plan.read, plan.write = (layout.program, results - 1), (results, end)
    kind = rng.choices(("tight", "loose", "cut read", "cut write"), (6, 2, 1, 1))[0]
    if kind == "loose":
        plan.read = 0, end
    elif kind == "cut read":
        low, high = sorted(rng.randrange(layout.program, results) & ~7 for _ in range(2))
        plan.read = rng.choice(((low, results - 1), (layout.program, high | 7), (low, high | 7)))
    elif kind == "cut write":
        plan.write = rng.choice(((results, results + 7), (results + 8, end), (end & ~7, end)))
    plan.what.append(f"windows {kind}")


def _disturbances(plan: Plan, rng: random.Random, _: Layout, cycles: int, __: int) -> None:
    plan.watchdog = rng.choices([*WATCHDOGS], [*WATCHDOGS.values()])[0]
    plan.bus_error = rng.random() < 0.1
    plan.stop = rng.choices([None, *STOPS], [100 - sum(STOPS.values()), *STOPS.values()])[0]
    plan.stop_at = rng.randrange(1, cycles)
    if rng.random() < 0.2:
        plan.writes = sorted(rng.randrange(1, cycles) for _ in range(rng.randint(1, 6)))
        plan.what.append("register writes")
