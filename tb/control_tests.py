# SPDX-License-Identifier: Apache-2.0
"""Programs in a Python memory, run by psf_control for a fake datapath that checks all it is given.

The fake datapath knows every write of every load (they are totally ordered) and the fields of every
layer; it runs layers for random times with random events, and the counters must agree exactly.
"""

import os
import random
import zlib
from collections import deque

import cocotb
from cocotb.handle import Immediate
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge, Timer
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from golden.compile import isa
from golden.compile.hardware import Hardware
from tb.lib import load, reset
from tb.lib.axi_memory import PAGE, AxiMemory
from tb.lib.layer import pack_layer
from tb.lib.program import Descriptor, Program, legal_load
from tb.lib.stream import STALLS

HARDWARE = Hardware.named(os.environ["HARDWARE"])
MEMORY = 1 << 18
CTRL, STATUS, IRQ_ENABLE, IRQ_STATUS, CAUSE, INDEX = 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34
ERROR_ADDR, ERROR_JOB = 0x38, 0x3C
PROGRAM_BASE, WEIGHT_BASE, IMAGE_BASE, RESULT_BASE = 0x40, 0x44, 0x48, 0x4C
LABEL, CYCLES, LAYERS, LOADS, COUNTERS = 0x50, 0x54, 0x58, 0x5C, 0x800
PROGRAM_COUNT, WATCHDOG, RING_BASE, RING_SIZE, RING_HEAD, RING_TAIL = range(0x60, 0x78, 4)
READ_BASE, READ_LIMIT, WRITE_BASE, WRITE_LIMIT = 0x80, 0x84, 0x88, 0x8C
START, ABORT, SOFT_RESET = 1, 2, 4
BUSY, DONE, ERROR, STUCK = 1, 2, 4, 8
IRQ_JOB, IRQ_ERROR = 1, 2
PARITY, OVERRUN = 1, 2  # bits of fault_i
LOG_ENTRIES = 2  # of the ring
PORTS = {
    "weight": ("bank", "addr", "data"),
    "row": ("bank", "addr", "data"),
    "param": ("addr", "data"),
    "spike": ("addr", "words", "data"),
    "logit": ("addr", "data"),
}


