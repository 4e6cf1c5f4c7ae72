# SPDX-License-Identifier: Apache-2.0
"""One hostile program on the accelerator, disturbed as its plan says, and its verdict."""

from __future__ import annotations

import random
import struct
from collections import Counter

from cocotb.triggers import First, RisingEdge, Timer

from golden.hardware import isa
from golden.hardware.check import HardwareStop, first_fault, image_crc
from tb.campaigns.fuzz_memory import Memory
from tb.campaigns.fuzz_oracle import certain, certain_stop, stores
from tb.campaigns.fuzz_plan import Layout, draw
from tb.campaigns.fuzz_programs import Hostile
from tb.campaigns.watched import Watched
from tb.lib.host import CAUSES, DECERR, PERIOD_NS, SLVERR
from tb.lib.inference import Outcome
from tb.lib.registers import (
    ABORT,
    BUSY,
    DONE,
    ERROR,
    IRQ_ERROR,
    IRQ_JOB,
    SOFT_RESET,
    START,
)

DRAIN = 70_000  # cycles that the end of a run may take at most when the bus hangs
SAMPLED = ("PROGRAM_BASE", "WEIGHT_BASE", "IMAGE_BASE", "RESULT_BASE", "PROGRAM_COUNT", "WATCHDOG",
           "RING_BASE", "RING_SIZE")  # fmt: skip


class Failed(Exception):
    """``verdict``: of VERDICTS; the bench needs a reset."""

    def __init__(self, verdict: str, what: str):
        super().__init__(what)
        self.verdict = verdict


