# SPDX-License-Identifier: Apache-2.0
"""What stops a run amid its work: the watchdog, a memory that dies, flipped bits, aborts.

Every time the accelerator stops cleanly, says why, and a good run follows without a reset.
"""

import os
import random

import cocotb
import pytest
from cocotb.handle import Immediate
from cocotb.triggers import First, RisingEdge, Timer
from cocotb.utils import get_sim_time

from golden.hardware import isa
from tb.lib.host import PERIOD_NS
from tb.lib.inference import ready
from tb.lib.memories import grouped
from tb.lib.registers import ABORT, DONE, SOFT_RESET, START, STUCK
from tb.system.run import run_small


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def time_out(dut) -> None:
    """The watchdog ends a run that takes too long, and one whose memory has died."""
    bench = await ready(dut)
    await bench.check_good(0)  # images differ in their cycles
    cycles = await bench.read("CYCLES")
    await bench.write("WATCHDOG", cycles + 200)
    await bench.check_good(0)
    for limit in [1, 20] + [random.randint(30, cycles - 100) for _ in range(20)]:
        await bench.write("WATCHDOG", limit)
        await bench.check_error(isa.ERROR_TIMEOUT, image=0)
        await bench.write("WATCHDOG", cycles + 200)
        await bench.check_good(0)
    # A layer that waits for a load that never comes, and one that never sees its patch.
    index = bench.find(isa.OP_LAYER, mode=isa.MODE_SPIKE)
    await bench.write("WATCHDOG", 2 * cycles)
    await bench.load({bench.place["program"]: bench.patched(index, wait_loads=0xFFFF)})
    await bench.check_error(isa.ERROR_TIMEOUT)
    await bench.restore()
    # The memory stops answering: the interrupt comes, the block is stuck until the bus moves.
    for after in (50, cycles // 2):
        await bench.write("WATCHDOG", cycles)
        await bench.write("CTRL", START)
        await bench.cycles(after)
        dut.memory_hang_i.value = 1
        await bench.until_interrupt(cycles + 70_000)
        outcome = await bench.outcome()
        assert outcome.cause == isa.ERROR_TIMEOUT, str(outcome)
        if int(dut.bus_open_o.value):
            assert outcome.status & STUCK, str(outcome)
            await bench.write("CTRL", START)  # ignored
            assert not await bench.read("STATUS") & 1
        await bench.acknowledge()
        dut.memory_hang_i.value = 0
        await bench.until_idle(5000)
        await bench.restore()
        await bench.check_good()


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def bad_bits(dut) -> None:
    """Parity bits of a whole memory flip now and then: told or harmless, and told sometimes."""
    bench = await ready(dut)
    cycles = await bench.read("CYCLES")
    await bench.write("WATCHDOG", 4 * cycles)
    lines = sum(1 << (i + 1) * (bench.hardware.lanes + 1) - 1 for i in range(8))  # a bit per word
    groups = grouped(dut)
    for name, found in groups.items():
        words = [word for memory in found for word in memory]
        width = len(words[0].value)
        bits = 1 << width - 1
        if name.endswith(("datapath.spikes", "fetch.patch")):
            bits = lines & (1 << width) - 1
        told = 0
        for _ in range(3 if name == "control.host.perf.counters" else 300):
            await bench.put_image(0)
            await bench.write("CTRL", START)
            interrupt = RisingEdge(dut.irq_o)
            while not int(dut.irq_o.value):
                gap = Timer(random.randrange(1, cycles // 4) * PERIOD_NS + PERIOD_NS // 2, "ns")
                if await First(interrupt, gap) is gap:
                    for word in words:
                        word.value = Immediate(int(word.value) ^ bits)
            outcome = await bench.outcome()
            await bench.acknowledge()
            if outcome.status == DONE:
                assert await bench.stored() == bench.expected[0], f"{name}: wrong and not told"
                continue
            bench.must_be(outcome, isa.ERROR_PARITY)
            told += 1
            if told == 3:
                break
        cocotb.log.info(f"{name}: {told} told")
        assert told or name == "control.host.perf.counters", f"{name}: never told"
    assert len(groups) > 20, sorted(groups)
    await bench.check_good()


@cocotb.test(timeout_time=4000, timeout_unit="ms")
@cocotb.parametrize(stalls=[0, 50])
async def abort(dut, stalls: int) -> None:
    """Abort and soft reset at random cycles: a clean stop, and the next inference is right."""
    bench = await ready(dut, stalls=stalls)
    cycles, limit = await bench.read("CYCLES"), 20 * bench.limit
    await bench.write("CTRL", ABORT)  # nothing to abort
    assert not int(dut.irq_o.value) and await bench.read("STATUS") == DONE
    stopped, longest = 0, 0
    for i in range(110):
        await bench.put_image(0)
        await bench.write("CTRL", START)
        await bench.cycles(random.randrange(cycles - 20) + 1)
        began = get_sim_time("ns")
        if i % 4 == 3:
            await bench.write("CTRL", SOFT_RESET)
            status = await bench.until_idle(20_000)
            assert status == 0 and not int(dut.irq_o.value), f"soft reset: status {status}"
            assert await bench.read("PROGRAM_COUNT") == 0 and await bench.read("IRQ_ENABLE") == 0
            assert not int(dut.bus_open_o.value)
            longest = max(longest, get_sim_time("ns") - began)
            await bench.set_up(bench.place, bench.program.count, bench.program.result_bytes)
        else:
            await bench.write("CTRL", ABORT)
            await bench.until_interrupt(20_000)
            outcome = await bench.outcome()
            if outcome.status == DONE:  # it was faster
                assert await bench.stored() == bench.expected[0]
            else:
                bench.must_be(outcome, isa.ERROR_ABORT)
                longest = max(longest, get_sim_time("ns") - began)
                stopped += 1
            await bench.acknowledge()
        await bench.check_good(limit=limit)
    longest //= PERIOD_NS
    cocotb.log.info(f"{stopped} stopped, in at most {longest} of {cycles} cycles")
    assert stopped > 40 and longest < cycles // 2, "what was on has gone on"
    bench.must_stay_inside()


@pytest.mark.long
@pytest.mark.parametrize("testcase", ["time_out", "bad_bits", "abort/stalls=0", "abort/stalls=50"])
def test_stops(testcase: str) -> None:
    if testcase == "bad_bits" and os.environ.get("SIM") == "icarus":
        pytest.skip("the memories are not visible in a netlist")
    run_small(__name__, testcase)
