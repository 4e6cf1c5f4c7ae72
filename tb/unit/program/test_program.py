# SPDX-License-Identifier: Apache-2.0
"""Random programs, job after job, against a fake memory, loader, datapath and writer.

Each is one coroutine and checks every decision of psf_program when it is made: not too early, and
(for loads, layers and ends) not late either.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from golden.hardware import isa
from golden.hardware.configuration import Hardware
from golden.hardware.interface import packing
from tb.lib.bench import HIDDEN, Bench
from tb.lib.bursts import ADDR_WIDTH, SPACE
from tb.lib.layer import pack_layer
from tb.lib.load import TARGETS
from tb.lib.parameters import PARAMETERS
from tb.lib.program import CHECKED, Descriptor, Program, legal_load, pack_job, pack_load
from tb.lib.stream import STALLS, scramble
from tb.lib.structs import View
from tb.run.runner import run

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
    loads_done: int = 0
    layers_done: int = 0
    items_done: int = 0  # layers and stores

    def vector(self) -> int:
        return pack_job(self.image, self.result, self.irq, self.number & 0xFFFF)


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
        if values["wait_layers"]:
            return job.layers_done >= values["wait_layers"]
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
                    plain = want.values | {"wait_layers": 0, "wait_previous": 0}
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
                job.layers_done += self.layer_done
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


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, length=(0, 50))
async def random_programs(dut, stall: float, length: int) -> None:
    """Many jobs: order, waits, contents; nothing early, nothing late, nothing lost."""
    bench = ProgramBench(dut, random_program(length), 12 if stall < 0.9 else 4, stall)
    await bench.run()
    if length and not stall:
        assert bench.overlaps and bench.back_to_back


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def loads_overtake(dut) -> None:
    """The loads of a job run beside the job before, as far as wait_previous says."""
    program = Program(HARDWARE)
    for previous in (1, 2, 3):
        item = legal_load(HARDWARE, 0)
        program.add_load(item, wait_layers=0, wait_previous=previous)
    program.add_layer(wait_loads=1)
    program.add_layer(wait_loads=3)
    program.add_load(legal_load(HARDWARE, 1), wait_layers=1)
    program.add(isa.OP_STORE, logits=4, offset=8)
    program.add(isa.OP_END)
    bench = ProgramBench(dut, program, 6, 0.0, run_cycles=(120,))
    await bench.run()
    assert bench.across >= 10 or DEPTH < 8, bench.across  # two in all jobs but one


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def behind_the_end(dut, stall: float) -> None:
    """Descriptors behind OP_END are taken, whatever they are; the job ends and the next begins."""
    bench = ProgramBench(dut, random_program(6), 3, stall)
    noise = Descriptor(0x77, {}, 0, 0)
    bench.tail = [noise, *random_program(4).items, noise, *random_program(1).items]
    bench.bad_crc = len(bench.program.items)
    await bench.run()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(kind=("opcode", "zero", "field", "overrun", "crc", "no_end"), stall=STALLS[:2])
async def faults(dut, kind: str, stall: float) -> None:
    """Cause and index of each; the descriptor does nothing, and nothing behind it."""
    program = random_program(20)
    bad = random.randrange(1, 20)
    cause = {
        "opcode": isa.ERROR_OPCODE, "zero": isa.ERROR_OPCODE, "field": isa.ERROR_FIELD,
        "overrun": isa.ERROR_OVERRUN, "crc": isa.ERROR_PROGRAM_CRC, "no_end": isa.ERROR_NO_END,
    }[kind]  # fmt: skip
    if kind in ("opcode", "zero"):
        program.items[bad].op = 0 if kind == "zero" else random.randrange(5, 256)
    elif kind == "field":
        program.items[bad].op, program.items[bad].values = isa.OP_LOAD, {"target": 9}
    elif kind == "overrun":
        values = {"target": isa.TARGET_PARAM, "records": 1, "dest": HARDWARE.param_depth}
        program.items[bad].op, program.items[bad].values = isa.OP_LOAD, values
    elif kind == "no_end":
        bad = len(program.items) - 2
        program.items.pop()
    for item in program.items:  # what they wait for may be gone
        item.values |= {n: 0 for n in ("wait_loads", "wait_layers") if n in item.values}
    bench = ProgramBench(dut, program, 1, stall)
    bench.items = deque(x for x in bench.items if x[1] < bad)
    bench.load_queue = deque(x for x in bench.load_queue if x[1] < bad)
    bench.bad_crc = bad if kind == "crc" else None
    await bench.start()
    dut = bench.dut
    while not int(dut.fault_valid_o.value):
        await RisingEdge(dut.clk_i)
    left = 6000
    while left:
        left = left - 1 if bench.load_queue or bench.items or left <= 100 else 100
        assert int(dut.fault_valid_o.value)
        assert (int(dut.fault_cause_o.value), int(dut.fault_index_o.value)) == (cause, bad)
        await RisingEdge(dut.clk_i)
    assert not (bench.load_queue or bench.items)  # all before it has run


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def stops_and_resets(dut) -> None:
    """stop_i at any cycle: nothing starts any more. The reset of a run: nothing is left of it."""
    for i in range(20):
        bench = ProgramBench(dut, random_program(30), 3, 0.5)
        await bench.start(clock=i == 0)
        await bench.cycles(random.randrange(5, 300))
        bench.cancel()
        dut.stop_i.value = 1
        dut.load_done_i.value = dut.layer_done_i.value = dut.store_done_i.value = 0
        dut.beat_valid_i.value = dut.job_valid_i.value = 0
        dut.load_ready_i.value = dut.store_ready_i.value = i % 2  # 0: what is offered stays
        for cycle in range(11):
            await RisingEdge(dut.clk_i)
            assert not any(map(bench.get, ("load_valid_o", "store_valid_o", "job_ready_o")))
            if cycle > 2:  # what began before
                assert not int(dut.layer_start_o.value) and not int(dut.retire_o.value)
        await bench.check_reset("layer_start_o", "retire_o", "parity_o", "active_index_o")
    bench = ProgramBench(dut, random_program(20), 2, 0.5)
    await bench.run(clock=False)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN or DEPTH < 8)
@cocotb.parametrize(reader=("loads", "items", "check"))
async def flipped_bits(dut, reader: str) -> None:
    """A bit of a beat that a reader is still to read: parity_o, and no job ends before."""
    for i in range(16):
        program = Program(HARDWARE)
        for _ in range(3):
            program.add_layer()
        for _ in range(2):
            program.add_load(legal_load(HARDWARE, 2), wait_layers=1)
        program.add(isa.OP_END)
        bench = ProgramBench(dut, program, 2, 0.0, run_cycles=(300,))
        await bench.start(clock=i == 0)
        descriptor = {"loads": 4, "items": 2, "check": 3}[reader]
        word = 8 * descriptor + random.randrange(6)
        while int(dut.written.value) <= word or (
            reader != "check" and int(dut.checked.value) <= descriptor
        ):
            await RisingEdge(dut.clk_i)
        assert not int(dut.parity_o.value)
        cell = dut.u_ring.mem[word]
        cell.value = int(cell.value) ^ 1 << random.randrange(len(cell))
        seen = 0
        for _ in range(1000):
            await RisingEdge(dut.clk_i)
            seen |= int(dut.parity_o.value)
            assert seen or not (int(dut.retire_o.value) or int(dut.fault_valid_o.value))
            if seen:
                break
        assert seen, (reader, word, bench.where())
        bench.cancel()
        dut.layer_done_i.value = dut.load_done_i.value = dut.beat_valid_i.value = 0
        dut.job_valid_i.value = 0


@pytest.mark.parametrize("depth", [4, 64])  # 4: the ring is full most of the time
def test_program(depth: int) -> None:
    parameters = {n: v for n, v in HARDWARE.sv_parameters().items() if n in CHECKED}
    run("psf_program", __name__, parameters | {"Depth": depth, "AddrWidth": 64})
