# SPDX-License-Identifier: Apache-2.0
"""Programs in a Python memory, run by psf_control for a fake datapath that checks all it is given.

The fake datapath knows every write of every load (they are totally ordered) and the fields of every
layer; it runs layers for random times with random events, and the counters must agree exactly.
"""

import os
import random
from collections import deque

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiLiteBus, AxiLiteMaster

from golden.compile import isa
from golden.compile.hardware import Hardware
from tb.lib import load, reset
from tb.lib.axi_memory import PAGE, AxiMemory
from tb.lib.layer import pack_layer
from tb.lib.program import Program
from tb.lib.stream import STALLS, Sink

PARAMETERS = Hardware.named(os.environ["HARDWARE"]).sv_parameters()
SIZES = PARAMETERS | {"SlotWidth": 8 + (PARAMETERS["AccDepth"] - 1).bit_length()}
MEMORY = 1 << 18
CTRL, STATUS, IRQ_ENABLE, IRQ_STATUS, CAUSE, INDEX = 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34
PROGRAM_BASE, WEIGHT_BASE, IMAGE_BASE, RESULT_BASE = 0x40, 0x44, 0x48, 0x4C
LABEL, CYCLES, LAYERS, LOADS, COUNTERS = 0x50, 0x54, 0x58, 0x5C, 0x800
DONE, ERROR = 2, 4
CAUSES = {"opcode": 1, "target": 2, "read": 3, "descriptor": 3, "write": 4}
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
        self.dut, self.run_cycles = dut, run_cycles
        self.memory = AxiMemory(dut, MEMORY, latency=latency, stall=memory_stall)
        self.host = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False
        )
        self.logits = [random.getrandbits(32) for _ in range(1 << 10)]
        self.label = random.getrandbits(16)
        dut.layer_done_i.value = 0
        dut.label_i.value = self.label
        for target, names in PORTS.items():
            fields = {n: getattr(dut, f"{target}_{n}_o") for n in names}
            Sink(
                dut, getattr(dut, f"{target}_valid_o"), getattr(dut, f"{target}_ready_i", None),
                fields, stall, lambda item, target=target: self._write(target, item),
            )  # fmt: skip
        self.expect(Program())

    def expect(self, program: Program) -> None:
        """From here on the datapath is to see exactly what ``program`` says."""
        self.program = program
        self.layers = deque(program.layers)
        self.writes: deque = deque()  # (number of the load, layers it waits for, write)
        for number, item in enumerate(program.loads):
            for write in item.load.writes if item.load else []:
                self.writes.append((number, item.values["wait_layers"], write))
        self.layers_done = self.overlaps = 0
        self.layer_runs = False
        self.write_cycles: dict[int, int] = {}  # load -> cycle of its last write so far
        self.counters: dict[int, list[int]] = {}

    @property
    def cycle(self) -> int:
        return int(get_sim_time("ns")) // 10

    def place(self, at: int) -> int:
        """Put the program at ``at`` and its records behind it; return the address after them."""
        self.base = at
        end = at + 64 * (len(self.program.items) + 4)  # what is fetched ahead of the end is unused
        self.weights, self.images = end + 8 * random.randrange(9), 8
        self.records: dict[int, int] = {}  # load -> address
        for number, item in enumerate(self.program.loads):
            if item.load is None:
                continue
            self.records[number] = end
            data = b"".join(x.to_bytes(8, "little") for x in item.load.beats)
            item.values["offset"] = end - (
                self.images if item.values["from_image"] else self.weights
            )
            if item.values["offset"] < 0:
                item.values |= {"from_image": 1, "offset": end - self.images}
            self.memory.bytes[end : end + len(data)] = data
            end += len(data) + 8 * random.choice((0, 0, 3))
        data = self.program.encoded()
        self.memory.bytes[at : at + len(data)] = data
        return end

    # ---- datapath

    def _write(self, target: str, item: dict[str, int]) -> None:
        got = load.written(target, item, SIZES["Lanes"])
        assert self.writes, f"{got}, but nothing is to come"
        number, wait, want = self.writes.popleft()
        assert got == want, f"load {number}: expected {want}, got {got}, seed {cocotb.RANDOM_SEED}"
        assert self.layers_done >= wait, f"load {number} writes before {wait} layers are done"
        self.overlaps += self.layer_runs
        self.write_cycles[number] = self.cycle

    async def _datapath(self) -> None:
        """Layers: after each edge the state of the cycle before it is known."""
        dut, done, left, began = self.dut, False, 0, 0
        sums, number, event = [0] * 8, 0, 0
        while True:
            await RisingEdge(dut.clk_i)
            if self.layer_runs:
                for i in range(6):
                    sums[1 + i] += event >> 8 * i & 0xFF
            if done:
                sums[0] = self.cycle - began
                self.counters[number] = sums
                self.layer_runs, self.ended = False, self.cycle
                self.layers_done += 1
            if int(dut.layer_start_o.value):
                assert not self.layer_runs and self.layers, "a layer too many"
                want = self.layers.popleft().values
                assert int(dut.layer_o.value) == pack_layer(want), f"layer {want['id']}"
                if self.writes:
                    assert self.writes[0][0] >= want["wait_loads"], f"layer {want['id']} is early"
                assert self.cycle >= self.write_cycles.get(want["wait_loads"] - 1, -2) + 2
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
        await reset.start(self.dut)
        cocotb.start_soon(self._datapath())
        cocotb.start_soon(self._logits())
        await self.write(IRQ_ENABLE, 1)

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

    async def run(self, results: int) -> None:
        """Run the program that was placed; return after the interrupt, which is cleared."""
        await self.write(PROGRAM_BASE, self.base)
        await self.write(WEIGHT_BASE, self.weights)
        await self.write(IMAGE_BASE, self.images)
        await self.write(RESULT_BASE, results)
        started = cocotb.start_soon(self._write_cycle())
        await self.write(CTRL, 1)
        begin = await started
        while not int(self.dut.irq_o.value):
            await RisingEdge(self.dut.clk_i)
        cycles = self.cycle - begin
        await self.check(CYCLES, cycles)
        await self.write(IRQ_STATUS, 1)
        assert not int(self.dut.irq_o.value)
        assert self.memory.read.idle() and not self.layer_runs

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
    program = Program()
    for _ in range(length):
        if random.random() < 0.6:
            item = load.random_load(SIZES, random.randrange(5))
            add_load(program, item, program.waits())
        else:
            program.add_layer()
    program.add(isa.OP_STORE, logits=logits, offset=offset)
    program.add(isa.OP_END)
    return program