class Run:
    """What a run is to do and, afterwards, what it did.

    well: it ended so.  compared: results of jobs.  cause: of the error registers, or what else it
    ended by.  open: why nothing was compared.  ran: counts for the report.
    """

    def __init__(
        self, watched: Watched, layout: Layout, rng: random.Random, cycles: int, hostile: Hostile
    ):
        self.watched, self.bench, self.layout, self.rng = watched, watched.bench, layout, rng
        self.cycles, self.hostile = cycles, hostile
        self.plan = draw(rng, layout, len(self.bench.packed), cycles, self.bench.addr_width)
        room = layout.weights - layout.program
        program = hostile.program[:room]
        self.program = self.plan.relocated(program, isa.sealed(program) == program)
        self.well = self.compared = 0
        self.bench.program_run = self.program
        self.cause, self.ran, self.open = "none", Counter(), Counter()
        self.stopped: str | None = None  # what of the plan's stop came in time
        self.crcs: list[int] = []  # of images, in the entries of the ring
        self.ended = False  # and the interrupt was there
        self.unclear = False  # nobody can say which jobs were to run

    def __str__(self) -> str:
        return "; ".join((*self.hostile.what, *self.plan.what))

    # -- doing it -----------------------------------------------------------------------------

    async def go(self) -> None:
        """The program from its start to its verdict; raises Failed."""
        memory = await self.prepare()
        bad = int(self.bench.dut.memory_bad_o.value)
        await self.begin()
        await self.disturb()
        if self.stopped == "a soft reset":
            await self.forgotten()
            return
        if not self.ended:
            await self.end()
        outcome = await self.bench.outcome()
        await self.bench.write("IRQ_STATUS", IRQ_JOB | IRQ_ERROR)
        self.cause = CAUSES.get(outcome.cause, "none")
        if int(self.bench.dut.escapes_o.value):
            raise Failed("escapes", "an access outside the windows")
        why = self.must_stop(memory, int(self.bench.dut.memory_bad_o.value) != bad)
        self.consistent(outcome, None if self.unclear else why)
        wrong = None
        if self.unclear:
            self.ran["errors about the doorbell"] += 1
        elif outcome.status == DONE:
            wrong = await self.wrong_well(memory)
        else:
            wrong = await self.wrong_stopped(memory, outcome)
        await self.watched.changes()
        if wrong:
            raise Failed("wrong", f"{wrong}; {outcome}")
        self.note()

    async def prepare(self) -> Memory:
        """Memory and registers; what the program finds."""
        bench, plan, layout, rng = self.bench, self.plan, self.layout, self.rng
        contents = {
            layout.program: self.program, layout.weights: self.hostile.weights,
            layout.results[0]: b"\xa5" * (layout.end - layout.results[0]),
        }  # fmt: skip
        for place, image in zip(layout.images, plan.images, strict=False):
            contents[place] = bench.packed[image]
        if plan.checked:
            self.crcs = [self.crc(bench.packed[image]) for image in plan.images]
        if plan.spoilt is not None:
            self.crcs[plan.spoilt] ^= 1 << rng.randrange(32)
        await bench.move(plan.origin)
        memory = plan.memory(layout, self.watched.data, bench.addr_width)
        self.tail = await bench.read("RING_TAIL")
        contents[layout.ring] = self.ring(memory)
        await self.watched.load(contents)
        memory.data = self.watched.data
        bases = {
            "PROGRAM": layout.program, "WEIGHT": memory.weights, "IMAGE": memory.images[0],
            "RESULT": memory.results[0], "RING": layout.ring,
        }  # fmt: skip
        for name, place in bases.items():
            low = rng.getrandbits(4 if name == "RING" else 3)  # bits that are not there
            await bench.write_address(f"{name}_BASE", bench.bus(place) | low)
        await bench.set_windows(plan.read, plan.write)
        await bench.write("PROGRAM_COUNT", self.hostile.count)
        await bench.write("RING_SIZE", plan.log_entries | plan.checked << 8)
        times = {"none": 0, "half": self.cycles // 2}
        default = (4 if plan.watchdog == "four times" else 2) * self.cycles
        await bench.write("WATCHDOG", times.get(plan.watchdog, default))
        await bench.write("IRQ_ENABLE", IRQ_JOB | IRQ_ERROR)
        if plan.bus_error:
            beats = (len(self.program) + len(self.hostile.weights)) // 8
            kind, beat = rng.choice(("read", "read", "write")), rng.randrange(1, beats)
            await bench.fail(**{kind: beat}, resp=rng.choice((SLVERR, DECERR)))
        return memory

    def crc(self, image: bytes) -> int:
        """Of an image, as the program loads it, or as the good one does."""
        hardware = self.bench.hardware
        try:
            return image_crc(hardware, self.program, image)
        except (HardwareStop, ValueError, KeyError):
            return image_crc(hardware, self.bench.program.program, image)

    def ring(self, memory: Memory) -> bytes:
        """Its entries, each where it belongs; what nobody reads is garbage."""
        plan, width = self.plan, self.bench.addr_width
        entries = [self.rng.randbytes(16 << plan.checked) for _ in range(1 << plan.log_entries)]
        for k, places in enumerate(zip(memory.images, memory.results, strict=True)):
            image, result = (self.bench.bus(p) | self.rng.getrandbits(3) for p in places)
            junk = self.rng.getrandbits(31) << 1 if width == 32 else 0
            high = junk | image >> 31 & ~1 | plan.flags >> k & 1
            words = image, result, high, junk | result >> 31 & ~1
            packed = struct.pack("<4I", *(word & 0xFFFF_FFFF for word in words))
            if plan.checked:
                packed += struct.pack("<I", self.crcs[k]) + self.rng.randbytes(12)
            entries[(self.tail + k) % len(entries)] = packed
        return b"".join(entries)

    async def begin(self) -> None:
        plan = self.plan
        if plan.jobs is None:
            await self.bench.write("CTRL", START)
        else:
            await self.bench.write("RING_HEAD", (self.tail + plan.queued) % 0x10000)

    async def disturb(self) -> None:
        """What the plan has for the time of the run, unless it ends before."""
        plan, events, now = self.plan, [(cycle, self.scribble) for cycle in self.plan.writes], 0
        if plan.jobs and plan.queued < plan.jobs:
            events.append((plan.doorbell, self.ring_again))
        if plan.stop:
            events.append((plan.stop_at, self.stop))
        for cycle, do in sorted(events, key=lambda event: event[0]):
            self.ended = self.ended or await self.over(cycle - now)
            now = cycle
            if not self.ended or do == self.ring_again:
                await do()
            if self.stopped == "a soft reset":
                return

    async def over(self, cycles: int) -> bool:
        """Has the run ended after so many more cycles?"""
        irq = self.bench.dut.irq_o
        if not int(irq.value) and cycles > 0:
            await First(RisingEdge(irq), Timer(cycles * PERIOD_NS, "ns"))
        return bool(int(irq.value)) and await self.idle()

    async def idle(self) -> bool:
        """Was this the last interrupt? Those of single jobs are taken."""
        if not await self.bench.read("STATUS") & BUSY:
            return True
        # An error amid a run is of the run before, which the doorbell followed at once.
        self.unclear |= bool(await self.bench.read("IRQ_STATUS") & IRQ_ERROR)
        await self.bench.write("IRQ_STATUS", IRQ_JOB | IRQ_ERROR)
        return not await self.bench.read("STATUS") & BUSY

    async def ring_again(self) -> None:
        """The doorbell for the other jobs; not after an error."""
        if await self.bench.read("STATUS") & ERROR:
            self.queued_only()
            return
        await self.bench.write("RING_HEAD", (self.tail + self.plan.jobs) % 0x10000)
        self.ended = False
        # An error that came with the doorbell: before it, the ring runs on; behind it, it stands.
        self.unclear |= bool(await self.bench.read("IRQ_STATUS") & IRQ_ERROR)

    def queued_only(self) -> None:
        """The other jobs are never queued."""
        self.plan.jobs = self.plan.queued

    async def stop(self) -> None:
        bench, what = self.bench, self.plan.stop
        if what == "windows closed":
            for name in ("READ", "WRITE"):
                await bench.write_address(f"{name}_LIMIT", 0)
                await bench.write_address(f"{name}_BASE", (1 << bench.addr_width) - 8)
        else:
            await bench.write("CTRL", ABORT if what == "an abort" else SOFT_RESET)
        self.stopped = what
        self.ran[f"with {what}"] += 1

    async def scribble(self) -> None:
        """A register that is sampled when a run begins, and one that is only read."""
        name = self.rng.choice(SAMPLED)
        high = [f"{name}_HIGH"] if name.endswith("BASE") and self.rng.random() < 0.3 else []
        await self.bench.write(*high or [name], self.rng.getrandbits(32))
        await self.bench.read(self.rng.choice(("STATUS", "LAYERS", "RING_TAIL", "CYCLES")))

    async def end(self) -> None:
        """Wait for the last interrupt; without a watchdog the host gives up."""
        bound = 4 * self.cycles * (self.plan.jobs or 1) + DRAIN
        if await self.quiet(bound):
            return
        if self.plan.watchdog == "none":
            self.ran["endless, aborted"] += 1
            await self.bench.write("CTRL", ABORT)
            self.stopped = "an abort"
            if await self.quiet(DRAIN):
                return
        raise Failed("hangs", f"no interrupt, STATUS {await self.bench.read('STATUS')}")

    async def quiet(self, cycles: int) -> bool:
        """Does the run end within ``cycles``? Interrupts of single jobs are taken."""
        for _ in range(3 * (self.plan.jobs or 1)):
            try:
                await self.bench.until_interrupt(cycles)
            except AssertionError:
                return False
            if await self.idle():
                return True
        return False

    # -- the verdict --------------------------------------------------------------------------

    def must_stop(self, memory: Memory, bus_failed: bool) -> str | None:
        """Why it must not end well."""
        hardware, count = self.bench.hardware, self.hostile.count
        fault = first_fault(hardware, self.program, count)
        entry = 16 << self.plan.checked
        if bus_failed:
            return "the memory answered with an error"
        if fault:
            return str(fault)
        if self.plan.jobs:
            used = {(self.tail + k) % (1 << self.plan.log_entries) for k in range(self.plan.jobs)}
            if not all(
                memory.inside(memory.read, self.layout.ring + entry * k, entry) for k in used
            ):
                return "an entry of the ring lies beyond the window"
        return certain_stop(hardware, self.program, count, memory, self.crcs)

    def consistent(self, outcome: Outcome, why: str | None) -> None:
        """An end that says what happened; raises Failed."""
        problem = None
        if outcome.status not in (DONE, ERROR) or bool(outcome.cause) != (outcome.status == ERROR):
            problem = "status and cause do not agree"
        elif int(self.bench.dut.bus_open_o.value):
            problem = "a transaction is open"
        elif why and outcome.status != ERROR:
            problem = why
        elif outcome.cause == isa.ERROR_ABORT and self.stopped != "an abort":
            problem = "nobody has aborted it"
        if problem:
            raise Failed("unreported", f"{problem}; {outcome}")

    async def wrong_well(self, memory: Memory) -> str | None:
        plan, jobs, self.well = self.plan, len(memory.images), 1
        must = certain(self.bench.hardware, self.program, self.hostile.count, memory)
        spans = [span for job, result in enumerate(must.results) if result is None
                 for span in stores(self.program, self.hostile.count, memory, job)]  # fmt: skip
        runs = {jobs}
        if (
            plan.jobs and plan.queued < jobs
        ):  # the first ones may have been done before the doorbell
            runs.add(jobs - plan.queued)
        wrong, self.compared = await self.watched.wrong(must, spans, runs)
        if not wrong and not self.compared:
            self.open[must.open] += 1
        return wrong

    async def wrong_stopped(self, memory: Memory, outcome: Outcome) -> str | None:
        """Jobs before the failed one are done, later ones not begun."""
        plan, failed = self.plan, 0
        tail = await self.bench.read("RING_TAIL")
        if plan.jobs is not None:
            failed = (outcome.job - self.tail) % 0x10000
            if failed >= plan.jobs or tail != (outcome.job + 1) % 0x10000:
                return f"tail {tail} and job {outcome.job} of a ring from {self.tail} on"
        elif (tail, outcome.job) != (self.tail, 0):
            return f"tail {tail}, job {outcome.job} of a single run"
        self.ran["jobs before an error"] += failed
        program, count, done = self.program, self.hostile.count, []
        if failed:
            done = certain(self.bench.hardware, program, count, memory).results[:failed]
        unknown = [job for job in range(failed + 1) if job == failed or done[job] is None]
        spans = [span for job in unknown for span in stores(program, count, memory, job)]
        changed = await self.watched.changes()
        wrong, self.compared = self.watched.results(done, changed, spans)
        return wrong

    async def forgotten(self) -> None:
        """After a soft reset: idle, nothing told or open, no word changed but of the result."""
        bench, self.cause = self.bench, "soft reset"
        write = self.plan.write
        left = {
            "status": await bench.until_idle(DRAIN), "interrupt": int(bench.dut.irq_o.value),
            "open": int(bench.dut.bus_open_o.value), "count": await bench.read("PROGRAM_COUNT"),
            "escapes": int(bench.dut.escapes_o.value), "tail": await bench.read("RING_TAIL"),
            "changed": sum(not write[0] <= x <= write[1] for x in await self.watched.changes()),
        }  # fmt: skip
        if any(left.values()):
            raise Failed("unreported", f"after a soft reset {left}")
        self.note()

    def note(self) -> None:
        """What ran, for the report."""
        plan = self.plan
        self.ran["rings"] += plan.jobs is not None
        self.ran["jobs of rings"] += plan.jobs or 0
        self.ran["doorbells during a run"] += bool(plan.jobs and plan.queued < plan.jobs)
        self.ran["rings with CRCs of images"] += plan.checked
        self.ran["wrong CRCs of images"] += plan.spoilt is not None
        self.ran["wrong addresses in a ring"] += plan.bad is not None
        self.ran["register writes"] += len(plan.writes)
        self.ran["without a watchdog"] += plan.watchdog == "none"
        self.ran["weights by far offsets"] += bool(plan.shift)
        for what in plan.what:
            if what.startswith(("windows", "memory")):
                self.ran[what.partition(",")[0]] += 1
