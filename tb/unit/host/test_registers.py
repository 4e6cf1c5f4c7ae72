# SPDX-License-Identifier: Apache-2.0
"""Traffic for the registers; tb.unit.host.registers_bench compares every output in every cycle."""

import random
from collections import Counter

import cocotb
import pytest
from cocotb.triggers import ClockCycles, RisingEdge

from golden.hardware.configuration import Hardware
from golden.hardware.registers import Access
from tb.lib.stream import STALLS, scramble
from tb.run.cases import refused
from tb.run.runner import run
from tb.unit.host.registers_bench import (
    COMMANDS,
    COUNTERS,
    ERROR,
    FULL,
    HIGH,
    INPUTS,
    LIVE,
    MAP,
    OKAY,
    PORTS,
    PULSES,
    SLVERR,
    RegistersBench,
    each_field,
    place,
)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_address(dut) -> None:
    """All 1024 words after reset: the RDL's reset value, or SLVERR and 0; low address bits."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    resets = 0
    for address in range(0, 0x1000, 4):
        register = MAP.at(address)
        value, resp = await bench.read(address + random.randrange(4))
        if register is None:
            assert (value, resp) == (0, SLVERR), f"{address:#x}"
        elif register.reset is not None and not any((register.name, f.name) in LIVE
                                                    for f in register.fields):  # fmt: skip
            assert (value, resp) == (register.reset, OKAY), f"{register.name}: {value:#x}"
            resets += 1
        else:
            assert resp == OKAY, register.name
    assert resets > 20
    for address in range(0, 0x1000, 4):
        register = MAP.at(address)
        refused = register is None or not register.writable
        if refused:
            assert await bench.write(address, FULL) == SLVERR, f"{address:#x}"
    for name in MAP:
        if not name.startswith("COUNTERS"):
            await bench.read(name)  # the watcher compares: nothing changed
    assert not any(bench.seen[name] for name in COMMANDS)


@cocotb.test(timeout_time=4, timeout_unit="ms")
async def every_field(dut) -> None:
    """Every writable register with all 16 strobes, three patterns, from two start values."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    writable = [r for r in MAP.values() if r.writable and r.name not in ("CTRL", "WINDOW_LOCK")]
    assert len(writable) == 24
    for register in writable:
        for strobes in range(16):
            for before in (0, FULL):
                await bench.write(register.name, before)
                if register.name == "IRQ_STATUS":  # no write can set these
                    await bench.event("done_i")
                    await bench.event("error_i")
                assert await bench.write(register.name, before ^ FULL, strobes) == OKAY
                await bench.read(register.name)
            assert await bench.write(register.name, random.getrandbits(32), strobes) == OKAY
            await bench.read(register.name)
    assert (await bench.read("CTRL")) == (0, OKAY)
    for register, field in each_field(Access.RW):
        await bench.write(register.name, FULL)
        value, _ = await bench.read(register.name)
        assert field.of(value) == (1 << field.width) - 1, f"{register.name}.{field.name}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def windows_lock(dut) -> None:
    """Nothing allowed after reset; locked: SLVERR, no effect, also after a soft reset; rst_ni."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    windows = [r for r in MAP.values() if r.lockable]
    assert len(windows) == 8
    assert int(dut.read_base_o.value) > int(dut.read_limit_o.value)
    assert int(dut.write_base_o.value) > int(dut.write_limit_o.value)
    values = {r.name: random.getrandbits(32) for r in windows}
    for name, value in values.items():
        assert await bench.write(name, value) == OKAY
    for value, strobes in ((FULL ^ 1, 15), (1, 14), (1, 0)):  # none of them locks
        assert await bench.write("WINDOW_LOCK", value, strobes) == OKAY
    for name, value in values.items():
        assert await bench.write(name, ~value & FULL) == OKAY
        assert await bench.write(name, value) == OKAY
    assert await bench.write("WINDOW_LOCK", 1, 1) == OKAY
    for again in range(2):
        assert await bench.write("WINDOW_LOCK", 0) == OKAY
        await bench.expect("WINDOW_LOCK", 1)
        for name, value in values.items():
            assert await bench.write(name, ~value & FULL, random.randrange(16)) == SLVERR
            want = value & MAP[name]["addr"].mask | (7 if name.endswith("LIMIT") else 0)
            await bench.expect(name, want)
        assert await bench.write("WATCHDOG", 7) == OKAY
        await bench.expect("WATCHDOG", 7)
        if not again:
            await bench.write("CTRL", MAP["CTRL"].pack(soft_reset=1))
            await bench.expect("WATCHDOG", MAP["WATCHDOG"].reset)
    dut.rst_ni.value = 0
    await ClockCycles(dut.clk_i, 2)
    dut.rst_ni.value = 1
    await RisingEdge(dut.clk_i)
    for register in windows:
        await bench.expect(register.name, register.reset)
        assert await bench.write(register.name, 0) == OKAY
    await bench.expect("WINDOW_LOCK", 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def sampled_when_a_run_begins(dut) -> None:
    """Ports of a run keep what the registers were at run_i, also in the cycle of start_o."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    sampled = [(r, f) for r, f in each_field() if f.sampled]
    assert len(sampled) == 14
    for delay in (0, 1, 7):
        values = {r.name: random.getrandbits(32) for r, _ in sampled}
        for name, value in values.items():
            await bench.write(name, value)
        starting = cocotb.start_soon(bench.write("CTRL", 1))
        await RisingEdge(dut.start_o)
        if delay:
            await ClockCycles(dut.clk_i, delay)
        dut.run_i.value = 1  # without a delay: in the cycle of start_o
        await RisingEdge(dut.clk_i)
        dut.run_i.value, dut.busy_i.value = 0, 1
        await starting
        for name in values:
            await bench.write(name, random.getrandbits(32))
        want: Counter[str] = Counter()
        for r, f in sampled:
            want[PORTS[r.name, f.name]] |= f.of(values[r.name]) << place(r.name, f.name)
        assert {name: int(getattr(dut, name).value) for name in want} == want
        dut.busy_i.value = 0
        await bench.settled()
    assert bench.seen["start_o"] == 3


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def commands(dut) -> None:
    """Each CTRL value in each of idle, busy, stuck; strobes; nothing from a write without bits."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    for busy, stuck in ((0, 0), (1, 0), (0, 1), (1, 1)):
        dut.busy_i.value, dut.stuck_i.value = busy, stuck
        await bench.expect("STATUS", MAP["STATUS"].pack(busy=busy, stuck=stuck))
        for value in range(8):
            bench.seen.clear()
            assert await bench.write("CTRL", value | random.getrandbits(29) << 3) == OKAY
            await bench.settled()
            soft = value >> 2
            want = {
                "start_o": value & 1 and not (busy or stuck or soft),
                "abort_o": value >> 1 & 1 and busy and not soft,
                "soft_reset_o": soft,
            }
            for name, count in want.items():
                assert bench.seen[name] == count, f"{name} {value} {busy} {stuck}"
        bench.seen.clear()
        await bench.write("CTRL", FULL, 14)
        await bench.settled()
        assert not any(bench.seen[name] for name in COMMANDS)
    for strobes, rings in ((1, 1), (2, 1), (3, 1), (12, 0), (0, 0), (15, 1)):
        bench.seen.clear()
        assert await bench.write("RING_HEAD", random.getrandbits(32), strobes) == OKAY
        await bench.settled()
        assert bench.seen["ring_write_o"] == rings


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def end_of_a_run(dut) -> None:
    """done, error with its registers, job interrupts; enable; clear; a new run clears status."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    enable, status, state = MAP["IRQ_ENABLE"], MAP["IRQ_STATUS"], MAP["STATUS"]
    dut.busy_i.value = 0
    for enabled in range(4):
        await bench.write("IRQ_ENABLE", enabled)
        await bench.event("run_i")
        await bench.event("irq_job_i")
        await bench.expect("IRQ_STATUS", status.pack(job=1))
        await bench.expect("STATUS", state.pack(stuck=int(dut.stuck_i.value)))
        assert int(dut.irq_o.value) == enable["job"].of(enabled)
        await bench.write("IRQ_STATUS", status.pack(job=1))
        await bench.expect("IRQ_STATUS", 0)
        assert not int(dut.irq_o.value)
        await bench.event("done_i")
        await bench.expect("IRQ_STATUS", status.pack(job=1))
        await bench.expect("STATUS", state.pack(done=1))
        await bench.write("IRQ_STATUS", status.pack(error=1))
        await bench.expect("IRQ_STATUS", status.pack(job=1))
        await bench.event("run_i")
        await bench.expect("STATUS", 0)
        values = {port: random.getrandbits(len(bench.port[port])) for port in ERROR.values()}
        await bench.event("error_i", **values)
        await bench.expect("STATUS", state.pack(error=1))
        for (name, field), port in ERROR.items():
            value = values[port] >> (32 if name.endswith(HIGH) else 0) & FULL
            await bench.expect(name, MAP[name].pack(**{field: value}))
        await bench.expect("IRQ_STATUS", status.pack(job=1, error=1))
        assert int(dut.irq_o.value) == (enabled != 0)
        await bench.write("IRQ_STATUS", FULL, 14)  # byte 0 not enabled
        await bench.expect("IRQ_STATUS", status.pack(job=1, error=1))
        await bench.write("IRQ_STATUS", status.pack(job=1))
        assert int(dut.irq_o.value) == enable["error"].of(enabled)
        await bench.write("IRQ_STATUS", status.pack(error=1))
        await bench.expect("IRQ_STATUS", 0)
        await bench.event("run_i")
        for name in ("STATUS", *(name for name, _ in ERROR)):
            await bench.expect(name, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(busy=(0, 1))
async def soft_reset(dut, busy: int) -> None:
    """All fields but the spared ones; the end of the stopped run is not heard, the next one is."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    writable = [r for r in MAP.values() if r.writable and r.name not in ("CTRL", "IRQ_STATUS")]
    for register in writable:
        await bench.write(register.name, FULL if register.name != "WINDOW_LOCK" else 0)
    await bench.event("run_i")
    await bench.event("done_i")
    await bench.event(
        "error_i", cause_i=255, index_i=0xFFFF, addr_i=FULL << 32 | FULL, job_i=0xFFFF
    )
    dut.busy_i.value, dut.stuck_i.value = busy, 0
    await bench.settled()
    assert int(dut.irq_o.value)
    assert await bench.write("CTRL", MAP["CTRL"].pack(soft_reset=1)) == OKAY
    if busy:
        for name in ("done_i", "irq_job_i", "error_i"):
            await bench.event(name)
        await bench.write("WATCHDOG", 5)  # what is written after it stays
        dut.busy_i.value, dut.done_i.value = 0, 1  # together: still unheard
        await RisingEdge(dut.clk_i)
        dut.done_i.value = 0
        await bench.settled()
    for register in MAP.values():
        if register.reset is None or any((register.name, f.name) in LIVE for f in register.fields):
            continue
        spared = sum(f.mask for f in register.fields if f.spared and f.access is Access.RW)
        want = register.reset & ~spared | spared
        if busy and register.name == "WATCHDOG":
            want = 5
        await bench.expect(register.name, want)
    await bench.expect("STATUS", 0)
    await bench.event("error_i", cause_i=3)
    await bench.expect("ERROR_CAUSE", 3)
    assert bench.seen["soft_reset_o"] == 1


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(first=("aw", "w"))
async def channel_order(dut, first: str) -> None:
    """One write channel lags the other by many cycles; nothing happens before the second."""
    bench = await RegistersBench(dut).begun()
    dut = bench.dut
    for value in (0x1234_5678, 0x89AB_CDE8):
        late = {"aw": lambda: bench.aw.send(addr=MAP["WATCHDOG"].address),
                "w": lambda value=value: bench.w.send(data=value, strb=15)}  # fmt: skip
        late.pop(first)()  # the one named first goes first
        await ClockCycles(dut.clk_i, 10)
        assert not bench.taken["b"]
        for send in late.values():
            send()
        assert (await bench.take("b"))["resp"] == OKAY
        await bench.expect("WATCHDOG", value)
    assert bench.seen[f"{first} first"] >= 2


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_traffic(dut, stall: float) -> None:
    """Queues of reads and writes on all channels while events and levels come at random."""
    bench = await RegistersBench(dut, stall).begun()
    dut = bench.dut
    running = True

    async def hardware() -> None:
        while running:
            await RisingEdge(dut.clk_i)
            for name in PULSES:
                bench.port[name].value = int(random.random() < 0.05)
            for name in ("busy_i", "stuck_i"):
                if random.random() < 0.1:
                    bench.port[name].value = random.getrandbits(1)
            scramble(*(p for n, p in bench.port.items() if n in INPUTS
                       and n not in (*PULSES, "busy_i", "stuck_i")))  # fmt: skip

    events = cocotb.start_soon(hardware())
    mapped = [r.address for r in MAP.values() if r.address < COUNTERS]
    count = 400 if stall < 0.9 else 120

    def address() -> int:
        pick = random.random()
        if pick < 0.1:
            return MAP["CTRL"].address
        if pick < 0.2:
            return random.randrange(0x1000)
        if pick < 0.3:
            return MAP[random.choice(("IRQ_STATUS", "IRQ_ENABLE"))].address
        chosen = random.choice(mapped) + random.randrange(4)
        # Once locked, the windows are dead: not before the last quarter.
        lock = chosen & ~3 == MAP["WINDOW_LOCK"].address
        return chosen if not lock or bench.seen["sent"] > count * 3 // 4 else 0x40

    await bench.write("IRQ_ENABLE", FULL)
    for _ in range(count):
        target, data = address(), random.getrandbits(32)
        if target == MAP["CTRL"].address and random.random() < 0.5:
            data &= ~MAP["CTRL"]["soft_reset"].mask  # not too often, or nothing else is seen
        bench.aw.send(addr=target)
        bench.w.send(data=data, strb=random.choice((15, random.randrange(16))))
        bench.ar.send(addr=address())
        bench.seen["sent"] += 1
    for _ in range(count):
        await bench.take("b")
        await bench.take("r")
    running = False
    await events
    assert not any(bench.taken.values()) and bench.aw.idle() and bench.w.idle() and bench.ar.idle()
    assert bench.seen["irq_o"] and bench.seen["writes"] >= count


# The second has another value in every capability field and in every field of BUS.
CONFIGS = (
    ("2x8", {}),
    ("4x16,line_words=16,acc_depth=64,acc_width=24,stream_width=18,patch_lines=128,parity=0,"
     "bus_bytes=16", {"AddrWidth": 40, "Outstanding": 16}),
)  # fmt: skip


@pytest.mark.parametrize(("config", "bus"), CONFIGS, ids=["2x8", "40"])
def test_registers(config: str, bus: dict[str, int]) -> None:
    run("psf_registers", __name__, Hardware.named(config).sv_parameters() | bus)


def test_what_no_capability_field_holds_is_refused() -> None:
    for name, value, sentence in (
        ("BankDepth", 65536, "every depth must be below 65536"),
        ("Groups", 256, "Groups, Lanes, Banks, LineWords and the widths must be below 256"),
    ):
        refused("psf_registers", {name: value}, sentence)
