# SPDX-License-Identifier: Apache-2.0
"""What a host does to the accelerator in ``psf_tb_top``: registers, memory, interrupt.

Python wakes only for register accesses and the interrupt; the memory and the trace are files.
"""

from pathlib import Path

import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge, First, RisingEdge, Timer

from golden.hardware.interface import table
from tb.lib import functional_coverage
from tb.lib.bench import Bench, at_once
from tb.lib.parameters import PARAMETERS
from tb.lib.registers import COUNTER_NAMES, IRQ_ERROR, IRQ_JOB, REGISTERS, START, counter

PERIOD_NS = 10
CAUSES = {c.value: c.name.lower().replace("_", " ") for c in table.CAUSES.codes if c.value}
OKAY, SLVERR, DECERR = 0, 2, 3
COUNTERS = tuple(name.lower().removeprefix("stall_") for name in COUNTER_NAMES)
INPUTS = (
    "host_request_i", "host_write_i", "host_addr_i", "host_wdata_i", "memory_load_i",
    "memory_dump_i", "memory_first_i", "memory_last_i", "memory_arm_i", "memory_fail_read_i",
    "memory_fail_write_i", "memory_fail_resp_i", "memory_hang_i", "memory_base_i",
    "read_base_i", "read_limit_i", "write_base_i", "write_limit_i", "trace_open_i", "trace_close_i",
    "events_i", "timeline_i",
)  # fmt: skip