class Bench:
    """Host, memory and datapath around one psf_control."""

    def __init__(self, dut, *, latency=0, stall=0.0, memory_stall=0.0, run_cycles=(2, 3, 40, 200)):
        self.dut, self.run_cycles, self.stall = dut, run_cycles, stall
        self.memory = AxiMemory(dut, MEMORY, latency=latency, stall=memory_stall)
        self.host = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False
        )
        self.logits = [random.getrandbits(32) for _ in range(1 << 10)]
        self.label = random.getrandbits(16)
        self.resets = 0  # cycles of datapath_rst_no
        dut.layer_done_i.value = dut.fault_i.value = 0
        dut.weight_ready_i.value = dut.spike_ready_i.value = 0
        dut.label_i.value = self.label
        self.expect(Program(HARDWARE))

    def expect(self, program: Program, jobs: int = 1) -> None:
        """From the next reset on the datapath is to see exactly what ``program`` says."""
        self.program, self.jobs = program, jobs
        self.layers: deque[tuple[int, Descriptor]] = deque()
        self.writes: deque = deque()  # (job, number of the load, its waits, write)
        for job in range(jobs):
            self.layers.extend((job, d) for d in program.layers)
            for number, item in enumerate(program.loads):
                for write in item.load.writes if item.load else []:
                    self.writes.append((job, number, item.values, write))
        self.layers_done = [0] * (jobs + 1)
        self.overlaps = self.across = 0
        self.layer_runs = False
        self.job = 0  # of the layer that runs or ran last
        self.write_cycles: dict[tuple[int, int], int] = {}  # load -> cycle of its last write so far
        self.counters: dict[int, list[int]] = {}

    @property
    def cycle(self) -> int:
        return int(get_sim_time("ns")) // 10

    def place(self, at: int) -> int:
        """Put the program at ``at`` and its records behind it; return the address after them.

        ``images`` are the image addresses of the jobs: records of an image lie there once per job.
        """
        self.base = at
        end = at + 64 * self.program.count
        self.weights, self.images = end + 8 * random.randrange(9), [0] * self.jobs
        self.records: dict[int, int] = {}  # load -> address
        size = 0
        for number, item in enumerate(self.program.loads):
            if item.load is None:
                continue
            data = b"".join(x.to_bytes(8, "little") for x in item.load.beats)
            if item.values["from_image"]:
                item.values["offset"] = size
                size += len(data) + 8 * random.choice((0, 0, 3))
                continue
            end = max(end, self.weights)
            self.records[number] = end
            item.values["offset"] = end - self.weights
            if random.random() < 0.7:
                item.values |= {"check": 1, "crc": zlib.crc32(data)}
            self.memory.bytes[end : end + len(data)] = data
            end += len(data) + 8 * random.choice((0, 0, 3))
        for job in range(self.jobs):
            self.images[job] = end + 8 * random.randrange(4)
            for number, item in enumerate(self.program.loads):
                if item.load and item.values["from_image"]:
                    first = self.images[job] + item.values["offset"]
                    data = b"".join(x.to_bytes(8, "little") for x in item.load.beats)
                    self.memory.bytes[first : first + len(data)] = data
                    self.records[number] = first  # of the last job
            end = self.images[job] + size
        data = self.program.encoded()
        self.memory.bytes[at : at + len(data)] = data
        assert end + 4096 < MEMORY
        return end

    # ---- datapath

    def _write(self, target: str, item: dict[str, int]) -> None:
        got = load.written(target, item, HARDWARE.lanes)
        assert self.writes, f"{got}, but nothing is to come"
        job, number, values, want = self.writes.popleft()
        assert got == want, f"load {number}: expected {want}, got {got}, seed {cocotb.RANDOM_SEED}"
        assert self.layers_done[job] >= values["wait_layers"], f"load {number} of {job} is early"
        if not values["wait_layers"] and job and values["wait_previous"]:
            floor = min(values["wait_previous"], len(self.program.layers))
            assert self.layers_done[job - 1] >= floor, f"load {number} of job {job} is early"
        self.overlaps += self.layer_runs
        self.across += self.layer_runs and job > self.job
        self.write_cycles[job, number] = self.cycle

    async def _port(self, target: str) -> None:
        """Take the writes of one target; they hold until they are taken."""
        dut = self.dut
        fields = {n: getattr(dut, f"{target}_{n}_o") for n in PORTS[target]}
        valid, ready = getattr(dut, f"{target}_valid_o"), getattr(dut, f"{target}_ready_i", None)
        held, taking = None, ready is None
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.datapath_rst_no.value):
                held = None
                continue
            if int(valid.value):
                item = {name: int(signal.value) for name, signal in fields.items()}
                assert held in (None, item), f"payload changed: {held} -> {item}"
                held = None if taking else item
                if taking:
                    self._write(target, item)
            else:
                assert held is None, f"valid fell before {held} was taken"
            if ready is not None:
                taking = random.random() >= self.stall
                ready.value = int(taking)

    async def _datapath(self) -> None:
        """Layers: after each edge the state of the cycle before it is known."""
        dut, done, left, began = self.dut, False, 0, 0
        sums, number, event = [0] * 8, 0, 0
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.datapath_rst_no.value):
                self.resets += 1
                self.layer_runs = done = False
                dut.layer_done_i.value = 0
                continue
            if self.layer_runs:
                for i in range(6):
                    sums[1 + i] += event >> 8 * i & 0xFF
            if done:
                sums[0] = self.cycle - began
                self.counters[number] = sums
                self.layer_runs, self.ended = False, self.cycle
                self.layers_done[self.job] += 1
            if int(dut.layer_start_o.value):
                assert not self.layer_runs and self.layers, "a layer too many"
                self.job, item = self.layers.popleft()
                want = item.values
                assert int(dut.layer_o.value) == pack_layer(want), f"layer {want['id']}"
                if self.writes:
                    ahead = self.writes[0][:2]
                    assert ahead >= (self.job, want["wait_loads"]), f"layer {want['id']} is early"
                last = self.write_cycles.get((self.job, want["wait_loads"] - 1), -2)
                assert self.cycle >= last + 2
                number, began = want["id"], self.cycle
                sums = [0] * 7 + [began - self.ended]
                self.layer_runs, left = True, random.choice(self.run_cycles)
            done = self.layer_runs and left == 1
            left -= 1
            event = random.getrandbits(48)
            dut.event_i.value = event
            dut.layer_done_i.value = int(done)

    async def _logits(self) -> None:
        while True:
            await RisingEdge(self.dut.clk_i)
            self.dut.logit_rdata_i.value = self.logits[int(self.dut.logit_raddr_o.value) % 1024]

    # ---- host

    async def start(self) -> None:
        # A falling edge of the reset before any of the clock: the reset of a run is a flop, which
        # has a random start value until then.
        self.dut.clk_i.value, self.dut.rst_ni.value = Immediate(0), Immediate(1)
        await Timer(1, "ns")
        await reset.start(self.dut)
        self.watch()
        await self.set_up()

    def watch(self) -> None:
        """Be the datapath."""
        parts = [self._datapath(), self._logits(), *(self._port(target) for target in PORTS)]
        self.tasks = [cocotb.start_soon(part) for part in parts]

    async def set_up(self) -> None:
        """Windows over the whole memory, both interrupts."""
        await self.write(READ_BASE, 0)
        await self.write(READ_LIMIT, MEMORY - 1)
        await self.write(WRITE_BASE, 0)
        await self.write(WRITE_LIMIT, MEMORY - 1)
        await self.write(IRQ_ENABLE, IRQ_JOB | IRQ_ERROR)

    async def write(self, address: int, value: int) -> None:
        answer = await self.host.write(address, value.to_bytes(4, "little"))
        assert answer.resp == 0

    async def read(self, address: int) -> int:
        answer = await self.host.read(address, 4)
        assert answer.resp == 0
        return int.from_bytes(answer.data, "little")

    async def check(self, address: int, want: int) -> None:
        got = await self.read(address)
        assert got == want, f"{address:#x}: expected {want}, got {got}, seed {cocotb.RANDOM_SEED}"

    async def check_error(self, cause: int, index: int | None, addr: int = 0, job: int = 0) -> None:
        await self.check(CAUSE, cause)
        await self.check(STATUS, ERROR)
        if index is not None:
            await self.check(INDEX, index)
        await self.check(ERROR_ADDR, addr)
        await self.check(ERROR_JOB, job)

    async def begin(self, results: int) -> int:
        """Start the program that was placed; the cycle of the write."""
        await self.write(PROGRAM_BASE, self.base)
        await self.write(PROGRAM_COUNT, self.program.count)
        await self.write(WEIGHT_BASE, self.weights)
        await self.write(IMAGE_BASE, self.images[0])
        await self.write(RESULT_BASE, results)
        started = cocotb.start_soon(self._write_cycle())
        await self.write(CTRL, START)
        return await started

    async def interrupt(self, bits: int) -> None:
        """Wait for it, and clear it."""
        while not int(self.dut.irq_o.value):
            await RisingEdge(self.dut.clk_i)
        await self.check(IRQ_STATUS, bits)
        await self.write(IRQ_STATUS, bits)
        assert not int(self.dut.irq_o.value)

    def quiet(self) -> bool:
        return self.memory.read.idle() and not self.memory.write.open

    async def run(self, results: int, bits: int = IRQ_JOB) -> None:
        """Run the program that was placed; return after the interrupt, which is cleared."""
        begin = await self.begin(results)
        while not int(self.dut.irq_o.value):
            await RisingEdge(self.dut.clk_i)
        cycles = self.cycle - begin
        assert self.quiet(), "the bus is in use at the end"
        await self.check(CYCLES, cycles)
        await self.interrupt(bits)
        assert not self.layer_runs

    async def good_run(self, at: int, length: int = 8) -> None:
        """A random program from ``at`` on must do what it says."""
        program = random_program(length, logits=random.choice((1, 9, 10)), offset=8)
        self.expect(program)
        results = (self.place(at) + 7) & ~7
        await self.run(results)
        await self.check(STATUS, DONE)
        await self.check(CAUSE, 0)
        assert not self.writes and not self.layers
        await self.check(LAYERS, len(program.layers))
        await self.check(LOADS, len(program.loads))
        await self.check(LABEL, self.label)
        await self.check_counters()
        self.check_result(results + 8)

    def check_result(self, at: int) -> None:
        count = self.program.stores[-1].values["logits"]
        assert self.result(at, count) == (self.label, self.logits[:count])

    async def _write_cycle(self) -> int:
        """The cycle in which CTRL was written: its response comes in the next one."""
        await RisingEdge(self.dut.clk_i)  # the response of the write before
        while not int(self.dut.s_axil_bvalid.value):
            await RisingEdge(self.dut.clk_i)
        self.ended = self.cycle  # psf_perf counts from here
        return self.cycle - 1

    async def check_counters(self) -> None:
        for number, sums in self.counters.items():
            got = [await self.read(COUNTERS + 32 * number + 4 * i) for i in range(8)]
            assert got == sums, f"layer {number}: {got}, expected {sums}, seed {cocotb.RANDOM_SEED}"

    def result(self, at: int, count: int) -> tuple[int, list[int]]:
        """Label and logits in memory at ``at``."""
        words = [
            int.from_bytes(self.memory.bytes[at + 4 * i : at + 4 * i + 4], "little")
            for i in range(2 + count)
        ]
        return words[0], words[2:]


