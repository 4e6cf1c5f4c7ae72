# SPDX-License-Identifier: Apache-2.0
"""Stores of every length into a Python memory, which must not change anywhere else."""

import random

import cocotb
import pytest
from cocotb.triggers import FallingEdge, RisingEdge

from golden.hardware import isa
from tb.lib.axi_memory import WritePort
from tb.lib.bench import SEED, Bench
from tb.lib.bursts import ADDR_WIDTH, PAGE, SPACE, bursts_of
from tb.lib.stream import STALLS, Sink, Source
from tb.lib.structs import View
from tb.run.runner import run

SIZE = 8 * PAGE


def store_bursts(address: int, count: int) -> list[tuple[int, int]]:
    """The bursts of a store of ``count`` logits: (address, beats)."""
    return bursts_of(address, 1 + (count + 1) // 2)


class ResultWriterBench(Bench):
    def __init__(self, dut, stall: float) -> None:
        super().__init__(View(dut, {
            "window_i": ("window_t", "window_{}_i"), "store_i": ("store_command_t", "store_{}_i"),
            "fault_o": ("fault_t", "fault_{}_o"),
        }))  # fmt: skip
        self.memory = bytearray(random.randbytes(SIZE))
        dut = self.dut
        self.port = WritePort(dut, self.memory, stall=stall, mirror=True)
        self.logits = [random.getrandbits(32) for _ in range(1200)]
        self.limit = 0
        fields = {"addr": dut.store_addr_i, "logits": dut.store_logits_i}
        fields |= {"cycles": dut.cycles_i, "label": dut.label_i}
        self.stores = Source(dut, dut.store_valid_i, dut.store_ready_o, fields, stall)
        self.done = Sink(dut, dut.done_o, None, {})
        self.faults = self.sink("fault", ("cause", "index", "addr"))
        dut.stop_i.value = 0
        self.window(0, SPACE - 1)

    def window(self, base: int, limit: int) -> None:
        """Allow the bytes base..limit."""
        self.dut.window_base_i.value, self.dut.window_limit_i.value = base >> 3, limit >> 3
        self.port.allowed = (base, limit)

    async def start(self) -> None:
        await super().start()
        cocotb.start_soon(self._logits())

    async def _logits(self) -> None:
        while True:
            await RisingEdge(self.dut.clk_i)
            address = int(self.dut.logit_raddr_o.value)
            self.dut.logit_rdata_i.value = self.logits[address]
            if int(self.dut.idle_o.value):
                assert not self.port.open and not int(self.port.aw_channel.valid.value)
                assert not int(self.port.w_channel.valid.value)
            elif self.limit:
                assert address < self.limit, f"logit {address} of {self.limit} is read"

    def order(self, address: int, count: int) -> bytes:
        """Order a store, the only one; what it must write."""
        self.limit = count
        self.done.items.clear()
        self.faults.items.clear()
        self.port.bursts.clear()
        return self.send(address, count)

    def send(self, address: int, count: int) -> bytes:
        """Offer a store, after those offered before; what it must write."""
        cycles, label = random.getrandbits(32), random.getrandbits(16)
        want = label.to_bytes(4, "little") + cycles.to_bytes(4, "little")
        want += b"".join(x.to_bytes(4, "little") for x in self.logits[:count])
        want += bytes(-len(want) % 8)
        self.stores.send(addr=address >> 3, logits=count, cycles=cycles, label=label)
        return want

    async def ended(self) -> dict[str, int] | None:
        """Wait for done (None) or a fault, exactly one of them, and for idle."""
        while not self.done.items and not self.faults.items:
            await RisingEdge(self.dut.clk_i)
        await self.cycles(5)
        assert len(self.done.items) + len(self.faults.items) == 1
        assert int(self.dut.idle_o.value)
        return self.faults.items[0] if self.faults.items else None

    async def store(self, address: int, count: int) -> dict[str, int] | None:
        """Run one store, check the memory; return its fault, if any."""
        before = bytes(self.memory)
        want = self.order(address, count)
        fault = await self.ended()
        bursts = None if fault else store_bursts(address, count)
        self.check_memory(before, address, want, bursts)
        return fault

    def check_memory(self, before: bytes, address: int, want: bytes, bursts) -> None:
        """The memory: as before, but for the words of the bursts that ran (``None``: look)."""
        if bursts is not None:
            assert self.port.bursts == bursts, f"{self.port.bursts}, expected {bursts}"
        expected = bytearray(before)
        for at, beats in self.port.bursts:
            for i in range(at, at + 8 * beats, 8):
                place = (i - address) % SPACE
                if i not in self.port.bad:
                    expected[i % SIZE : i % SIZE + 8] = want[place : place + 8]
        assert self.memory == expected, f"store at {address:#x}, SEED={SEED}"


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_stores(dut, stall: float) -> None:
    bench = await ResultWriterBench(dut, stall).begun()
    lengths = [0, 1, 2, 3, 10, 125, 126, 127, random.randrange(200)] + ([1000] if not stall else [])
    for count in lengths:
        room = 8 + 8 * ((count + 1) // 2)
        address = random.choice((0, PAGE - 8, PAGE, PAGE - room, 2 * PAGE - room + 8, SIZE - room))
        assert await bench.store(max(address, 0), count) is None


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def queued_stores(dut, stall: float) -> None:
    """Stores that are offered while one runs: each waits for its turn, none is lost."""
    bench = await ResultWriterBench(dut, stall).begun()
    bench.limit = 200
    for _ in range(3):
        bench.done.items.clear()
        expected, places = bytearray(bench.memory), random.sample(range(7), 4)
        for place in places:
            address = place * PAGE + 8 * random.randrange(500)  # some go into the next page
            want = bench.send(address, random.choice((0, 1, random.randrange(200))))
            expected[address : address + len(want)] = want
            await bench.cycles(random.choice((0, 0, 5)))
        for _ in range(20_000):
            await RisingEdge(dut.clk_i)
            if len(bench.done.items) == len(places):
                break
        await bench.cycles(20)
        assert len(bench.done.items) == len(places) and not bench.faults.items
        assert bench.memory == expected, f"SEED={SEED}"


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def failed_writes(dut, stall: float) -> None:
    """One bad response in any burst ends the store there, once; the next store is clean."""
    bench = await ResultWriterBench(dut, stall).begun()
    count, address = 260, PAGE - 800  # bursts of 64, 36 and 31 beats
    for bad, burst in ((0, 0), (63, 0), (64, 1), (99, 1), (100, 2), (130, 2)):
        bench.port.bad = {address + 8 * bad}
        fault = await bench.store(address, count)
        bursts = store_bursts(address, count)
        assert fault == {"cause": isa.ERROR_WRITE, "index": 0, "addr": bursts[burst][0]}, (
            f"beat {bad}"
        )
        assert bench.port.bursts == bursts[: burst + 1]
        bench.port.bad = set()
        assert await bench.store(address, count) is None


@cocotb.test(timeout_time=8, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def windows(dut, stall: float) -> None:
    """Stores at the borders of windows, at both ends of the addresses: no burst outside is seen."""
    bench = await ResultWriterBench(dut, stall).begun()
    seen = {"inside": 0, "outside": 0, "partly": 0}
    for turn in range(50):
        base = 8 * random.choice(
            (0, 512 * random.randrange(1 << 20), random.getrandbits(ADDR_WIDTH - 3))
        )
        limit = base + random.choice((7, 8 * random.randrange(300) + 7, PAGE - 1, 1 << 20))
        limit = min(limit, SPACE - 1) | 7
        count = random.choice((0, 1, 10, 127, random.randrange(300)))
        room = 8 + 8 * ((count + 1) // 2)
        near = random.choice((base, limit + 1 - room, limit + 1, base - room, limit - 7))
        address = (near + 8 * random.choice((-1, 0, 0, 0, 1))) % SPACE
        if turn % 10 == 0:
            base, limit = 0, SPACE - 1
        elif turn % 10 == 1:
            base, limit = SPACE - 8, 7  # nothing
        elif turn % 10 == 2:  # beyond the end of the world
            base, limit = SPACE - PAGE, SPACE - 1
            address, count = SPACE - 8 * random.randrange(1, 40), 100
        bench.window(base, limit)
        await RisingEdge(dut.clk_i)
        bursts = store_bursts(address, count)
        inside = [base <= a and a + 8 * n - 1 <= limit for a, n in bursts]
        fault = await bench.store(address, count)
        if all(inside):
            assert fault is None
        else:
            first = inside.index(False)
            assert fault == {
                "cause": isa.ERROR_WRITE_WINDOW,
                "index": 0,
                "addr": bursts[first][0],
            }, fault
            assert bench.port.bursts == bursts[:first]
        seen["inside" if all(inside) else "partly" if any(inside) else "outside"] += 1
    assert all(seen.values()), seen


@cocotb.test(timeout_time=8, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def stops(dut, stall: float) -> None:
    """Stop at any cycle: the open burst ends, no other begins, no done; the next store is right."""
    bench = await ResultWriterBench(dut, stall).begun()
    cut = 0
    for _ in range(30 if stall < 0.9 else 10):
        count, address = random.choice((0, 3, 200)), 8 * random.randrange(512)
        before = bytes(bench.memory)
        bench.port.bad = {address} if random.random() < 0.3 else set()  # its fault is not wanted
        want = bench.order(address, count)
        while int(dut.idle_o.value):
            await RisingEdge(dut.clk_i)
        await bench.cycles(random.randrange(random.choice((3, 12, 300))))
        dut.stop_i.value = 1
        await FallingEdge(dut.clk_i)
        started = len(bench.port.bursts) + int(bench.port.aw_channel.valid.value)
        await FallingEdge(dut.clk_i)
        ended = len(bench.done.items) + len(bench.faults.items)
        while not int(dut.idle_o.value):
            await RisingEdge(dut.clk_i)
        await bench.cycles(random.choice((1, 20)))
        assert len(bench.done.items) + len(bench.faults.items) == ended, "done or fault after stop"
        assert len(bench.port.bursts) == started and not bench.port.open, "a burst after stop"
        bench.check_memory(before, address, want, None)
        cut += not ended
        bench.port.bad = set()
        dut.stop_i.value = 0
        assert await bench.store(8 * random.randrange(512), random.randrange(20)) is None
    assert cut


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """A reset is no fault and no end of a store, and ends the pulse of a fault."""
    bench = await ResultWriterBench(dut, 0.0).begun()
    await bench.check_reset("fault_valid_o", "done_o")
    bench.port.bad = {0}
    bench.order(0, 0)
    await bench.until("fault_valid_o")
    await bench.check_reset("fault_valid_o", "done_o")
    bench.port.bad = set()
    assert bench.fell == {"fault_valid_o"}
    assert await bench.store(0, 3) is None


@pytest.mark.long
def test_result_writer() -> None:
    run("psf_result_writer", __name__, {"AddrWidth": 64})
