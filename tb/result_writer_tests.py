# SPDX-License-Identifier: Apache-2.0
"""Stores of every length into a Python memory, which must not change anywhere else."""

import random

import cocotb
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiWriteBus

from tb.lib import reset
from tb.lib.axi_memory import PAGE, WritePort
from tb.lib.stream import STALLS, Sink, Source

SIZE = 8 * PAGE


class Bench:
    def __init__(self, dut, stall: float) -> None:
        self.dut = dut
        self.memory = bytearray(random.randbytes(SIZE))
        bus = AxiWriteBus.from_prefix(dut, "m_axi")
        self.port = WritePort(bus, dut.clk_i, dut.rst_ni, self.memory, stall=stall)
        self.logits = [random.getrandbits(32) for _ in range(1200)]
        self.limit = 0
        fields = {"addr": dut.store_addr_i, "logits": dut.store_logits_i}
        fields |= {"cycles": dut.cycles_i, "label": dut.label_i}
        self.stores = Source(dut, dut.store_valid_i, dut.store_ready_o, fields, stall)
        self.done = Sink(dut, dut.done_o, None, {"error": dut.error_o})

    async def start(self) -> None:
        await reset.start(self.dut)
        cocotb.start_soon(self._logits())

    async def _logits(self) -> None:
        while True:
            await RisingEdge(self.dut.clk_i)
            address = int(self.dut.logit_raddr_o.value)
            self.dut.logit_rdata_i.value = self.logits[address]
            if self.limit and not int(self.dut.store_ready_o.value):
                assert address < self.limit, f"logit {address} of {self.limit} is read"

    async def store(self, address: int, count: int) -> tuple[int, bytes]:
        """Run one store; return its error bit and what the memory must contain there."""
        self.limit = count
        before = bytes(self.memory)
        cycles, label = random.getrandbits(32), random.getrandbits(16)
        want = label.to_bytes(4, "little") + cycles.to_bytes(4, "little")
        want += b"".join(x.to_bytes(4, "little") for x in self.logits[:count])
        want += bytes(-len(want) % 8)
        self.done.items.clear()
        self.stores.send(addr=address >> 3, logits=count, cycles=cycles, label=label)
        while not self.done.items:
            await RisingEdge(self.dut.clk_i)
        for _ in range(5):
            await RisingEdge(self.dut.clk_i)
        assert len(self.done.items) == 1
        assert self.memory[:address] == before[:address]
        assert self.memory[address + len(want) :] == before[address + len(want) :]
        return self.done.items[0]["error"], want


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_stores(dut, stall: float) -> None:
    bench = Bench(dut, stall)
    await bench.start()
    lengths = [0, 1, 2, 3, 10, 125, 126, 127, random.randrange(200)] + ([1000] if not stall else [])
    for count in lengths:
        room = 8 + 8 * ((count + 1) // 2)
        address = random.choice((0, PAGE - 8, PAGE, PAGE - room, 2 * PAGE - room + 8, SIZE - room))
        error, want = await bench.store(max(address, 0), count)
        address = max(address, 0)
        got = bytes(bench.memory[address : address + len(want)])
        assert not error and got == want, (
            f"{count} logits at {address:#x}, seed {cocotb.RANDOM_SEED}"
        )


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def failed_writes(dut, stall: float) -> None:
    """One bad response in any burst is reported, once; the next store is clean."""
    bench = Bench(dut, stall)
    await bench.start()
    count, address = 260, PAGE - 800  # bursts of 64, 36 and 31 beats
    for bad in (0, 63, 64, 99, 100, 130):
        bench.port.bad = {address + 8 * bad}
        error, _ = await bench.store(address, count)
        assert error == 1, f"beat {bad}"
        bench.port.bad = set()
        error, want = await bench.store(address, count)
        assert not error and bytes(bench.memory[address : address + len(want)]) == want
