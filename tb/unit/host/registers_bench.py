# SPDX-License-Identifier: Apache-2.0
"""The registers, held against golden/hardware/registers/psf_regs.rdl in every cycle.

``Model`` takes addresses, widths, access, reset values, locks and what is sampled or spared by a
soft reset from the RDL. ``RegistersBench`` steps it with the DUT's own inputs, cycle by cycle, and
compares every output in every cycle; tb.unit.host.test_registers only makes traffic.
"""

import random
from collections import Counter, deque
from dataclasses import replace

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from golden.hardware.registers import Access, Field, Register, RegisterMap, load
from tb.lib.bench import SEED, Bench
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import Sink, Source, scramble
from tb.lib.structs import View

ADDR_WIDTH = PARAMETERS.get("AddrWidth", 32)
HIGH = "_HIGH"  # ends the name of the register with the high word of an address


def narrowed(register: Register) -> Register:
    """As a bus of ``ADDR_WIDTH`` bits has it; the high word may have no bit at all."""
    if not (register.name.endswith(HIGH) and register.writable):
        return register
    fields = (replace(f, width=ADDR_WIDTH - 32) for f in register.fields)
    return replace(register, fields=tuple(fields))


def the_map() -> RegisterMap:
    """The RDL's registers with the parameters of the build."""
    names = {"AddrWidth": "AxiAddrWidth", "Outstanding": "AxiOutstanding"}
    registers = load({names.get(n, n): v for n, v in PARAMETERS.items()})
    return RegisterMap([narrowed(register) for register in registers.values()])


MAP = the_map()
OKAY, SLVERR = 0, 2
FULL = 0xFFFF_FFFF

# The hardware's side, which the RDL does not know: fields that show a port, and those that an event
# takes from ports.
LIVE = {("STATUS", "busy"): "busy_i", ("STATUS", "stuck"): "stuck_i",
        ("LABEL", "label"): "label_i", ("CYCLES", "cycles"): "cycles_i",
        ("LAYERS", "layers"): "layers_i", ("LOADS", "loads"): "loads_i",
        ("RING_TAIL", "tail"): "ring_tail_i"}  # fmt: skip
ERROR = {("ERROR_CAUSE", "cause"): "cause_i", ("ERROR_INDEX", "index"): "index_i",
         ("ERROR_ADDR", "addr"): "addr_i", ("ERROR_ADDR_HIGH", "addr"): "addr_i",
         ("ERROR_JOB", "job"): "job_i"}  # fmt: skip
STRUCTS = {
    "axil_i": ("axil_request_t", "s_axil_{}"), "axil_o": ("axil_response_t", "s_axil_{}"),
    "status_i": ("status_t", "{}_i"), "ending_i": ("ending_t", "{}_i"),
    "setup_o": ("setup_t", "{}_o"), "read_window_o": ("window_t", "read_{}_o"),
    "write_window_o": ("window_t", "write_{}_o"),
}  # fmt: skip
DONE, FAILED = ("STATUS", "done"), ("STATUS", "error")
PULSES = ("run_i", "done_i", "irq_job_i", "error_i")
INPUTS = (*PULSES, *LIVE.values(), *dict.fromkeys(ERROR.values()))
COMMANDS = ("start_o", "abort_o", "soft_reset_o", "ring_write_o")
# Registers that the hardware reads have a port of their name, an address one for both words.
PORTS = {
    (r.name, f.name): f"{r.name.removesuffix(HIGH).lower()}_o"
    for r in MAP.values()
    for f in r.fields
    if f.access is Access.RW and r.name != "IRQ_ENABLE"
} | {("RING_SIZE", "crc"): "ring_crc_o"}
COUNTERS = 0x800


def place(name: str, field: str) -> int:
    """The lowest bit of a field in its port of ``PORTS``."""
    return 32 - MAP[name.removesuffix(HIGH)][field].low if name.endswith(HIGH) else 0


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
                self.fields[key] = inputs[port] >> (32 if key[0].endswith(HIGH) else 0) & FULL
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
        for (name, field), port in PORTS.items():
            stored = self.sampled if MAP[name][field].sampled else self.fields
            if stored is not None:
                want[port] = want.get(port, 0) | stored[name, field] << place(name, field)
        return want


class RegistersBench(Bench):
    """Model and drivers."""

    def __init__(self, dut, stall: float = 0.0) -> None:
        super().__init__(View(dut, STRUCTS))
        dut = self.dut
        self.model = Model()
        self.counters = [random.getrandbits(32) for _ in range(512)]
        self.seen: Counter[str] = Counter()
        self.answers: deque[tuple[str, int, int]] = deque()
        self.port = {name: getattr(dut, name) for name in (*INPUTS, *COMMANDS, "irq_o")}
        self.port |= {name: getattr(dut, name) for name in PORTS.values()}
        scramble(*(self.port[name] for name in INPUTS), dut.counter_rdata_i)
        for name in (*PULSES, "busy_i", "stuck_i"):
            self.port[name].value = 0
        cocotb.start_soon(self._watch())
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
            # Reads: the word one cycle after AR, in R two cycles after that.
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
                if age == 1:
                    want_r = self._look(looks[0])
                if age == 2:
                    looks.popleft()
                    rvalid = 1
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
        return f"SEED={SEED}, commands {self.model.commands}"

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

    async def settled(self) -> None:
        """What was ordered has come through."""
        await ClockCycles(self.dut.clk_i, 3)
