# SPDX-License-Identifier: Apache-2.0
"""The registers, held against rtl/bus/psf_regs.rdl in every cycle.

``Model`` takes addresses, widths, access, reset values, locks and what is sampled or spared by a
soft reset from the RDL. ``Bench`` steps it with the DUT's own inputs, cycle by cycle, and compares
every output in every cycle; the tests only make traffic.
"""

import json
import os
import random
from collections import Counter, deque

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from golden.registers import Access, Field, Register, load
from tb.lib import reset
from tb.lib.stream import STALLS, Sink, Source, pauses, scramble

PARAMETERS = json.loads(os.environ["PARAMETERS"])
MAP = load(PARAMETERS)
OKAY, SLVERR = 0, 2
FULL = 0xFFFF_FFFF

# The hardware's side, which the RDL does not know: fields that show a port, and those that an event
# takes from ports.
LIVE = {("STATUS", "busy"): "busy_i", ("STATUS", "stuck"): "stuck_i",
        ("LABEL", "label"): "label_i", ("CYCLES", "cycles"): "cycles_i",
        ("LAYERS", "layers"): "layers_i", ("LOADS", "loads"): "loads_i",
        ("RING_TAIL", "tail"): "ring_tail_i"}  # fmt: skip
ERROR = {("ERROR_CAUSE", "cause"): "cause_i", ("ERROR_INDEX", "index"): "index_i",
         ("ERROR_ADDR", "addr"): "addr_i", ("ERROR_JOB", "job"): "job_i"}  # fmt: skip
DONE, FAILED = ("STATUS", "done"), ("STATUS", "error")
PULSES = ("run_i", "done_i", "irq_job_i", "error_i")
INPUTS = (*PULSES, *LIVE.values(), *ERROR.values())
COMMANDS = ("start_o", "abort_o", "soft_reset_o", "ring_write_o")
# Registers that the hardware reads have a port of their name.
PORTS = {
    (r.name, f.name): f"{r.name.lower()}_o"
    for r in MAP.values()
    for f in r.fields
    if f.access is Access.RW and r.name != "IRQ_ENABLE"
}
COUNTERS = 0x800


def each_field(*access: Access) -> list[tuple[Register, Field]]:
    return [(r, f) for r in MAP.values() for f in r.fields if not access or f.access in access]


