# SPDX-License-Identifier: Apache-2.0
"""Random programs, those that are wrong, flipped bits, stops: psf_program in its bench."""

import random
from collections import deque

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from golden.hardware import isa
from tb.lib.bench import HIDDEN
from tb.lib.load import TARGETS
from tb.lib.program import CHECKED, Descriptor, Program, legal_load
from tb.lib.stream import STALLS
from tb.run.runner import run
from tb.unit.program.program_bench import CHECK, DEPTH, HARDWARE, ProgramBench, random_program


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
        program.add_load(item, wait_items=0, wait_previous=previous)
    program.add_layer(wait_loads=1)
    program.add_layer(wait_loads=3)
    program.add_load(legal_load(HARDWARE, 1), wait_items=1)
    program.add(isa.OP_STORE, logits=4, offset=8)
    program.add(isa.OP_END)
    bench = ProgramBench(dut, program, 6, 0.0, run_cycles=(400,))  # longer than its patience
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
        item.values |= {n: 0 for n in ("wait_loads", "wait_items") if n in item.values}
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


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def waits(dut) -> None:
    """Every bit of a number that is waited for counts: what waits for too many never starts."""
    clock = True
    for bit in range(1, 16):
        for of_loads in (True, False):
            program = Program(HARDWARE)
            item = legal_load(HARDWARE, random.randrange(len(TARGETS)))
            if of_loads:
                program.add_load(item, wait_items=0, wait_previous=0)
                program.add_layer(wait_loads=1 << bit)
            else:
                program.add_layer(wait_loads=0)
                program.add_load(item, wait_items=1 << bit)
            program.add(isa.OP_END)
            bench = ProgramBench(dut, program, 1, 0.0, run_cycles=(1,))
            await bench.start(clock)
            await bench.cycles(4 * CHECK + 100)
            started = "the layer" if of_loads else "the load"
            waiting = bench.items if of_loads else bench.load_queue
            assert waiting and waiting[0][1] == 1, f"{started} has started with {1 << bit} to come"
            clock = False
            bench.cancel()
            dut.layer_done_i.value = dut.load_done_i.value = dut.beat_valid_i.value = 0
            dut.job_valid_i.value = 0


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
@cocotb.parametrize(before=(1 << 15, 0xA5A5, 0xFFFC))
async def many_loads(dut, before: int) -> None:
    """As if ``before`` loads of the job had come and gone: it goes on, and leaves none behind."""
    program = Program(HARDWARE)
    for _ in range(2):
        program.add_load(legal_load(HARDWARE, 2), wait_items=0, wait_previous=0)
    program.add_layer(wait_loads=before + 2)
    program.add(isa.OP_END)
    bench = ProgramBench(dut, program, 1, 0.0, run_cycles=(5,))
    await bench.start()
    bench.jobs[0].loads_done = before
    dut.u_items.loads_q.value = before
    dut.u_loads.count_q.value = before
    while not bench.retired:
        await RisingEdge(dut.clk_i)
    await bench.cycles(3)
    assert int(dut.u_items.loads_q.value) == 0, bench.where()


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN or DEPTH < 8)
@cocotb.parametrize(reader=("loads", "items", "check"))
async def flipped_bits(dut, reader: str) -> None:
    """A bit of a beat that a reader is still to read: parity_o, and no job ends before."""
    for i in range(16):
        program = Program(HARDWARE)
        for _ in range(3):
            program.add_layer()
        for _ in range(2):
            program.add_load(legal_load(HARDWARE, 2), wait_items=1)
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