class Host(Bench):
    """Registers and memory of the bench."""

    most = 8  # reads that the memory has outstanding
    addr_width = PARAMETERS.get("AxiAddrWidth", 32)  # bits of an address on the bus
    origin = 0  # bus address of byte 0 of the memory
    program_run: bytes | None = None  # what runs, if PROGRAM_BASE may say something else by now

    def __init__(self, dut):
        super().__init__(dut)
        self.request, self.stalls = 0, 0
        self.queued = False  # the last job: by the ring

    async def start(self, stalls: int, latency: int, seed: int) -> None:
        """Reset; the memory holds back in ``stalls`` percent of the cycles."""
        dut, self.request, self.stalls = (
            self.dut,
            0,
            stalls,
        )  # the reset forgets how often it has toggled
        self.origin = 0
        for name in INPUTS:
            at_once(getattr(dut, name), 0)  # random start values must not reach the first edge
        dut.memory_stall_i.value = stalls * 256 // 100
        dut.memory_latency_i.value = latency
        dut.memory_most_i.value = self.most
        dut.memory_seed_i.value = seed & 0xFFFFFFFF
        await super().start()
        await self.cycles(2)

    async def pulse(self, *names: str) -> None:
        """One cycle of 1 on each of ``names``."""
        await FallingEdge(self.dut.clk_i)
        for name in names:
            getattr(self.dut, name).value = 1
        await FallingEdge(self.dut.clk_i)
        for name in names:
            getattr(self.dut, name).value = 0

    # -- registers ----------------------------------------------------------------------------

    async def access(self, addr: int, write: int, data: int = 0) -> int:
        """One AXI4-Lite access; returns the response, the data stays on host_rdata_o."""
        dut = self.dut
        self.request ^= 1
        dut.host_addr_i.value, dut.host_write_i.value, dut.host_wdata_i.value = addr, write, data
        dut.host_request_i.value = self.request
        timeout = Timer(2000 * PERIOD_NS, "ns")
        first = await First(dut.host_done_o.value_change, timeout)
        assert first is not timeout, f"register 0x{addr:x}: no response"
        await FallingEdge(dut.clk_i)  # Icarus calls before the other outputs have changed
        return int(dut.host_resp_o.value)

    async def write(self, name: str, data: int) -> None:
        if name == "IRQ_STATUS":
            await functional_coverage.sample(self, self.program_run)
        elif name == "RING_HEAD" or (name == "CTRL" and data & START):
            self.queued = name == "RING_HEAD"
        resp = await self.access(REGISTERS[name].address, 1, data)
        assert resp == OKAY, f"register {name}: response {resp} to a write"

    async def write_address(self, name: str, address: int) -> None:
        """An address register, with its high word if the bus has more than 32 bits."""
        await self.write(name, address & 0xFFFF_FFFF)
        if self.addr_width > 32:
            await self.write(f"{name}_HIGH", address >> 32)

    async def read_address(self, name: str) -> int:
        """What ``write_address`` wrote."""
        high = await self.read(f"{name}_HIGH")  # 0 on a bus of 32 bits
        return high << 32 | await self.read(name)

    async def read(self, name: str) -> int:
        return await self._read(REGISTERS[name].address, name)

    async def layer_counter(self, layer: int, index: int) -> int:
        name = COUNTER_NAMES[index]
        return await self._read(counter(layer, name), f"COUNTERS[{layer}].{name}")

    async def _read(self, addr: int, name: str) -> int:
        resp = await self.access(addr, 0)
        assert resp == OKAY, f"register {name}: response {resp} to a read"
        return int(self.dut.host_rdata_o.value)

    def bus(self, place: int) -> int:
        """The bus address of byte ``place`` of the memory."""
        return (self.origin + place) % (1 << self.addr_width)

    async def move(self, origin: int) -> None:
        """Byte 0 of the memory to the bus address ``origin``; registers stay."""
        self.origin = self.dut.memory_base_i.value = origin
        await self.cycles(2)

    async def set_windows(self, read: tuple[int, int], write: tuple[int, int]) -> None:
        """First and last place of each window, in the accelerator and in the bus checker."""
        for name, window in (("READ", read), ("WRITE", write)):
            first, last = map(self.bus, window)
            await self.write_address(f"{name}_BASE", first)
            await self.write_address(f"{name}_LIMIT", last)
            getattr(self.dut, f"{name.lower()}_base_i").value = first & ~7
            getattr(self.dut, f"{name.lower()}_limit_i").value = last | 7

    async def set_up(self, place: dict[str, int], count: int, result_bytes: int) -> None:
        """Bases, program length, the tightest windows around ``place``, both interrupts."""
        for name, register in (("program", "PROGRAM"), ("weights", "WEIGHT"),
                               ("image", "IMAGE"), ("result", "RESULT")):  # fmt: skip
            base = self.bus(place[name])
            await self.write_address(f"{register}_BASE", base)
            assert await self.read_address(f"{register}_BASE") == base
        await self.write("PROGRAM_COUNT", count)
        await self.set_windows(
            (place["program"], place["result"] - 1),
            (place["result"], place["result"] + result_bytes - 1),
        )
        await self.write("IRQ_ENABLE", IRQ_JOB | IRQ_ERROR)

    async def until_interrupt(self, limit: int) -> None:
        """Wait at most ``limit`` cycles for the interrupt."""
        if not int(self.dut.irq_o.value):
            timeout = Timer(limit * PERIOD_NS, "ns")
            if await First(RisingEdge(self.dut.irq_o), timeout) is timeout:
                layers, loads = await self.read("LAYERS"), await self.read("LOADS")
                raise AssertionError(
                    f"no interrupt after {limit} cycles; {layers} layers and {loads} loads are done"
                )

    async def acknowledge(self, bits: int = IRQ_JOB | IRQ_ERROR) -> None:
        """The interrupt stays until it is cleared, and then goes."""
        assert int(self.dut.irq_o.value) == 1
        await self.write("IRQ_STATUS", bits)
        await ClockCycles(self.dut.clk_i, 2)
        assert int(self.dut.irq_o.value) == 0
        assert await self.read("IRQ_STATUS") == 0

    # -- memory -------------------------------------------------------------------------------

    async def load(self, contents: dict[int, bytes]) -> None:
        """Put bytes at byte addresses (multiples of 8) of the memory."""
        with Path("load.hex").open("w") as f:
            for addr, data in contents.items():
                data += bytes(-len(data) % 8)
                f.write(f"@{addr // 8:x}\n")
                f.writelines(f"{x:016x}\n" for x in np.frombuffer(data, "<u8"))
        await self.pulse("memory_load_i")

    async def dump(self, addr: int, size: int) -> bytes:
        """``size`` bytes (a multiple of 8) from ``addr``; unknown bits raise ValueError."""
        self.dut.memory_first_i.value = addr // 8
        self.dut.memory_last_i.value = (addr + size) // 8 - 1
        await self.pulse("memory_dump_i")
        lines = [x.strip() for x in Path("dump.hex").read_text().splitlines()]
        beats = [int(x, 16) for x in lines if x and not x.startswith(("//", "@"))]
        return np.array(beats, "<u8").tobytes()
