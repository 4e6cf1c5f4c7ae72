# SPDX-License-Identifier: Apache-2.0
"""psf_control as a whole: random programs, every fault, aborts, a memory that hangs."""

import random

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge
from cocotbext.axi import AxiResp

from golden.hardware import isa
from golden.hardware.configuration import Hardware
from golden.hardware.registers import load as registers_of
from tb.lib import load
from tb.lib.bench import HIDDEN
from tb.lib.bursts import BUS, PAGE
from tb.lib.program import Program, legal_load
from tb.lib.registers import (
    ABORT,
    BUSY,
    CTRL,
    CYCLES,
    ERROR,
    ERROR_CAUSE,
    IRQ_ERROR,
    IRQ_JOB,
    IRQ_STATUS,
    LAYERS,
    LOADS,
    PROGRAM_BASE,
    SOFT_RESET,
    START,
    STATUS,
    STUCK,
    WATCHDOG,
    WRITE_BASE,
)
from tb.lib.stream import STALLS, pauses
from tb.run.runner import run
from tb.unit.control_bench import HARDWARE, OVERRUN, PARITY, ControlBench, random_program


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_programs(dut, stall: float) -> None:
    """Three runs: contents and order of all writes, layers, counters, registers, results."""
    bench = await ControlBench(dut, latency=random.choice((0, 20)), stall=stall).begun()
    for base in (64, PAGE - 64 * 3, PAGE - 24):  # one of them with descriptors across a page
        await bench.good_run(base, 24)


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def full_rate(dut) -> None:
    """Latency 20, a layer running, descriptors fetched between: at least 0.9 beats per cycle."""
    bench = await ControlBench(dut, latency=20, run_cycles=(2500,)).begun()
    program = Program(HARDWARE)
    program.add_layer(wait_loads=0)
    for records in (300, 200, 100, 300, 200):  # plain: coded records may fill half a beat
        item = legal_load(HARDWARE, load.WEIGHT, records, coded=False)
        program.add_load(item, wait_items=0)
    program.add_load(legal_load(HARDWARE, load.PARAM, 16), wait_items=0)
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
    bench = await ControlBench(dut, latency=10, stall=stall).begun()
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
    elif kind in ("parity", "layer_overrun", "time_out"):
        program.add_layer()
        program.items.insert(0, program.items.pop())
        middle, store = 0, store + 1
    for later in program.items:  # what they wait for may be gone
        later.values |= {n: 0 for n in ("wait_loads", "wait_items") if n in later.values}
    bench.expect(program)
    end = bench.place(2048)
    results = (end + PAGE) & ~7
    index, addr = middle, 0
    if kind == "weight_crc":
        item.values |= {"check": 1, "crc": random.getrandbits(32)}
        bench.memory.bytes[2048 : 2048 + 64 * program.count] = program.encoded()
    elif kind == "read":
        first = bench.records[program.loads.index(item)]
        whole = range(-(-first // BUS) * BUS, first + 8 * len(item.load.beats), BUS)
        addr = random.choice(whole)  # a word of the bus that no load before it reads
        bench.memory.read.bad = {addr}
    elif kind == "descriptor":
        addr = 2048 + 64 * middle + BUS * random.randrange(64 // BUS)
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
        await bench.write(WATCHDOG, 900)
    if kind in ("parity", "layer_overrun"):
        bench.run_cycles = (4000,)
        await bench.launch(results)
        while not bench.layer_runs:
            await RisingEdge(dut.clk_i)
        await bench.cycles(50)
        dut.fault_i.value = PARITY | random.choice((0, OVERRUN)) if kind == "parity" else OVERRUN
        await RisingEdge(dut.clk_i)
        dut.fault_i.value = 0
        await bench.interrupt(IRQ_ERROR)
    else:
        await bench.run(results, IRQ_ERROR)
        cycles = await bench.read(CYCLES)  # late: 900 and as long as the bus needs to come to rest
        assert kind != "time_out" or 900 < cycles < 1100, cycles
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


@cocotb.test(timeout_time=10, timeout_unit="ms", skip=HIDDEN)
@cocotb.parametrize(memory=("ring", "beats"))
async def flips(dut, memory: str) -> None:
    """The parity bit of a word that waits to be read: a parity error; then a good run."""
    bench = await ControlBench(dut, latency=10, run_cycles=(200,)).begun()
    await bench.write(WATCHDOG, 40_000)  # a hang has an end
    program, fifo, told = dut.u_program, dut.u_load.u_words, 0

    def waiting():
        """A word that will be read: of a descriptor that the items have not come to, of a load."""
        if memory == "beats":
            cells = fifo.u_words.mem
            return (
                cells[int(fifo.read_q.value) % len(cells)] if int(fifo.out_valid_o.value) else None
            )
        at, cells = int(program.items_at.value), program.u_ring.mem
        ahead = (int(program.checked.value) - at) % (len(cells) // 4)
        return cells[8 * (at + 1) % len(cells)] if ahead > 1 else None

    for _ in range(4):
        bench.expect(random_program(16))
        results = (bench.place(2048) + PAGE) & ~7
        await bench.launch(results)
        await bench.cycles(random.randrange(1, 300))
        await FallingEdge(dut.clk_i)
        while (cell := waiting()) is None and not int(dut.irq_o.value):
            await FallingEdge(dut.clk_i)
        if cell is not None:
            cell.value = int(cell.value) ^ 1 << len(cell) - 1
            await bench.interrupt(IRQ_ERROR)
            await bench.check_error(isa.ERROR_PARITY, None)
            assert bench.quiet()
            told += 1
        else:  # it was too late
            await bench.interrupt(IRQ_JOB)
    assert told, "nothing ever waited"
    await bench.good_run(PAGE * 8)


@cocotb.test(timeout_time=10, timeout_unit="ms", skip=HIDDEN)
@cocotb.parametrize(used=(True, False))
async def changed_codebook(dut, used: bool) -> None:
    """A parity bit of a lane's codebook flips while a coded load runs; then a good run.

    In an entry that a record of the load uses it is an error, in all that none uses it is nothing.
    """
    bench = await ControlBench(dut, latency=10, run_cycles=(200,)).begun()
    program = Program(HARDWARE)
    item = legal_load(HARDWARE, load.WEIGHT, 2 * HARDWARE.banks, coded=True)
    lane = random.randrange(HARDWARE.lanes)
    codes = load.used_codes(item, HARDWARE.lanes, lane)
    entries = [random.choice(sorted(codes))] if used else sorted(set(range(16)) - codes)
    program.add_load(item, wait_items=0, wait_previous=0, from_image=0)
    program.add(isa.OP_END)
    bench.expect(program)
    results = (bench.place(2048) + PAGE) & ~7
    await bench.launch(results)
    decoder = dut.u_load.u_loader.u_weights
    while not int(decoder.record_valid_o.value):
        await FallingEdge(dut.clk_i)
    cells = decoder.gen_lane[lane].u_codebook.mem
    for entry in entries:
        cells[entry].value = int(cells[entry].value) ^ 1 << len(cells[entry]) - 1
    await bench.interrupt(IRQ_ERROR if used else IRQ_JOB)
    if used:
        await bench.check_error(isa.ERROR_PARITY, 0)
    else:
        assert not bench.writes, "a load without its writes"
    await bench.good_run(PAGE * 8)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(what=(ABORT, SOFT_RESET), stall=STALLS[:2])
async def aborts(dut, what: int, stall: float) -> None:
    """At any cycle: a clean stop, told by an interrupt or (soft reset) not at all; a good run."""
    bench = await ControlBench(dut, latency=random.choice((0, 30)), stall=stall).begun()
    stops = 0
    for _ in range(10):
        program = random_program(12)
        bench.expect(program)
        results = (bench.place(8 * random.randrange(300)) + 7) & ~7
        await bench.launch(results)
        await bench.cycles(random.choice((1, 10, random.randrange(1200))))
        busy = await bench.read(STATUS) & BUSY
        await bench.write(CTRL, what)
        if what == SOFT_RESET:
            while await bench.read(STATUS) & BUSY:
                await bench.cycles(5)
            assert bench.quiet()
            for address in (STATUS, IRQ_STATUS, ERROR_CAUSE, CYCLES, LAYERS, LOADS, PROGRAM_BASE):
                await bench.check_register(address, 0)
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


@cocotb.test(timeout_time=20, timeout_unit="ms", skip=HARDWARE.name != "2x8")
async def hanging_memory(dut) -> None:
    """A memory that does not answer: the error comes, "stuck" stays until it does."""
    bench = await ControlBench(dut).begun()
    bench.expect(random_program(6))
    results = (bench.place(512) + 7) & ~7
    bench.memory.read.r.pause = True
    await bench.launch(results)
    await bench.cycles(100)
    await bench.write(CTRL, ABORT)
    began = bench.cycle
    for task in bench.tasks:  # nothing happens for them, and they cost time
        task.cancel()
    while not int(dut.irq_o.value):
        await bench.cycles(100)
    bench.watch()
    assert 1 << 16 <= bench.cycle - began < (1 << 16) + 300
    await bench.check_register(ERROR_CAUSE, isa.ERROR_ABORT)
    await bench.check_register(STATUS, ERROR | STUCK)
    await bench.interrupt(IRQ_ERROR)
    await bench.write(CTRL, START)  # ignored
    await bench.cycles(20)
    await bench.check_register(STATUS, ERROR | STUCK)
    bench.memory.read.r.pause = False
    await bench.cycles(600)
    await bench.check_register(STATUS, ERROR)
    await bench.good_run(PAGE * 8)


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def register_accesses(dut, stall: float) -> None:
    """Reads and writes of every size at once, by a master that is not ours, with random pauses."""
    bench = ControlBench(dut)
    w, r = bench.host.write_if, bench.host.read_if
    for channel in (w.aw_channel, w.w_channel, w.b_channel, r.ar_channel, r.r_channel):
        channel.set_pause_generator(pauses(stall))
    await bench.start()
    registers = registers_of(HARDWARE.sv_parameters())
    sampled = [(r, f) for r in registers.values() for f in r.fields if f.sampled]
    shadow = {r.name: r.reset for r, _ in sampled}
    for _ in range(60):
        name, size = random.choice(list(shadow)), random.choice((1, 2, 4))
        offset, value = random.randrange(0, 4, size), random.getrandbits(8 * size)
        register = registers[name]
        reading = cocotb.start_soon(bench.host.read(random.choice((0x00, 0x3FC)), 4))
        answer = await bench.host.write(register.address + offset, value.to_bytes(size, "little"))
        assert answer.resp == AxiResp.OKAY
        bits = sum(f.mask for f in register.fields)
        if name.endswith("_HIGH"):  # of an address of 32 bits
            bits = 0
        mask = ((1 << 8 * size) - 1) << 8 * offset & bits
        shadow[name] = shadow[name] & ~mask | value << 8 * offset & mask
        got = await bench.host.read(register.address, 4)
        assert got.resp == AxiResp.OKAY
        assert int.from_bytes(got.data, "little") == shadow[name], f"{name}, {bench.where()}"
        other = await reading
        wanted = (AxiResp.OKAY, registers["ID"].reset)
        if other.address:
            wanted = (AxiResp.SLVERR, 0)
        assert (other.resp, int.from_bytes(other.data, "little")) == wanted
    refused = await bench.host.write(registers["ID"].address, bytes(4))
    assert refused.resp == AxiResp.SLVERR


@pytest.mark.long
@pytest.mark.parametrize("config", ["2x8", "4x16", "2x8,bus_bytes=32"])
def test_control(config: str) -> None:
    run("psf_control", __name__, Hardware.named(config).sv_parameters())
