# SPDX-License-Identifier: Apache-2.0
"""A memory behind an AXI4 master: latency, overlapping reads, stalls, errors, protocol checks.

The channels are cocotbext-axi's; its AxiRam answers one burst after the other, without latency. The
master has struct ports, ``axi_read_o`` with ``axi_read_i``, ``axi_write_o`` with ``axi_write_i``.
Importing this module makes cocotbext-axi take the members of a tb.lib.structs.View for signals.
"""

import random
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge, ValueChange
from cocotb.types import LogicArray
from cocotb.utils import get_sim_time
from cocotbext.axi import AxiReadBus, AxiWriteBus, stream
from cocotbext.axi.axi_channels import AxiARSink, AxiRSource
from cocotbext.axi.axi_ram import AxiRamWrite

from tb.lib.bursts import BUS, PAGE, SPACE
from tb.lib.stream import pauses, scramble
from tb.lib.structs import Member, View

SLVERR, DECERR = 2, 3
# What a bus has beside the fields of its structs: name -> value, width. psf_accel drives these.
_READ = {
    "arid": (0, 1), "arsize": (BUS.bit_length() - 1, 3), "arburst": (1, 2), "rid": (0, 1),
}  # fmt: skip
_WRITE = {"awid": (0, 1), "awsize": (3, 3), "awburst": (1, 2), "wstrb": (0xFF, 8), "bid": (0, 1)}


class Constant:
    """A signal that a bus has and the design has not: ``value``, whatever is written."""

    def __init__(self, value: int, width: int) -> None:
        self._bits = LogicArray(value, width)

    def __len__(self) -> int:
        return len(self._bits)

    @property
    def value(self) -> LogicArray:
        return self._bits

    @value.setter
    def value(self, value) -> None:
        pass

    def setimmediatevalue(self, value) -> None:
        pass


def _rise(signal):
    """A trigger for when ``signal`` may have risen: a simulator knows only changes of whole ports.

    The channels of cocotbext-axi sleep until a valid or ready rises, and then look at every edge.
    """
    return ValueChange(signal.port.handle) if isinstance(signal, Member) else RisingEdge(signal)


stream.RisingEdge = _rise


def _bus(dut, kind: str, constants: dict[str, tuple[int, int]]) -> View:
    """The ports of one direction as cocotbext-axi wants to find them."""
    ports = {"o": f"axi_{kind}_request_t", "i": f"axi_{kind}_response_t"}
    bus = View(dut, {f"axi_{kind}_{end}": (struct, "m_axi_{}") for end, struct in ports.items()})
    for name, constant in constants.items():
        setattr(bus, f"m_axi_{name}", Constant(*constant))
    return bus


class ReadPort:
    """Answers reads in order, the first word ``latency`` cycles after its address at the earliest.

    Checks: bursts of at most ``max_burst`` words of BUS bytes, none across a page, at most
    ``outstanding`` of them, none outside ``allowed`` (first and last byte) even for a cycle of
    ARVALID. Reads of the addresses in ``bad`` answer SLVERR or DECERR. ``latency`` may be a range
    of cycles, drawn for every burst. With ``mirror`` the memory repeats through the 4 GiB.
    """

    def __init__(self, dut, memory: bytearray, *, latency=0, stall=0.0, max_burst=64,
                 outstanding=4, mirror=False) -> None:  # fmt: skip
        view = _bus(dut, "read", _READ)
        view.m_axi_rdata = dut.axi_rdata_i
        bus = AxiReadBus.from_prefix(view, "m_axi")
        self.clock, self.reset, self.memory, self.mirror = dut.clk_i, dut.rst_ni, memory, mirror
        self.latency = latency if isinstance(latency, tuple) else (latency, latency)
        self.allowed = (0, SPACE - 1)
        self.open = 0  # bursts on the wires, the last beat not yet taken
        self.max_burst, self.outstanding = max_burst, outstanding
        self.bad: set[int] = set()
        self.bursts: list[tuple[int, int]] = []  # (address, words)
        self.beats = self.most_pending = 0
        self._pending: deque[tuple[int, int, int]] = deque()
        self._left = 0  # beats that were asked for and not yet taken
        self.ar = AxiARSink(bus.ar, self.clock, self.reset, False)
        self.r = AxiRSource(bus.r, self.clock, self.reset, False)
        self.r.queue_occupancy_limit = 2
        if stall:
            self.ar.set_pause_generator(pauses(stall))
            self.r.set_pause_generator(pauses(stall))
        cocotb.start_soon(self._addresses())
        cocotb.start_soon(self._data())
        cocotb.start_soon(self._watch(bus))

    def idle(self) -> bool:
        return self._left == 0 and not self._pending and self.ar.empty() and not self.open

    async def _addresses(self) -> None:
        while True:
            ar = await self.ar.recv()
            address, beats = int(ar.araddr), int(ar.arlen) + 1
            assert address % BUS == 0 and beats <= self.max_burst, f"{address:#x}, {beats} words"
            assert address % PAGE + BUS * beats <= PAGE, f"{address:#x}, {beats}: across a page"
            self.bursts.append((address, beats))
            self._left += beats
            due = get_sim_time("ns") + 10 * random.randint(*self.latency)
            self._pending.append((address, beats, due))

    async def _data(self) -> None:
        while True:
            await RisingEdge(self.clock)
            while self._pending and get_sim_time("ns") >= self._pending[0][2]:
                address, beats, _ = self._pending.popleft()
                for at in range(address, address + BUS * beats, BUS):
                    r = self.r._transaction_obj()
                    r.rid, r.rlast = 0, at == address + BUS * (beats - 1)
                    r.rresp = random.choice((SLVERR, DECERR)) if at in self.bad else 0
                    r.rdata = int.from_bytes(self.word(at, BUS), "little")
                    await self.r.send(r)

    def word(self, at: int, size: int = 8) -> bytes:
        """The ``size`` bytes at an address."""
        if self.mirror:
            at %= len(self.memory)
        assert at + size <= len(self.memory), f"read of {at:#x}, outside the memory"
        return bytes(self.memory[at : at + size])

    async def _watch(self, bus: AxiReadBus) -> None:
        """Count bursts on the wires, and put garbage on R while RVALID is low."""
        while True:
            await RisingEdge(self.clock)
            if not int(self.reset.value):
                continue
            if int(bus.ar.arvalid.value):
                check_window(bus.ar.araddr, bus.ar.arlen, self.allowed, BUS)
            if int(bus.ar.arvalid.value) and int(bus.ar.arready.value):
                self.open += 1
                self.most_pending = max(self.open, self.most_pending)
                assert self.open <= self.outstanding, f"{self.open} bursts in flight"
            if int(bus.r.rvalid.value) and int(bus.r.rready.value):
                self.beats += 1
                self._left -= 1
                self.open -= int(bus.r.rlast.value)
            await self._garbage(bus)

    async def _garbage(self, bus: AxiReadBus) -> None:
        await cocotb.triggers.FallingEdge(self.clock)
        if not int(bus.r.rvalid.value):
            scramble(bus.r.rdata, bus.r.rresp, bus.r.rlast)