def random_program(length: int, *, logits: int = 10, offset: int = 0) -> Program:
    program = Program(HARDWARE)
    for _ in range(length):
        if random.random() < 0.6:
            program.add_load(legal_load(HARDWARE, random.randrange(5)))
        else:
            program.add_layer()
    program.add(isa.OP_STORE, logits=logits, offset=offset)
    program.add(isa.OP_END)
    return program


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_programs(dut, stall: float) -> None:
    """Three runs: contents and order of all writes, layers, counters, registers, results."""
    bench = Bench(dut, latency=random.choice((0, 20)), stall=stall, memory_stall=stall)
    await bench.start()
    for base in (64, PAGE - 64 * 3, PAGE - 24):  # one of them with descriptors across a page
        await bench.good_run(base, 24)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def full_rate(dut) -> None:
    """Latency 20, a layer running, descriptors fetched between: at least 0.9 beats per cycle."""
    bench = Bench(dut, latency=20, run_cycles=(2500,))
    await bench.start()
    program = Program(HARDWARE)
    program.add_layer(wait_loads=0)
    for records in (300, 200, 100, 300, 200):
        program.add_load(legal_load(HARDWARE, load.WEIGHT, records), wait_layers=0)
    program.add_load(legal_load(HARDWARE, load.PARAM, 16), wait_layers=0)
    program.add(isa.OP_END)
    bench.expect(program)
    bench.place(1024)
    beats = sum(len(item.load.beats) for item in program.loads)
    running = cocotb.start_soon(bench.run(0))
    while not bench.write_cycles:
        await RisingEdge(dut.clk_i)
    begin = bench.cycle
    while bench.writes:
        await RisingEdge(dut.clk_i)
    rate = beats / (bench.cycle - begin)
    dut._log.info("%d beats in %d cycles: %.3f per cycle", beats, bench.cycle - begin, rate)
    assert rate >= 0.9
    assert bench.overlaps
    await running


