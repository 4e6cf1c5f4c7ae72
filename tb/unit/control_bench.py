# SPDX-License-Identifier: Apache-2.0
"""What lies around one psf_control: a Python memory, the host's registers, a fake datapath.

The fake datapath knows every write of every load (they are totally ordered) and the fields of every
layer; it runs layers for random times with random events, and the counters must agree exactly.
"""

import random
import zlib
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from golden.hardware import isa
from tb.lib import load
from tb.lib.axi_memory import AxiMemory
from tb.lib.bench import SEED, Bench
from tb.lib.layer import pack_layer
from tb.lib.load import PORTS
from tb.lib.parameters import hardware
from tb.lib.program import Descriptor, Program, legal_load
from tb.lib.registers import (
    COUNTER_NAMES,
    CTRL,
    CYCLES,
    DONE,
    ERROR,
    ERROR_ADDR,
    ERROR_CAUSE,
    ERROR_INDEX,
    ERROR_JOB,
    IMAGE_BASE,
    IRQ_ENABLE,
    IRQ_ERROR,
    IRQ_JOB,
    IRQ_STATUS,
    LABEL,
    LAYERS,
    LOADS,
    PROGRAM_BASE,
    PROGRAM_COUNT,
    READ_BASE,
    READ_LIMIT,
    RESULT_BASE,
    RING_BASE,
    RING_HEAD,
    RING_SIZE,
    RING_TAIL,
    START,
    STATUS,
    WEIGHT_BASE,
    WRITE_BASE,
    WRITE_LIMIT,
    counter,
)
from tb.lib.structs import View

HARDWARE = hardware()
MEMORY = 1 << 18
PARITY, OVERRUN = 1, 2  # bits of fault_i
LOG_ENTRIES = 2  # of the ring
AW_LATENCY = 4  # cycles from a store that is taken to its AWVALID
AXIL = {"axil_i": ("axil_request_t", "s_axil_{}"), "axil_o": ("axil_response_t", "s_axil_{}")}