def check_window(address, length, allowed: tuple[int, int], word: int = 8) -> None:
    """A burst on the wires of AW or AR lies inside ``allowed``, up to whole words of a bus."""
    first = int(address.value)
    last = first + word * (int(length.value) + 1) - 1
    assert allowed[0] <= first + word - 8 and last - word + 8 <= allowed[1], (
        f"burst {first:#x}..{last:#x} outside {allowed[0]:#x}..{allowed[1]:#x}"
    )


class WritePort(AxiRamWrite):
    """cocotbext-axi's RAM, over a bytearray; writes to the words in ``bad`` fail.

    Checks the bursts as ReadPort does, one at a time. SLVERR or DECERR, as it happens.
    """

    def __init__(self, dut, memory: bytearray, *, stall=0.0, mirror=False) -> None:
        view = _bus(dut, "write", _WRITE)
        bus, self.place = AxiWriteBus.from_prefix(view, "m_axi"), view.m_axi_wplace
        super().__init__(bus, dut.clk_i, dut.rst_ni, False, size=len(memory))
        self.bytes, self.mirror = memory, mirror
        self.bad: set[int] = set()
        self.writes: list[int] = []
        self.bursts: list[tuple[int, int]] = []  # (address, beats)
        self.offered: dict[int, int] = {}  # address of a burst -> ns when it was first on AW
        self.allowed = (0, SPACE - 1)
        self.open = 0  # addresses taken minus responses taken
        self._send = self.b_channel.send
        self.b_channel.send = self._respond
        cocotb.start_soon(self._watch(bus, dut.clk_i, dut.rst_ni))
        if stall:
            for channel in (self.aw_channel, self.w_channel, self.b_channel):
                channel.set_pause_generator(pauses(stall))

    async def _respond(self, b) -> None:
        if b.bresp:
            b.bresp = random.choice((SLVERR, DECERR))
        await self._send(b)

    async def _watch(self, bus: AxiWriteBus, clock, reset) -> None:
        address = beat = 0
        while True:
            await RisingEdge(clock)
            if not int(reset.value):
                beat = 0
                continue
            aw = bus.aw
            if int(aw.awvalid.value):
                check_window(aw.awaddr, aw.awlen, self.allowed)
                address, beats = int(aw.awaddr.value), int(aw.awlen.value) + 1
                self.offered.setdefault(address, int(get_sim_time("ns")))
                assert address % 8 == 0 and beats <= 64, f"{address:#x}, {beats} beats"
                assert address % PAGE + 8 * beats <= PAGE, f"{address:#x}, {beats}: across a page"
                if int(aw.awready.value):
                    self.bursts.append((address, beats))
                    self.open += 1
                    assert self.open == 1, "more than one burst"
            if int(bus.w.wvalid.value):  # every beat says bits 4:3 of its address
                place = int(self.place.value)
                assert place == (address >> 3) + beat & 3, f"place {place} of {address:#x}, {beat}"
                if int(bus.w.wready.value):
                    beat = 0 if int(bus.w.wlast.value) else beat + 1
            if int(bus.b.bvalid.value) and int(bus.b.bready.value):
                self.open -= 1

    async def _write(self, address: int, data: bytes) -> None:
        self.writes.append(address)
        if address in self.bad:
            raise ValueError("bad address")
        if self.mirror:
            address %= len(self.bytes)
        assert address + len(data) <= len(self.bytes), f"write of {address:#x}, outside the memory"
        self.bytes[address : address + len(data)] = data


class AxiMemory:
    """Both ports of one memory, filled with random bytes."""

    def __init__(self, dut, size: int, *, latency=0, stall=0.0) -> None:
        self.bytes = bytearray(random.randbytes(size))
        self.read = ReadPort(dut, self.bytes, latency=latency, stall=stall)
        self.write = WritePort(dut, self.bytes, stall=stall)