KINDS = {
    "opcode": isa.ERROR_OPCODE, "field": isa.ERROR_FIELD, "overrun": isa.ERROR_OVERRUN,
    "read": isa.ERROR_READ, "descriptor": isa.ERROR_READ, "write": isa.ERROR_WRITE,
    "program_crc": isa.ERROR_PROGRAM_CRC, "weight_crc": isa.ERROR_WEIGHT_CRC,
    "no_end": isa.ERROR_NO_END, "empty": isa.ERROR_NO_END, "read_window": isa.ERROR_READ_WINDOW,
    "write_window": isa.ERROR_WRITE_WINDOW, "parity": isa.ERROR_PARITY,
    "layer_overrun": isa.ERROR_OVERRUN, "time_out": isa.ERROR_TIMEOUT,
}  # fmt: skip


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(kind=tuple(KINDS), stall=STALLS[:2])
async def errors(dut, kind: str, stall: float) -> None:
    """Cause, index, address, interrupt of each error, and a bus at rest; then a good run."""
    bench = Bench(dut, latency=10, stall=stall, memory_stall=stall)
    await bench.start()
    await bench.write(WATCHDOG, 40_000)  # a hang has an end
    program, middle = random_program(12), 6
    item = program.add_load(legal_load(HARDWARE, load.WEIGHT, 20), from_image=0)
    program.items.insert(middle, program.items.pop())
    store = program.count - 2
    if kind == "opcode":
        item.op = 0x55
    elif kind in ("field", "overrun"):
        dest = HARDWARE.bank_depth
        item.load, item.values = None, {
            "target": 9 if kind == "field" else 0, "records": HARDWARE.banks, "dest": dest,
        }  # fmt: skip
    elif kind == "no_end":
        program.items.pop()
    elif kind in ("parity", "layer_overrun"):
        program.add_layer()
        program.items.insert(0, program.items.pop())
        middle, store = 0, store + 1
    for later in program.items:  # what they wait for may be gone
        later.values |= {n: 0 for n in ("wait_loads", "wait_layers") if n in later.values}
    bench.expect(program)
    end = bench.place(2048)
    results = (end + PAGE) & ~7
    index, addr = middle, 0
    if kind == "weight_crc":
        item.values |= {"check": 1, "crc": random.getrandbits(32)}
        bench.memory.bytes[2048 : 2048 + 64 * program.count] = program.encoded()
    elif kind == "read":
        first = bench.records[program.loads.index(item)]
        addr = first + 8 * random.randrange(len(item.load.beats))
        bench.memory.read.bad = {addr}
    elif kind == "descriptor":
        addr = 2048 + 64 * middle + 8 * random.randrange(8)
        bench.memory.read.bad = {addr}
    elif kind == "write":
        bench.memory.write.bad = {results}
        index, addr = store, results
    elif kind == "program_crc":
        bench.memory.bytes[2048 + 64 * middle + random.randrange(64)] ^= 1 << random.randrange(8)
    elif kind == "no_end":
        index = program.count - 1
    elif kind == "empty":
        program.items, index = [], 0
    elif kind == "read_window":
        item.values["offset"] = 1 << 31
        addr = bench.weights + (1 << 31)
        bench.memory.bytes[2048 : 2048 + 64 * program.count] = program.encoded()
    elif kind == "write_window":
        index, addr = store, results
        await bench.write(WRITE_BASE, results + 8)
    elif kind == "time_out":
        bench.run_cycles = (1 << 20,)
        program.add_layer()  # for the count of layers alone, it is not in memory
        program.items.pop()
        await bench.write(WATCHDOG, 900)
        index = None
    if kind in ("parity", "layer_overrun"):
        bench.run_cycles = (4000,)
        await bench.begin(results)
        while not bench.layer_runs:
            await RisingEdge(dut.clk_i)
        await ClockCycles(dut.clk_i, 50)
        dut.fault_i.value = PARITY | random.choice((0, OVERRUN)) if kind == "parity" else OVERRUN
        await RisingEdge(dut.clk_i)
        dut.fault_i.value = 0
        await bench.interrupt(IRQ_ERROR)
    else:
        if kind == "time_out" and not program.layers:
            return  # nothing takes long
        await bench.run(results, IRQ_ERROR)
    assert bench.quiet()
    await bench.check_error(KINDS[kind], index, addr)
    layers = await bench.read(LAYERS)
    assert sum(bench.layers_done) - layers in (0, 1), layers  # one may have ended during the halt
    wrote = bool(bench.memory.write.writes)
    assert wrote == (kind == "write")
    bench.memory.read.bad, bench.memory.write.bad = set(), set()
    bench.run_cycles = (2, 3, 40)
    await bench.set_up()
    await bench.write(WATCHDOG, 0)
    await bench.good_run(PAGE * 8)