class ControlBench(Bench):
    """Host, memory and datapath around one psf_control."""

    def __init__(self, dut, *, latency=0, stall=0.0, run_cycles=(2, 3, 40, 200)):
        super().__init__(View(dut, AXIL, loads="o"))
        self.run_cycles, self.stall = run_cycles, stall
        self.memory = AxiMemory(dut, MEMORY, latency=latency, stall=stall)
        self.host = AxiLiteMaster(
            AxiLiteBus.from_prefix(self.dut, "s_axil"),
            dut.clk_i,
            dut.rst_ni,
            reset_active_level=False,
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
        got = load.written(target, item, HARDWARE.sv_parameters())
        assert self.writes, f"{got}, but nothing is to come"
        job, number, values, want = self.writes.popleft()
        assert got == want, f"load {number}: expected {want}, got {got}, SEED={SEED}"
        assert self.layers_done[job] >= values["wait_items"], f"load {number} of {job} is early"
        if not values["wait_items"] and job and values["wait_previous"]:
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
                sums[0] += self.cycle - began
                self.counters[number] = self.sums = sums
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
                sums = [*self.sums] if want["continues"] else [0] * 8
                sums[7] += began - self.ended
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
        await super().start()
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

    async def check_register(self, address: int, want: int) -> None:
        got = await self.read(address)
        assert got == want, f"{address:#x}: expected {want}, got {got}, SEED={SEED}"

    async def check_error(self, cause: int, index: int | None, addr: int = 0, job: int = 0) -> None:
        await self.check_register(ERROR_CAUSE, cause)
        await self.check_register(STATUS, ERROR)
        if index is not None:
            await self.check_register(ERROR_INDEX, index)
        await self.check_register(ERROR_ADDR, addr)
        await self.check_register(ERROR_JOB, job)

    async def launch(self, results: int) -> int:
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
        await self.check_register(IRQ_STATUS, bits)
        await self.write(IRQ_STATUS, bits)
        assert not int(self.dut.irq_o.value)

    def quiet(self) -> bool:
        return self.memory.read.idle() and not self.memory.write.open

    async def run(self, results: int, bits: int = IRQ_JOB) -> int:
        """Run the program that was placed; the cycle of its start, after the interrupt."""
        begin = await self.launch(results)
        while not int(self.dut.irq_o.value):
            await RisingEdge(self.dut.clk_i)
        cycles = self.cycle - begin
        assert self.quiet(), "the bus is in use at the end"
        await self.check_register(CYCLES, cycles)
        await self.interrupt(bits)
        assert not self.layer_runs
        return begin

    async def good_run(self, at: int, length: int = 8) -> None:
        """A random program from ``at`` on must do what it says, and change nothing else."""
        program = random_program(length, logits=random.choice((1, 9, 10)), offset=8)
        for offset in random.choice(((), (80,), (80, 160))):  # stores that wait for the one before
            program.items.insert(-1, program.stores[0].again(offset=offset))
        self.expect(program)
        results = (self.place(at) + 7) & ~7
        before = bytes(self.memory.bytes)
        self.memory.write.offered.clear()
        began = await self.run(results)
        await self.check_register(STATUS, DONE)
        await self.check_register(ERROR_CAUSE, 0)
        assert not self.writes and not self.layers
        await self.check_register(LAYERS, len(program.layers))
        await self.check_register(LOADS, len(program.loads))
        await self.check_register(LABEL, self.label)
        await self.check_counters()
        self.check_stores(before, results, began)

    def check_stores(self, before: bytes, results: int, began: int) -> None:
        """The memory is as ``before``, but for the stores to ``results`` of a run."""
        want = bytearray(before)
        for store in self.program.stores:
            at = results + store.values["offset"]
            taken = self.memory.write.offered[at] // 10 - AW_LATENCY - began
            words = self.label, taken, *self.logits[: store.values["logits"]]
            data = b"".join(x.to_bytes(4, "little") for x in words)
            want[at : at + len(data)] = data
            want[at + len(data) : at + (len(data) + 7 & ~7)] = bytes(-len(data) % 8)
        assert self.memory.bytes == want, f"stores, {self.where()}"

    def check_result(self, at: int) -> None:
        """Label and logits of the last store, in memory at ``at``."""
        logits = self.logits[: self.program.stores[-1].values["logits"]]
        words = [
            int.from_bytes(self.memory.bytes[i : i + 4], "little")
            for i in range(at, at + 8 + 4 * len(logits), 4)
        ]
        assert (words[0], words[2:]) == (self.label, logits), self.where()

    async def _write_cycle(self) -> int:
        """The cycle in which CTRL was written: its response comes in the next one."""
        await RisingEdge(self.dut.clk_i)  # the response of the write before
        while not int(self.dut.s_axil_bvalid.value):
            await RisingEdge(self.dut.clk_i)
        self.ended, self.sums = self.cycle, [0] * 8  # psf_counters counts from here
        return self.cycle - 1

    async def check_counters(self) -> None:
        for number, sums in self.counters.items():
            got = [await self.read(counter(number, name)) for name in COUNTER_NAMES]
            assert got == sums, f"layer {number}: {got}, expected {sums}, SEED={SEED}"


class Ring:
    """The ring of a bench, behind what ``place`` has put into memory."""

    def __init__(self, bench: ControlBench, end: int) -> None:
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


def random_program(length: int, *, logits: int = 10, offset: int = 0) -> Program:
    program = Program(HARDWARE)
    for _ in range(length):
        if random.random() < 0.6:
            program.add_load(legal_load(HARDWARE, random.randrange(len(load.TARGETS))))
        else:
            program.add_layer()
    program.add(isa.OP_STORE, logits=logits, offset=offset)
    program.add(isa.OP_END)
    return program