def add_load(program: Program, item: load.Load, wait_layers: int = 0) -> None:
    program.add(
        isa.OP_LOAD, item, target=item.target, dest=item.dest, records=item.records,
        unit_words=item.unit_words, wait_layers=wait_layers, from_image=random.getrandbits(1),
    )  # fmt: skip


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_programs(dut, stall: float) -> None:
    """Three runs: contents and order of all writes, layers, counters, registers, results."""
    bench = Bench(dut, latency=random.choice((0, 20)), stall=stall, memory_stall=stall)
    await bench.start()
    for base in (64, PAGE - 64 * 3, PAGE - 24):  # one of them with descriptors across a page
        program = random_program(24, logits=random.choice((0, 9, 10)), offset=8)
        bench.expect(program)
        results = (bench.place(base) + 7) & ~7
        await bench.run(results)
        await bench.check(STATUS, DONE)
        await bench.check(CAUSE, 0)
        assert not bench.writes and not bench.layers
        await bench.check(LAYERS, len(program.layers))
        await bench.check(LOADS, len(program.loads))
        await bench.check(LABEL, bench.label)
        await bench.check_counters()
        count = program.items[-2].values["logits"]
        assert bench.result(results + 8, count) == (bench.label, bench.logits[:count])


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def full_rate(dut) -> None:
    """Latency 20, a layer running, descriptors fetched between: at least 0.9 beats per cycle."""
    bench = Bench(dut, latency=20, run_cycles=(2500,))
    await bench.start()
    program = Program()
    program.add_layer(wait_loads=0)
    for records in (300, 200, 100, 300, 200):
        add_load(program, load.random_load(SIZES, load.WEIGHT, records=records))
    add_load(program, load.random_load(SIZES, load.PARAM, records=16))
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


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(kind=("opcode", "target", "read", "descriptor", "write"), stall=STALLS[:2])
async def errors(dut, kind: str, stall: float) -> None:
    """Cause, index, interrupt of each error; then a clean run, with bad words behind its END."""
    bench = Bench(dut, latency=10, stall=stall, memory_stall=stall)
    await bench.start()
    program, middle = random_program(12), 6
    add_load(program, load.random_load(SIZES, load.WEIGHT, records=20))
    program.items.insert(middle, program.items.pop())
    item = program.items[middle]
    if kind == "opcode":
        item.op = 0x55
    elif kind == "target":
        item.load, item.values = None, {"target": 9}
    for later in program.items[middle:]:  # what they wait for may be gone
        later.values |= {n: 0 for n in ("wait_loads", "wait_layers") if n in later.values}
    bench.expect(program)
    end = bench.place(2048)
    results = (end + PAGE) & ~7
    index = middle
    if kind == "read":
        first = bench.records[program.loads.index(item)]
        bench.memory.read.bad = {first + 8 * random.randrange(len(item.load.beats))}
    elif kind == "descriptor":
        bench.memory.read.bad = {2048 + 64 * middle + 8 * random.randrange(8)}
    elif kind == "write":
        bench.memory.write.bad = {results}
        index = len(program.items) - 2
    await bench.run(results)
    await bench.check(STATUS, ERROR)
    await bench.check(CAUSE, CAUSES[kind])
    await bench.check(INDEX, index)
    await bench.check(LAYERS, bench.layers_done)
    assert bool(bench.memory.write.writes) == (kind == "write")
    await ClockCycles(dut.clk_i, 50)

    program = random_program(8)
    bench.expect(program)
    end = bench.place(PAGE * 8)
    after = bench.base + 64 * len(program.items)
    bench.memory.read.bad, bench.memory.write.bad = {after, after + 64}, set()
    await bench.run((end + 7) & ~7)
    await bench.check(STATUS, DONE)
    await bench.check(CAUSE, 0)
    assert not bench.writes and not bench.layers