QUEUES = (
    "u_fetch.u_beats", "u_fetch.u_jobs", "u_sequencer.u_loads", "u_sequencer.u_items",
    "u_load_issue.u_unpack", "u_beats",
)  # fmt: skip


@cocotb.test(timeout_time=10, timeout_unit="ms", skip=not cocotb.SIM_NAME.startswith("Verilator"))
@cocotb.parametrize(queue=QUEUES)
async def flips(dut, queue: str) -> None:
    """The parity bit of a word that waits in a queue: a parity error; then a good run."""
    bench = Bench(dut, latency=10, run_cycles=(200,))
    await bench.start()
    await bench.write(WATCHDOG, 40_000)  # a hang has an end
    fifo, told = dut, 0
    for name in queue.split("."):
        fifo = getattr(fifo, name)
    cells = fifo.u_words.mem
    for _ in range(4):
        bench.expect(random_program(16))
        results = (bench.place(2048) + PAGE) & ~7
        await bench.begin(results)
        await ClockCycles(dut.clk_i, random.randrange(1, 300))
        await FallingEdge(dut.clk_i)
        while not int(fifo.out_valid_o.value) and not int(dut.irq_o.value):
            await FallingEdge(dut.clk_i)
        if int(fifo.out_valid_o.value):
            cell = cells[int(fifo.read_q.value) % len(cells)]
            cell.value = int(cell.value) ^ 1 << len(cell) - 1
            await bench.interrupt(IRQ_ERROR)
            await bench.check_error(isa.ERROR_PARITY, None)
            assert bench.quiet()
            told += 1
        else:  # it was too late
            await bench.interrupt(IRQ_JOB)
    assert told, "the queue was always empty"
    await bench.good_run(PAGE * 8)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(what=(ABORT, SOFT_RESET), stall=STALLS[:2])