class Model:
    """What the block has in its registers; ``step`` is one clock edge."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        stored = [(r, f) for r, f in each_field() if f.reset is not None]
        self.fields = {(r.name, f.name): f.reset for r, f in stored}
        self.sampled: dict[tuple[str, str], int] | None = None  # before the first run
        self.commands = dict.fromkeys(COMMANDS, 0)
        self.quiet = False

    def word(self, register: Register) -> int:
        return sum(self.fields[register.name, f.name] << f.low for f in register.fields)

    def write(self, address: int, data: int, mask: int) -> tuple[int, dict[str, int]]:
        """The response and the commands that follow in the next cycle."""
        register, commands = MAP.at(address), dict.fromkeys(COMMANDS, 0)
        locked = self.fields["WINDOW_LOCK", "lock"]
        if register is None or not register.writable or (register.lockable and locked):
            return SLVERR, commands
        for field in register.fields:
            key = (register.name, field.name)
            bits, enable = field.of(data & mask), field.of(mask)
            old = self.fields[key]
            self.fields[key] = {
                Access.RO: old,
                Access.RW: old & ~enable | bits,
                Access.WO: 0,
                Access.W1C: old & ~bits,
                Access.W1S: old | bits,
            }[field.access]
        if register.name == "CTRL":
            order = {name: register[name].of(data & mask) for name in ("start", "abort")}
            busy, stuck = self.fields["STATUS", "busy"], self.fields["STATUS", "stuck"]
            soft = register["soft_reset"].of(data & mask)
            commands["soft_reset_o"] = soft
            commands["start_o"] = int(order["start"] and not (busy or stuck or soft))
            commands["abort_o"] = int(order["abort"] and busy and not soft)
        if register.name == "RING_HEAD":
            commands["ring_write_o"] = int(register["head"].of(mask) != 0)
        return OKAY, commands

    def step(self, inputs: dict[str, int], write: tuple[int, int, int] | None) -> int:
        """One edge with these inputs and this write; the response of the write."""
        before = dict(self.fields)
        quiet = self.quiet or self.commands["soft_reset_o"]
        response, commands = self.write(*write) if write else (OKAY, dict.fromkeys(COMMANDS, 0))
        if inputs["run_i"]:
            self.sampled = {(r.name, f.name): before[r.name, f.name]
                            for r, f in each_field() if f.sampled}  # fmt: skip
            for key in (DONE, FAILED, *ERROR):
                self.fields[key] = 0
        if inputs["done_i"] and not quiet:
            self.fields[DONE] = 1
        if (inputs["done_i"] or inputs["irq_job_i"]) and not quiet:
            self.fields["IRQ_STATUS", "job"] = 1
        if inputs["error_i"] and not quiet:
            self.fields[FAILED] = self.fields["IRQ_STATUS", "error"] = 1
            for key, port in ERROR.items():
                self.fields[key] = inputs[port]
        if self.commands["soft_reset_o"]:
            for register, field in each_field():
                if not field.spared and field.reset is not None:
                    self.fields[register.name, field.name] = field.reset
        self.quiet = bool(self.commands["soft_reset_o"] or (self.quiet and inputs["busy_i"]))
        self.commands = commands
        return response

    def outputs(self) -> dict[str, int]:
        pending = self.word(MAP["IRQ_STATUS"]) & self.word(MAP["IRQ_ENABLE"])
        want = {"irq_o": int(pending != 0), **self.commands}
        for key, port in PORTS.items():
            if not MAP[key[0]][key[1]].sampled:
                want[port] = self.fields[key]
            elif self.sampled is not None:
                want[port] = self.sampled[key]
        return want


class Bench:
    """Clock, reset, model and drivers; with ``axi`` cocotbext-axi's master drives the bus."""

    def __init__(self, dut, stall: float = 0.0, axi: bool = False) -> None:
        self.dut, self.model = dut, Model()
        self.counters = [random.getrandbits(32) for _ in range(512)]
        self.seen: Counter[str] = Counter()
        self.answers: deque[tuple[str, int, int]] = deque()
        self.port = {name: getattr(dut, name) for name in (*INPUTS, *COMMANDS, "irq_o")}
        self.port |= {name: getattr(dut, name) for name in PORTS.values()}
        scramble(*(self.port[name] for name in INPUTS), dut.counter_rdata_i)
        for name in (*PULSES, "busy_i", "stuck_i"):
            self.port[name].value = 0
        cocotb.start_soon(self._watch())
        if axi:
            self.master = AxiLiteMaster(
                AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, False
            )
            w, r = self.master.write_if, self.master.read_if
            for channel in (w.aw_channel, w.w_channel, w.b_channel, r.ar_channel, r.r_channel):
                channel.set_pause_generator(pauses(stall))
            return
        self.taken: dict[str, deque[dict[str, int]]] = {"b": deque(), "r": deque()}

        def source(name: str, **fields) -> Source:
            valid, ready = (getattr(dut, f"s_axil_{name}{end}") for end in ("valid", "ready"))
            return Source(dut, valid, ready, fields, stall)

        def sink(name: str, **fields) -> Sink:
            valid, ready = (getattr(dut, f"s_axil_{name}{end}") for end in ("valid", "ready"))
            return Sink(dut, valid, ready, fields, stall, self.taken[name].append)

        self.aw = source("aw", addr=dut.s_axil_awaddr)
        self.w = source("w", data=dut.s_axil_wdata, strb=dut.s_axil_wstrb)
        self.ar = source("ar", addr=dut.s_axil_araddr)
        self.b = sink("b", resp=dut.s_axil_bresp)
        self.r = sink("r", resp=dut.s_axil_rresp, data=dut.s_axil_rdata)

    async def start(self) -> None:
        await reset.start(self.dut)

    async def _watch(self) -> None:
        """Step the model and compare every output, in every cycle."""
        dut, model = self.dut, self.model
        aw: deque[int] = deque()
        w: deque[tuple[int, int]] = deque()
        looks: deque[int] = deque()
        bvalid, bresp, age, rvalid, want_r, counter = 0, OKAY, 0, 0, (0, 0), None
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.rst_ni.value):
                model.reset()
                aw.clear(), w.clear(), looks.clear()
                bvalid, rvalid, counter = 0, 0, None
                continue
            inputs = {name: int(self.port[name].value) for name in INPUTS}
            for key, port in LIVE.items():
                model.fields[key] = inputs[port]
            for name, want in model.outputs().items():
                got = int(self.port[name].value)
                assert got == want, f"{name}: expected {want:#x}, got {got:#x}, {self.where()}"
                self.seen[name] += want if name in (*COMMANDS, "irq_o") else 0
            # Writes: B two cycles after the later of AW and W.
            got_b = int(dut.s_axil_bvalid.value)
            assert got_b == bvalid, f"BVALID {got_b}, {self.where()}"
            if bvalid:
                got = int(dut.s_axil_bresp.value)
                assert got == bresp, f"BRESP: expected {bresp}, got {got}, {self.where()}"
            write = None
            if aw and w and not bvalid:
                address, (data, strobes) = aw.popleft(), w.popleft()
                mask = sum(0xFF << 8 * b for b in range(4) if strobes >> b & 1)
                write = (address, data, mask)
            if bvalid and int(dut.s_axil_bready.value):
                bvalid = 0
            # Reads: the word two cycles after AR, in R the cycle after that.
            got_r = int(dut.s_axil_rvalid.value)
            assert got_r == rvalid, f"RVALID {got_r}, {self.where()}"
            if rvalid:
                got = (int(dut.s_axil_rdata.value), int(dut.s_axil_rresp.value))
                assert got == want_r, f"R: expected {want_r}, got {got}, {self.where()}"
                if int(dut.s_axil_rready.value):
                    rvalid = 0
            if looks:
                age += 1
                request = int(dut.counter_re_o.value)
                assert request == (age == 1 and looks[0] >= COUNTERS), self.where()
                if request:
                    counter = int(dut.counter_raddr_o.value)
                    assert counter == (looks[0] - COUNTERS) // 4, self.where()
                if age == 2:
                    want_r, rvalid = self._look(looks.popleft()), 1
            else:
                assert not int(dut.counter_re_o.value), self.where()
            assert not (aw and int(dut.s_axil_awready.value) and write is None), self.where()
            if int(dut.s_axil_awvalid.value) and int(dut.s_axil_awready.value):
                aw.append(int(dut.s_axil_awaddr.value))
                self.seen["aw first"] += not w
            if int(dut.s_axil_wvalid.value) and int(dut.s_axil_wready.value):
                w.append((int(dut.s_axil_wdata.value), int(dut.s_axil_wstrb.value)))
                self.seen["w first"] += not aw
            if int(dut.s_axil_arvalid.value) and int(dut.s_axil_arready.value):
                looks.append(int(dut.s_axil_araddr.value))
                age = 0
            assert len(aw) <= 1 and len(w) <= 1 and len(looks) <= 1
            response = model.step(inputs, write)
            if write:
                bvalid, bresp = 1, response
                self.seen["writes"] += 1
            dut.counter_rdata_i.value = (
                random.getrandbits(32) if counter is None else self.counters[counter]
            )
            counter = None

    def _look(self, address: int) -> tuple[int, int]:
        register = MAP.at(address)
        if register is None:
            return 0, SLVERR
        if register.reset is None:
            return self.counters[(address - COUNTERS) // 4], OKAY
        return self.model.word(register), OKAY

    def where(self) -> str:
        return f"seed {cocotb.RANDOM_SEED}, commands {self.model.commands}"

    async def take(self, channel: str) -> dict[str, int]:
        while not self.taken[channel]:
            await RisingEdge(self.dut.clk_i)
        return self.taken[channel].popleft()

    async def write(self, name: str | int, value: int, strobes: int = 15) -> int:
        address = MAP[name].address if isinstance(name, str) else name
        self.aw.send(addr=address)
        self.w.send(data=value, strb=strobes)
        return (await self.take("b"))["resp"]

    async def read(self, name: str | int) -> tuple[int, int]:
        self.ar.send(addr=MAP[name].address if isinstance(name, str) else name)
        answer = await self.take("r")
        return answer["data"], answer["resp"]

    async def expect(self, name: str, want: int) -> None:
        got = await self.read(name)
        assert got == (want, OKAY), f"{name}: expected {want:#x}, got {got}, {self.where()}"

    async def event(self, name: str, **values: int) -> None:
        """One cycle of a pulse, with garbage on the payloads around it."""
        for port, value in {name: 1, **values}.items():
            self.port[port].value = value
        await RisingEdge(self.dut.clk_i)
        self.port[name].value = 0
        scramble(*(self.port[port] for port in ERROR.values()))
        await RisingEdge(self.dut.clk_i)

    async def settle(self) -> None:
        await ClockCycles(self.dut.clk_i, 3)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_address(dut) -> None:
    """All 1024 words after reset: the RDL's reset value, or SLVERR and 0; low address bits."""
    bench = Bench(dut)
    await bench.start()
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
    bench = Bench(dut)
    await bench.start()
    writable = [r for r in MAP.values() if r.writable and r.name not in ("CTRL", "WINDOW_LOCK")]
    assert len(writable) == 15
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
    bench = Bench(dut)
    await bench.start()
    windows = [r for r in MAP.values() if r.lockable]
    assert len(windows) == 4
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
            want = value & ~7 | (7 if name.endswith("LIMIT") else 0)
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
    bench = Bench(dut)
    await bench.start()
    sampled = [(r, f) for r, f in each_field() if f.sampled]
    assert len(sampled) == 8
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
        for register, field in sampled:
            port = getattr(dut, PORTS[register.name, field.name])
            assert int(port.value) == field.of(values[register.name]), register.name
        dut.busy_i.value = 0
        await bench.settle()
    assert bench.seen["start_o"] == 3


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def commands(dut) -> None:
    """Each CTRL value in each of idle, busy, stuck; strobes; nothing from a write without bits."""
    bench = Bench(dut)
    await bench.start()
    for busy, stuck in ((0, 0), (1, 0), (0, 1), (1, 1)):
        dut.busy_i.value, dut.stuck_i.value = busy, stuck
        await bench.expect("STATUS", MAP["STATUS"].pack(busy=busy, stuck=stuck))
        for value in range(8):
            bench.seen.clear()
            assert await bench.write("CTRL", value | random.getrandbits(29) << 3) == OKAY
            await bench.settle()
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
        await bench.settle()
        assert not any(bench.seen[name] for name in COMMANDS)
    for strobes, rings in ((1, 1), (2, 1), (3, 1), (12, 0), (0, 0), (15, 1)):
        bench.seen.clear()
        assert await bench.write("RING_HEAD", random.getrandbits(32), strobes) == OKAY
        await bench.settle()
        assert bench.seen["ring_write_o"] == rings


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def end_of_a_run(dut) -> None:
    """done, error with its registers, job interrupts; enable; clear; a new run clears status."""
    bench = Bench(dut)
    await bench.start()
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
        values = {port: random.getrandbits(MAP[r][f].width) for (r, f), port in ERROR.items()}
        await bench.event("error_i", **values)
        await bench.expect("STATUS", state.pack(error=1))
        for (name, field), port in ERROR.items():
            await bench.expect(name, MAP[name].pack(**{field: values[port]}))
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
    bench = Bench(dut)
    await bench.start()
    writable = [r for r in MAP.values() if r.writable and r.name not in ("CTRL", "IRQ_STATUS")]
    for register in writable:
        await bench.write(register.name, FULL if register.name != "WINDOW_LOCK" else 0)
    await bench.event("run_i")
    await bench.event("done_i")
    await bench.event("error_i", cause_i=255, index_i=0xFFFF, addr_i=FULL, job_i=0xFFFF)
    dut.busy_i.value, dut.stuck_i.value = busy, 0
    await bench.settle()
    assert int(dut.irq_o.value)
    assert await bench.write("CTRL", MAP["CTRL"].pack(soft_reset=1)) == OKAY
    if busy:
        for name in ("done_i", "irq_job_i", "error_i"):
            await bench.event(name)
        await bench.write("WATCHDOG", 5)  # what is written after it stays
        dut.busy_i.value, dut.done_i.value = 0, 1  # together: still unheard
        await RisingEdge(dut.clk_i)
        dut.done_i.value = 0
        await bench.settle()
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
    bench = Bench(dut)
    await bench.start()
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
    bench = Bench(dut, stall)
    await bench.start()
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
    mapped = [r.address for r in MAP.values() if r.address < 0x100]
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


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def cocotbext_axi(dut, stall: float) -> None:
    """A second opinion on the protocol: cocotbext-axi's master, random pauses on five channels."""
    bench = Bench(dut, stall, axi=True)
    await bench.start()
    shadow = {r.name: r.reset for r, f in each_field() if f.sampled}
    for _ in range(60):
        name, size = random.choice(list(shadow)), random.choice((1, 2, 4))
        offset, value = random.randrange(0, 4, size), random.getrandbits(8 * size)
        register = MAP[name]
        reading = cocotb.start_soon(bench.master.read(random.choice((0x00, 0x3FC)), 4))
        answer = await bench.master.write(register.address + offset, value.to_bytes(size, "little"))
        assert answer.resp == AxiResp.OKAY
        mask = ((1 << 8 * size) - 1) << 8 * offset & sum(f.mask for f in register.fields)
        shadow[name] = shadow[name] & ~mask | value << 8 * offset & mask
        got = await bench.master.read(register.address, 4)
        assert got.resp == AxiResp.OKAY
        assert int.from_bytes(got.data, "little") == shadow[name], f"{name}, {bench.where()}"
        other = await reading
        wanted = (AxiResp.OKAY, MAP["ID"].reset) if other.address == 0 else (AxiResp.SLVERR, 0)
        assert (other.resp, int.from_bytes(other.data, "little")) == wanted
    refused = await bench.master.write(MAP["ID"].address, bytes(4))
    assert refused.resp == AxiResp.SLVERR
