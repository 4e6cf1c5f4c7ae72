# SPDX-License-Identifier: Apache-2.0
"""psf_program against a fake memory, loader, datapath and writer, job after job.

Each is one coroutine and checks every decision of psf_program when it is made: not too early, and
(for loads, layers and ends) not late either.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import cocotb
from cocotb.triggers import RisingEdge

from golden.hardware import isa
from golden.hardware.configuration import Hardware
from golden.hardware.interface import packing
from tb.lib.bench import Bench
from tb.lib.bursts import ADDR_WIDTH, SPACE
from tb.lib.layer import pack_layer
from tb.lib.load import TARGETS
from tb.lib.parameters import PARAMETERS
from tb.lib.program import Descriptor, Program, legal_load, pack_job, pack_load
from tb.lib.stream import scramble
from tb.lib.structs import View

HARDWARE = Hardware.named("2x8")
DEPTH = PARAMETERS.get("Depth", 64)
CHECK = 44  # cycles in which a descriptor is checked, beside other readers
PATIENCE = 120  # cycles that something ready may wait: others are read before it


def random_program(length: int) -> Program:
    program = Program(HARDWARE)
    for _ in range(length):
        kind = random.random()
        if kind < 0.5:
            item = legal_load(HARDWARE, random.randrange(len(TARGETS)))
            program.add_load(item, offset=random.getrandbits(29) << 3,
                             check=random.getrandbits(1), crc=random.getrandbits(32))  # fmt: skip
        elif kind < 0.93:
            program.add_layer()
        else:
            program.add(isa.OP_STORE, logits=random.randint(1, HARDWARE.classes),
                        offset=random.getrandbits(29) << 3)  # fmt: skip
    program.add(isa.OP_END)
    return program


@dataclass
class Job:
    """What the bench knows of one job."""

    number: int
    image: int = field(default_factory=lambda: random.getrandbits(ADDR_WIDTH - 3) << 3)
    result: int = field(default_factory=lambda: random.getrandbits(ADDR_WIDTH - 3) << 3)
    irq: int = field(default_factory=lambda: random.getrandbits(1))
    check: int = field(default_factory=lambda: random.getrandbits(1))
    crc: int = field(default_factory=lambda: random.getrandbits(32))
    loads_done: int = 0
    items_done: int = 0  # layers and stores

    def vector(self) -> int:
        return pack_job(
            self.image, self.result, self.irq, self.number & 0xFFFF, self.check, self.crc
        )


class ProgramBench(Bench):
    """Plays everything around the program."""

    def __init__(self, dut, program: Program, jobs: int, stall: float, run_cycles=(1, 2, 10, 60)):
        super().__init__(View(dut, {
            "fault_o": ("fault_t", "fault_{}_o"), "load_o": ("load_command_t", "load_{}_o"),
            "store_o": ("store_command_t", "store_{}_o"), "cmd_o": ("read_command_t", "cmd_{}_o"),
        }))  # fmt: skip
        self.program, self.stall, self.run_cycles = program, stall, run_cycles
        self.tail: list[Descriptor] = []  # behind the end
        self.jobs = [Job(n) for n in range(jobs)]
        self.weights = random.getrandbits(ADDR_WIDTH - 3) << 3
        self.load_queue = self._queue(isa.OP_LOAD)
        self.items = self._queue(isa.OP_LAYER, isa.OP_STORE, isa.OP_END)
        self.in_flight: deque[Job] = deque()  # loads handed on
        self.retired = self.overlaps = self.across = self.back_to_back = self.stores = 0
        self.running: tuple[Job, int] | None = None  # layer or store, and its descriptor
        self.beats: deque[tuple[int, int, int, int]] = deque()  # ordered: job, index, beat, data
        self.ordered = 0
        self.taken = 0  # jobs
        self.fetched: deque[tuple[int, int, int]] = deque()  # cycle, job and index
        self.decoded = (-1, -1)  # job and index of the last descriptor that must have been checked
        self.bad_crc: int | None = None
        self.base = random.getrandbits(ADDR_WIDTH - 3)
        self.load_waits = self.item_waits = 0
        self.retire_due = False
        self.layer_done = self.store_done = False
        self.set(stop_i=0, cmd_ready_i=0, beat_valid_i=0, job_valid_i=0, load_ready_i=0,
                 load_done_i=0, layer_done_i=0, store_ready_i=0, store_done_i=0)  # fmt: skip

    def _queue(self, *ops: int) -> deque[tuple[Job, int, Descriptor]]:
        return deque(
            (job, i, d)
            for job in self.jobs
            for i, d in enumerate(self.program.items)
            if d.op in ops
        )

    def go(self) -> bool:
        return random.random() >= self.stall

    async def start(self, clock: bool = True) -> None:
        """Reset, with the clock started or running already."""
        if clock:
            await super().start()
        else:
            self.dut.rst_ni.value = 0
            await RisingEdge(self.dut.clk_i)
            self.dut.rst_ni.value = 1
            await RisingEdge(self.dut.clk_i)
        tasks = self._jobs, self._fetch, self._load, self._items
        self.tasks = [cocotb.start_soon(task()) for task in tasks]

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()

    async def run(self, clock: bool = True) -> None:
        """Play until every job has retired."""
        await self.start(clock)
        while self.retired < len(self.jobs):
            await RisingEdge(self.dut.clk_i)
            assert not int(self.dut.fault_valid_o.value), int(self.dut.fault_cause_o.value)
            assert not int(self.dut.parity_o.value)
        for _ in range(30):
            await RisingEdge(self.dut.clk_i)
            assert not self.get("load_valid_o") and not self.get("layer_start_o")
        assert not self.load_queue and not self.items and not self.in_flight
        assert self.retired == len(self.jobs)

    # ---- around the program

    def encoded(self) -> bytes:
        """The program as it lies in memory."""
        data = bytearray(Program(HARDWARE, [*self.program.items, *self.tail]).encoded())
        if self.bad_crc is not None:
            data[64 * self.bad_crc + random.randrange(60, 64)] ^= 1 << random.randrange(8)
        return bytes(data)

    async def _jobs(self) -> None:
        dut = self.dut
        for job in self.jobs:
            while not self.go():
                await RisingEdge(dut.clk_i)
            dut.job_valid_i.value, dut.job_i.value = 1, job.vector()
            await RisingEdge(dut.clk_i)
            while not int(dut.job_ready_o.value):
                await RisingEdge(dut.clk_i)
            dut.job_valid_i.value = 0
            scramble(dut.job_i)
            self.taken += 1
            assert self.taken <= self.retired + 3, "a job too many"

    async def _fetch(self) -> None:
        """Answer commands with beats, in order."""
        dut, ready, beat, now = self.dut, False, None, 0
        data = self.encoded()
        count = len(data) // 64
        dut.setup_i.value = packing.pack(
            "setup_t",
            {name: random.getrandbits(bits) for name, bits in packing.widths("setup_t").items()}
            | {"program_base": self.base, "weight_base": self.weights >> 3, "program_count": count},
        )
        at = 0  # of the next descriptor in the ring
        while True:
            await RisingEdge(dut.clk_i)
            now += 1
            if int(dut.cmd_valid_o.value) and ready:
                job, index = divmod(self.ordered, count)
                got = tuple(int(getattr(dut, f"cmd_{n}_o").value) for n in ("addr", "beats", "tag"))
                assert got == ((self.base + 8 * index) % (SPACE >> 3), 8, index)
                for i in range(8):
                    word = data[64 * index + 8 * i :][:8]
                    self.beats.append((job, index, i, int.from_bytes(word, "little")))
                self.ordered += 1
                assert job < self.taken + 1, "ordered before its job"
            if beat and beat[2] == 7:
                at = max(at, now) + CHECK
                self.fetched.append((at, *beat[:2]))
            while self.fetched and self.fetched[0][0] <= now:
                self.decoded = self.fetched.popleft()[1:]
            assert int(dut.beat_ready_o.value)
            beat = self.beats.popleft() if self.beats and self.go() else None
            dut.beat_valid_i.value = int(beat is not None)
            scramble(dut.beat_data_i)
            if beat:
                dut.beat_data_i.value = beat[3]
            ready = self.go()
            dut.cmd_ready_i.value = int(ready)

    def may_load(self, job: Job, values: dict[str, int]) -> bool:
        if values["wait_items"]:
            return job.items_done >= values["wait_items"]
        retired = self.retired + int(self.dut.retire_o.value)  # in this cycle
        if retired < job.number - 1:
            return False
        if retired >= job.number:
            return True
        return self.jobs[job.number - 1].items_done >= values["wait_previous"]

    def was_decoded(self, job: Job, index: int) -> bool:
        return (job.number, index) <= self.decoded

    async def _load(self) -> None:
        dut, ready, done = self.dut, False, False
        while True:
            await RisingEdge(dut.clk_i)
            if done:
                self.in_flight.popleft().loads_done += 1
            if self.load_queue:
                job, index, want = self.load_queue[0]
                may = self.may_load(job, want.values)
                if int(dut.load_valid_o.value):
                    assert may, f"load {index} of job {job.number} is early"
                    plain = want.values | {"wait_items": 0, "wait_previous": 0}
                    if plain["from_image"]:
                        plain |= {"check": plain.get("check", 0) & job.check, "crc": job.crc}
                    assert int(dut.load_load_o.value) == pack_load(plain)
                    base = job.image if want.values["from_image"] else self.weights
                    assert int(dut.load_base_o.value) == base >> 3
                    assert int(dut.load_index_o.value) == index
                    self.load_waits = 0
                    if ready:
                        self.load_queue.popleft()
                        self.in_flight.append(job)
                        self.overlaps += self.running is not None
                        self.across += job.number > self.retired
                elif may and self.was_decoded(job, index):
                    self.load_waits += 1
                    assert self.load_waits < PATIENCE, f"load {index} of job {job.number} is late"
                else:
                    self.load_waits = 0
            else:
                assert not int(dut.load_valid_o.value)
            ready = self.go()
            done = bool(self.in_flight) and random.random() < 0.2
            dut.load_ready_i.value, dut.load_done_i.value = int(ready), int(done)

    def may_item(self) -> bool:
        """The next item may start."""
        job, _, want = self.items[0]
        if self.running:
            return False
        need = want.values.get("wait_loads", want.loads_before)
        return self.retired == job.number and job.loads_done >= need

    async def _items(self) -> None:
        dut, left, last_end = self.dut, 0, -9
        ready = False
        while True:
            await RisingEdge(dut.clk_i)
            self.now += 1
            if self.layer_done or self.store_done:
                job = self.running[0]
                job.items_done += 1
                self.running, last_end = None, self.now
            index = self.running[1] if self.running else 0
            started = False
            if int(dut.layer_start_o.value):
                assert self.items, "a layer too many"
                job, index, want = self.items[0]
                assert want.op == isa.OP_LAYER and self.may_item(), f"layer {index} is early"
                assert int(dut.layer_o.value) == pack_layer(want.values)
                self.items.popleft()
                self.running, left, started = (job, index), random.choice(self.run_cycles), True
                self.back_to_back += self.now == last_end + 1
            if int(dut.store_valid_o.value):
                job, index, want = self.items[0]
                assert want.op == isa.OP_STORE and self.may_item(), f"store {index} is early"
                got = int(dut.store_addr_o.value) << 3, int(dut.store_logits_o.value)
                address = (job.result + want.values["offset"]) % SPACE
                assert got == (address, want.values["logits"])
                if ready:
                    self.items.popleft()
                    self.running, left, started = (job, index), random.randrange(20), True
                    self.stores += 1
            if int(dut.retire_o.value):
                job, _, want = self.items[0]
                assert want.op == isa.OP_END and self.may_item(), f"job {job.number} ends early"
                assert int(dut.irq_o.value) == job.irq
                self.items.popleft()
                self.retired += 1
                started = True
            # Between layer_done and the next start the index may be that of what starts.
            active = int(dut.active_index_o.value)
            if self.running and not started:
                assert active == self.running[1], f"active index {active}, not {self.running[1]}"
            if not started and self.items and self.may_item() and (
                self.was_decoded(*self.items[0][:2])
                and (ready or self.items[0][2].op != isa.OP_STORE)
                and not self.tail
            ):  # fmt: skip
                self.item_waits += 1
                assert self.item_waits < PATIENCE, f"item {self.items[0][1]} is late"
            else:
                self.item_waits = 0
            over = self.running is not None and left == 0
            left = max(0, left - 1)
            store = over and self.program.items[self.running[1]].op == isa.OP_STORE
            self.store_done, self.layer_done = store, over and not store
            ready = self.go()
            dut.layer_done_i.value, dut.store_done_i.value = int(self.layer_done), int(store)
            dut.store_ready_i.value = int(ready)