async def aborts(dut, what: int, stall: float) -> None:
    """At any cycle: a clean stop, told by an interrupt or (soft reset) not at all; a good run."""
    bench = Bench(dut, latency=random.choice((0, 30)), stall=stall, memory_stall=stall)
    await bench.start()
    stops = 0
    for _ in range(10):
        program = random_program(12)
        bench.expect(program)
        results = (bench.place(8 * random.randrange(300)) + 7) & ~7
        await bench.begin(results)
        await ClockCycles(dut.clk_i, random.choice((1, 10, random.randrange(1200))))
        busy = await bench.read(STATUS) & BUSY
        await bench.write(CTRL, what)
        if what == SOFT_RESET:
            while await bench.read(STATUS) & BUSY:
                await ClockCycles(dut.clk_i, 5)
            assert bench.quiet()
            for address in (STATUS, IRQ_STATUS, CAUSE, CYCLES, LAYERS, LOADS, PROGRAM_BASE):
                await bench.check(address, 0)
            assert not int(dut.irq_o.value)
            stops += bool(busy)
        else:
            while not int(dut.irq_o.value):
                await RisingEdge(dut.clk_i)
            if await bench.read(STATUS) & ERROR:
                await bench.check_error(isa.ERROR_ABORT, None)
                stops += 1
                assert bench.quiet()
            await bench.write(IRQ_STATUS, IRQ_JOB | IRQ_ERROR)
        await bench.set_up()
        await bench.good_run(PAGE * 8, 6)
    assert stops >= 2, stops


class Ring:
    """The ring of a bench, behind what ``place`` has put into memory."""

    def __init__(self, bench: Bench, end: int) -> None:
        self.bench, self.head = bench, 0
        self.base = (end + 15) & ~15
        self.results = [self.base + (16 << LOG_ENTRIES) + 64 * k + 8 for k in range(bench.jobs)]

    async def set_up(self) -> None:
        bench = self.bench
        for address, value in (
            (PROGRAM_BASE, bench.base), (PROGRAM_COUNT, bench.program.count),
            (WEIGHT_BASE, bench.weights), (RING_BASE, self.base), (RING_SIZE, LOG_ENTRIES),
        ):  # fmt: skip
            await bench.write(address, value)

    async def queue(self, irq: int) -> bool:
        """Fill in the next entry and ring; False if there is no room."""
        bench, job = self.bench, self.head
        if job - await bench.read(RING_TAIL) >= 1 << LOG_ENTRIES:
            return False
        at = self.base + 16 * (job % (1 << LOG_ENTRIES))
        words = bench.images[job], self.results[job], irq | random.getrandbits(31) << 1
        entry = b"".join(w.to_bytes(4, "little") for w in (*words, random.getrandbits(32)))
        bench.memory.bytes[at : at + 16] = entry
        self.head += 1
        await bench.write(RING_HEAD, self.head)
        return True


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def rings(dut, stall: float) -> None:
    """Jobs that are queued while others run, twice around the ring: order, results, interrupts."""
    bench = Bench(dut, latency=10, stall=stall, memory_stall=stall, run_cycles=(2, 40, 200))
    await bench.start()
    jobs = 9
    program = random_program(10, logits=8)
    bench.expect(program, jobs)
    ring = Ring(bench, bench.place(512))
    await ring.set_up()
    bench.ended = 0
    while ring.head < jobs:
        await ring.queue(random.getrandbits(1))
        if random.random() < 0.3:
            await ClockCycles(dut.clk_i, random.randrange(600))
    while await bench.read(RING_TAIL) != jobs or await bench.read(STATUS) != DONE:
        await ClockCycles(dut.clk_i, 20)
    assert not bench.writes and not bench.layers and bench.quiet()
    for at in ring.results:
        bench.check_result(at)
    await bench.check(CAUSE, 0)
    await bench.interrupt(IRQ_JOB)
    await bench.good_run(PAGE * 8)  # a start between rings
    await bench.check(RING_TAIL, jobs)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def ring_overlaps(dut) -> None:
    """The image of the next job is loaded while the one before runs; one interrupt each."""
    bench = Bench(dut, latency=20, run_cycles=(600,))
    await bench.start()
    program = Program(HARDWARE)
    program.add_load(legal_load(HARDWARE, load.SPIKE, 64), from_image=1, wait_previous=1)
    program.add_layer(wait_loads=1)
    program.add_layer(wait_loads=1)
    program.add(isa.OP_STORE, logits=8, offset=0)
    program.add(isa.OP_END)
    bench.expect(program, 4)
    ring = Ring(bench, bench.place(512))
    await ring.set_up()
    bench.ended = 0
    for _ in range(4):
        assert await ring.queue(1)
    last = 0
    for k in range(4):
        while not int(dut.irq_o.value):
            await RisingEdge(dut.clk_i)
        seen, last = last, bench.cycle
        if k == 3:
            await bench.check(CYCLES, last - seen)
        assert last - seen < 1200 + 150 or k == 0  # nothing but the two layers and the store
        await bench.interrupt(IRQ_JOB)
        bench.check_result(ring.results[k])
    assert bench.across >= 3 * 64, bench.across
    await bench.check(STATUS, DONE)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(what=(ABORT, SOFT_RESET))
