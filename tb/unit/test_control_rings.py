# SPDX-License-Identifier: Apache-2.0
"""psf_control as a whole, with a ring of jobs: order, overlap, stops."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from golden.hardware import isa
from golden.hardware.configuration import Hardware
from tb.lib import load
from tb.lib.bursts import PAGE
from tb.lib.program import Program, legal_load
from tb.lib.registers import (
    ABORT,
    BUSY,
    CTRL,
    CYCLES,
    DONE,
    ERROR_CAUSE,
    IRQ_ERROR,
    IRQ_JOB,
    RING_TAIL,
    SOFT_RESET,
    STATUS,
)
from tb.lib.stream import STALLS
from tb.run.runner import run
from tb.unit.control_bench import HARDWARE, ControlBench, Ring, random_program


async def ring_of(bench: ControlBench, program: Program, jobs: int) -> Ring:
    """The ring that ``jobs`` of ``program`` are to be put into, known to the registers."""
    bench.expect(program, jobs)
    ring = Ring(bench, bench.place(512))
    await ring.set_up()
    bench.ended, bench.sums = 0, [0] * 8
    return ring


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def rings(dut, stall: float) -> None:
    """Jobs that are queued while others run, twice around the ring: order, results, interrupts."""
    bench = await ControlBench(dut, latency=10, stall=stall, run_cycles=(2, 40, 200)).begun()
    jobs = 9
    program = random_program(10, logits=8)
    ring = await ring_of(bench, program, jobs)
    while ring.head < jobs:
        await ring.queue(random.getrandbits(1))
        if random.random() < 0.3:
            await bench.cycles(random.randrange(600))
    while await bench.read(RING_TAIL) != jobs or await bench.read(STATUS) != DONE:
        await bench.cycles(20)
    assert not bench.writes and not bench.layers and bench.quiet()
    for at in ring.results:
        bench.check_result(at)
    await bench.check_register(ERROR_CAUSE, 0)
    await bench.interrupt(IRQ_JOB)
    await bench.good_run(PAGE * 8)  # a start between rings
    await bench.check_register(RING_TAIL, jobs)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def ring_overlaps(dut) -> None:
    """The image of the next job is loaded while the one before runs; one interrupt each."""
    bench = await ControlBench(dut, latency=20, run_cycles=(600,)).begun()
    program = Program(HARDWARE)
    image = legal_load(HARDWARE, load.SPIKE, 64)
    program.add_load(image, from_image=1, wait_previous=1)
    program.add_layer(wait_loads=1)
    program.add_layer(wait_loads=1)
    program.add(isa.OP_STORE, logits=8, offset=0)
    program.add(isa.OP_END)
    ring = await ring_of(bench, program, 4)
    for _ in range(4):
        assert await ring.queue(1)
    last = 0
    for k in range(4):
        while not int(dut.irq_o.value):
            await RisingEdge(dut.clk_i)
        seen, last = last, bench.cycle
        if k == 3:
            await bench.check_register(CYCLES, last - seen)
        assert last - seen < 1200 + 150 or k == 0  # nothing but the two layers and the store
        await bench.interrupt(IRQ_JOB)
        bench.check_result(ring.results[k])
    assert bench.across >= 3 * len(image.writes), bench.across  # of all jobs but the first
    await bench.check_register(STATUS, DONE)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(what=(ABORT, SOFT_RESET))
async def ring_stops(dut, what: int) -> None:
    """Abort: the front job is gone, the next write of the head goes on. Soft reset: from 0."""
    bench = await ControlBench(dut, latency=10, run_cycles=(3000,)).begun()
    program = Program(HARDWARE)
    program.add_load(legal_load(HARDWARE, load.SPIKE), from_image=1, wait_items=0)
    program.add_layer(wait_loads=1)
    program.add(isa.OP_STORE, logits=8, offset=0)
    program.add(isa.OP_END)
    ring = await ring_of(bench, program, 4)
    for _ in range(3):
        await ring.queue(0)
    while bench.job < 1:  # the first one ends well
        await RisingEdge(dut.clk_i)
    await bench.cycles(random.randrange(2, 2500))
    await bench.write(CTRL, what)
    while await bench.read(STATUS) & BUSY:
        await bench.cycles(5)
    tail = 2 if what == ABORT else 0
    await bench.check_register(RING_TAIL, tail)
    if what == ABORT:
        await bench.check_error(isa.ERROR_ABORT, 1, 0, 1)
        await bench.interrupt(IRQ_ERROR)
    await bench.cycles(300)
    assert await bench.read(STATUS) & BUSY == 0, "the ring goes on by itself"
    bench.run_cycles = (30,)
    bench.expect(program, 2 if what == ABORT else 1)
    await bench.set_up()
    await ring.set_up()
    ring.head = 3 if what == ABORT else 0
    await ring.queue(0)
    await bench.interrupt(IRQ_JOB)
    await bench.check_register(RING_TAIL, ring.head)
    assert not bench.writes and not bench.layers
    bench.check_result(ring.results[ring.head - 1])


@pytest.mark.long
@pytest.mark.parametrize("config", ["2x8", "4x16"])
def test_control_rings(config: str) -> None:
    run("psf_control", __name__, Hardware.named(config).sv_parameters())
