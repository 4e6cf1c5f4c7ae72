# SPDX-License-Identifier: Apache-2.0
"""The register file against docs/architecture.md, by cocotbext-axi's AXI4-Lite master."""

import random

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from tb.lib import reset
from tb.lib.stream import STALLS, pauses

CTRL, STATUS, IRQ_ENABLE, IRQ_STATUS, CAUSE, INDEX = 0x20, 0x24, 0x28, 0x2C, 0x30, 0x34
BASES = (0x40, 0x44, 0x48, 0x4C)
READ_ONLY = {
    0x00: 0x50534631,
    0x04: 1 << 16,
    0x08: 2 | 16 << 8 | 4 << 16 | 8 << 24,
    0x0C: 32 | 20 << 16 | 16 << 24,
    0x10: 2048 | 2048 << 16,
    0x14: 256 | 64 << 16,
    0x18: 2048 | 1024 << 16,
}
WRITABLE = {CTRL, IRQ_ENABLE, IRQ_STATUS, *BASES}
READABLE = {*READ_ONLY, *WRITABLE, STATUS, CAUSE, INDEX, 0x50, 0x54, 0x58, 0x5C}
BASE_PORTS = ("program_base_o", "weight_base_o", "image_base_o", "result_base_o")


class Bench:
    def __init__(self, dut, stall: float = 0.0) -> None:
        self.dut = dut
        self.starts = 0
        self.counters = {a: random.getrandbits(32) for a in range(512)}
        dut.finish_i.value = 0
        status = ("finish_cause", "finish_index", "label", "cycles", "layers", "loads")
        for name in (f"{s}_i" for s in (*status, "counter_rdata")):
            getattr(dut, name).value = random.getrandbits(len(getattr(dut, name)))
        self.master = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk_i, dut.rst_ni, reset_active_level=False
        )
        w, r = self.master.write_if, self.master.read_if
        for channel in (w.aw_channel, w.w_channel, w.b_channel, r.ar_channel, r.r_channel):
            if stall:
                channel.set_pause_generator(pauses(stall))

    async def start(self) -> None:
        await reset.start(self.dut)
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        """The counters answer one cycle after the request, and with garbage in any other cycle."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk_i)
            self.starts += int(dut.start_o.value)
            answer = random.getrandbits(32)
            if int(dut.counter_re_o.value):
                answer = self.counters[int(dut.counter_raddr_o.value)]
            dut.counter_rdata_i.value = answer

    async def write(self, address: int, value: int, size: int = 4) -> AxiResp:
        answer = await self.master.write(address, value.to_bytes(size, "little"))
        return answer.resp

    async def read(self, address: int) -> tuple[int, AxiResp]:
        answer = await self.master.read(address, 4)
        return int.from_bytes(answer.data, "little"), answer.resp

    async def expect(self, address: int, want: int) -> None:
        got, resp = await self.read(address)
        assert resp == AxiResp.OKAY and got == want, (
            f"{address:#x}: expected {want:#x}, got {got:#x} {resp}, seed {cocotb.RANDOM_SEED}"
        )

    async def finish(self, cause: int, index: int) -> None:
        dut = self.dut
        dut.finish_i.value, dut.finish_cause_i.value, dut.finish_index_i.value = 1, cause, index
        await RisingEdge(dut.clk_i)
        dut.finish_i.value = 0
        dut.finish_cause_i.value, dut.finish_index_i.value = 0xEE, 0xEEEE


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def every_address(dut) -> None:
    """Each of the 1024 words: its value and response; a refused write changes nothing."""
    bench = Bench(dut)
    await bench.start()
    for address in range(0, 0x1000, 4):
        value, resp = await bench.read(address)
        if address in READ_ONLY:
            assert (value, resp) == (READ_ONLY[address], AxiResp.OKAY), f"{address:#x}: {value:#x}"
        elif address >= 0x800:
            want = bench.counters[(address - 0x800) // 4]
            assert (value, resp) == (want, AxiResp.OKAY), f"{address:#x}: {value:#x}, {want:#x}"
        else:
            assert resp == (AxiResp.OKAY if address in READABLE else AxiResp.SLVERR), (
                f"{address:#x}"
            )
            if resp == AxiResp.SLVERR:
                assert value == 0
    for address in range(0, 0x1000, 4):
        if address not in WRITABLE:
            assert await bench.write(address, 0xFFFF_FFFF) == AxiResp.SLVERR, f"{address:#x}"
    for address in (STATUS, IRQ_ENABLE, IRQ_STATUS, CAUSE, INDEX, *BASES):
        await bench.expect(address, 0)
    await bench.expect(0x50, int(dut.label_i.value))
    await bench.expect(0x54, int(dut.cycles_i.value))
    await bench.expect(0x58, int(dut.layers_i.value))
    await bench.expect(0x5C, int(dut.loads_i.value))
    assert bench.starts == 0


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def random_writes(dut, stall: float) -> None:
    """Bytes and words in the bases, AW before, with and after W; reads run beside writes."""
    bench = Bench(dut, stall)
    await bench.start()
    shadow = dict.fromkeys(BASES, 0)
    for _ in range(60):
        base, size = random.choice(BASES), random.choice((1, 2, 4))
        offset = random.randrange(0, 4, size)
        value = random.getrandbits(8 * size)
        reading = cocotb.start_soon(bench.read(0x00))
        assert await bench.write(base + offset, value, size) == AxiResp.OKAY
        mask = (1 << 8 * size) - 1 << 8 * offset
        shadow[base] = (shadow[base] & ~mask | value << 8 * offset) & ~7
        await bench.expect(base, shadow[base])
        assert (await reading)[0] == READ_ONLY[0]
    for base, value in shadow.items():
        await bench.expect(base, value)
    assert any(shadow.values())


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(first=("aw", "w"))
async def channel_order(dut, first: str) -> None:
    """One write channel lags the other by many cycles."""
    bench = Bench(dut)
    await bench.start()
    late = bench.master.write_if.w_channel if first == "aw" else bench.master.write_if.aw_channel
    for value in (0x1234_5678, 0x89AB_CDE8):
        late.pause = True
        writing = cocotb.start_soon(bench.write(BASES[0], value))
        await ClockCycles(dut.clk_i, 10)
        assert not writing.done()
        late.pause = False
        assert await writing == AxiResp.OKAY
        await bench.expect(BASES[0], value)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(cause=(0, 3))
async def run_and_interrupt(dut, cause: int) -> None:
    """Start once, not again while busy; bases are those of the start; done or error; interrupt."""
    bench = Bench(dut)
    await bench.start()
    bases = [random.getrandbits(29) << 3 for _ in BASES]
    for address, value in zip(BASES, bases, strict=True):
        await bench.write(address, value)
    for round_ in range(2):
        await bench.write(CTRL, 0)
        assert await bench.write(CTRL + 1, 1, 1) == AxiResp.OKAY  # bit 8, no start
        assert bench.starts == round_
        await bench.write(CTRL, 1)
        await bench.expect(STATUS, 1)
        assert bench.starts == round_ + 1
        for address in BASES:
            await bench.write(address, random.getrandbits(32))
        await bench.write(CTRL, 1)
        assert bench.starts == round_ + 1
        ports = [int(getattr(dut, port).value) << 3 for port in BASE_PORTS]
        assert ports == bases, f"{ports} {bases}"
        assert not int(dut.irq_o.value)
        await bench.write(IRQ_ENABLE, round_)  # the second time enabled
        await bench.finish(cause, 77)
        await bench.expect(STATUS, 4 if cause else 2)
        await bench.expect(IRQ_STATUS, 1)
        await bench.expect(CAUSE, cause)
        await bench.expect(INDEX, 77)
        assert int(dut.irq_o.value) == round_
        await bench.write(IRQ_STATUS, 0)
        await bench.expect(IRQ_STATUS, 1)
        await bench.write(IRQ_STATUS, 1)
        await bench.expect(IRQ_STATUS, 0)
        assert not int(dut.irq_o.value)
        for address, value in zip(BASES, bases, strict=True):
            await bench.write(address, value)
    await bench.write(CTRL, 1)  # done and error clear at start
    await bench.expect(STATUS, 1)
    await bench.expect(CAUSE, 0)