async def ring_stops(dut, what: int) -> None:
    """Abort: the front job is gone, the next write of the head goes on. Soft reset: from 0."""
    bench = Bench(dut, latency=10, run_cycles=(3000,))
    await bench.start()
    program = Program(HARDWARE)
    program.add_load(legal_load(HARDWARE, load.SPIKE), from_image=1, wait_layers=0)
    program.add_layer(wait_loads=1)
    program.add(isa.OP_STORE, logits=8, offset=0)
    program.add(isa.OP_END)
    bench.expect(program, 4)
    ring = Ring(bench, bench.place(512))
    await ring.set_up()
    bench.ended = 0
    for _ in range(3):
        await ring.queue(0)
    while bench.job < 1:  # the first one ends well
        await RisingEdge(dut.clk_i)
    await ClockCycles(dut.clk_i, random.randrange(2, 2500))
    await bench.write(CTRL, what)
    while await bench.read(STATUS) & BUSY:
        await ClockCycles(dut.clk_i, 5)
    tail = 2 if what == ABORT else 0
    await bench.check(RING_TAIL, tail)
    if what == ABORT:
        await bench.check_error(isa.ERROR_ABORT, 1, 0, 1)
        await bench.interrupt(IRQ_ERROR)
    await ClockCycles(dut.clk_i, 300)
    assert await bench.read(STATUS) & BUSY == 0, "the ring goes on by itself"
    bench.run_cycles = (30,)
    bench.expect(program, 2 if what == ABORT else 1)
    await bench.set_up()
    await ring.set_up()
    ring.head = 3 if what == ABORT else 0
    await ring.queue(0)
    await bench.interrupt(IRQ_JOB)
    await bench.check(RING_TAIL, ring.head)
    assert not bench.writes and not bench.layers
    bench.check_result(ring.results[ring.head - 1])


@cocotb.test(timeout_time=20, timeout_unit="ms", skip=HARDWARE.name != "2x8")
async def hanging_memory(dut) -> None:
    """A memory that does not answer: the error comes, "stuck" stays until it does."""
    bench = Bench(dut)
    await bench.start()
    bench.expect(random_program(6))
    results = (bench.place(512) + 7) & ~7
    bench.memory.read.r.pause = True
    await bench.begin(results)
    await ClockCycles(dut.clk_i, 100)
    await bench.write(CTRL, ABORT)
    began = bench.cycle
    for task in bench.tasks:  # nothing happens for them, and they cost time
        task.cancel()
    while not int(dut.irq_o.value):
        await ClockCycles(dut.clk_i, 100)
    bench.watch()
    assert 1 << 16 <= bench.cycle - began < (1 << 16) + 300
    await bench.check(CAUSE, isa.ERROR_ABORT)
    await bench.check(STATUS, ERROR | STUCK)
    await bench.interrupt(IRQ_ERROR)
    await bench.write(CTRL, START)  # ignored
    await ClockCycles(dut.clk_i, 20)
    await bench.check(STATUS, ERROR | STUCK)
    bench.memory.read.r.pause = False
    await ClockCycles(dut.clk_i, 600)
    await bench.check(STATUS, ERROR)
    await bench.good_run(PAGE * 8)
