# SPDX-License-Identifier: Apache-2.0
"""psf_descriptor_fetch behind a model of the read DMA: order, jobs, room, flags, stop."""

import random

import cocotb
import pytest
from cocotb.triggers import RisingEdge

from golden.hardware import isa
from golden.hardware.interface import packing
from tb.lib.bench import Bench
from tb.lib.bursts import ADDR_WIDTH, SPACE
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS, Source
from tb.lib.structs import View
from tb.run.runner import run

DEPTH, AHEAD = PARAMETERS.get("Depth", 4), PARAMETERS.get("Ahead", 4)


class DescriptorFetchBench(Bench):
    """Answers commands in order with the program's beats; watches the ring and empties it."""

    def __init__(
        self, dut, count: int, *, end: int | None = None, stall=0.0, use_stall=0.0
    ) -> None:
        super().__init__(View(dut, {"cmd_o": ("read_command_t", "cmd_{}_o")}))
        self.base = random.getrandbits(ADDR_WIDTH - 3)
        self.opcodes = [random.choice((1, 2, 3, 0x77)) for _ in range(count)]
        self.end = end
        if end is not None:
            self.opcodes[end] = isa.OP_END
        self.jobs: list[int] = []
        self.ordered = self.written = self.loads_at = self.items_at = self.freed = 0
        self.use_stall = use_stall
        dut.base_i.value, dut.count_i.value, dut.stop_i.value = self.base, count, 0
        dut.loads_at_i.value = dut.items_at_i.value = dut.job_free_i.value = 0
        self.job = Source(dut, dut.job_valid_i, dut.job_ready_o, {"job": dut.job_i}, stall)
        self.sink("cmd", ("addr", "beats", "tag"), stall, self._order)
        self.beats = self.source("beat", ("opcode",), stall)
        cocotb.start_soon(self._watch())

    def send_job(self) -> None:
        vector = random.getrandbits(packing.size("job_t"))
        self.job.send(job=vector)
        self.jobs.append(vector)

    def _order(self, command: dict[str, int]) -> None:
        index = self.ordered % len(self.opcodes)
        want = {"addr": (self.base + 8 * index) % (SPACE >> 3), "beats": 8, "tag": index}
        assert command == want, f"ordered {command}, expected {want}"
        self.ordered += 1
        room = min(self.loads_at + AHEAD, self.items_at + DEPTH)
        assert self.ordered <= room, f"{self.ordered} ordered, room for {room}"
        self.beats.send(opcode=self.opcodes[index])
        for _ in range(7):  # what looks like an OP_END behind word 0 is none
            self.beats.send(opcode=random.choice((isa.OP_END, random.getrandbits(8))))

    async def _watch(self) -> None:
        dut, mask, free = self.dut, 2 * DEPTH - 1, False
        while True:
            await RisingEdge(dut.clk_i)
            if not int(dut.rst_ni.value):
                continue
            assert int(dut.beat_ready_o.value)
            if free and int(dut.job_valid_o.value):
                got = int(dut.job_o.value)
                assert got == self.jobs[self.freed], f"job {self.freed}: {got:#x}"
                self.freed += 1
            if int(dut.beat_valid_i.value):
                assert int(dut.written_o.value) == self.written % (16 * DEPTH)
                index = self.written // 8 % len(self.opcodes)
                got = int(dut.last_o.value), int(dut.over_o.value)
                over = self.end is not None and index >= self.end
                assert got == (index == len(self.opcodes) - 1, over), (index, got)
                self.written += 1
            for name in ("loads_at", "items_at"):
                at = getattr(self, name)
                if at < self.written // 8 and random.random() >= self.use_stall:
                    setattr(self, name, at + 1)
            dut.loads_at_i.value, dut.items_at_i.value = self.loads_at & mask, self.items_at & mask
            free = random.random() >= self.use_stall
            dut.job_free_i.value = int(free)

    async def drained(self) -> None:
        want = 8 * len(self.jobs) * len(self.opcodes)
        while self.written < want or self.freed < len(self.jobs):
            await RisingEdge(self.dut.clk_i)
        await self.cycles(30)
        assert self.written == want == 8 * self.ordered
        assert self.job.idle() and self.beats.idle() and self.freed == len(self.jobs)


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, use_stall=STALLS, shape=[(1, None), (1, 0), (2, 1), (7, 4)])
async def jobs(dut, stall: float, use_stall: float, shape: tuple[int, int | None]) -> None:
    count, end = shape
    bench = DescriptorFetchBench(dut, count, end=end, stall=stall, use_stall=use_stall)
    await bench.start()
    for _ in range(8):
        bench.send_job()
        if random.random() < 0.3:
            await bench.cycles(100)
    await bench.drained()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def full_rate(dut) -> None:
    """A beat in every cycle, across jobs too."""
    bench = await DescriptorFetchBench(dut, 3).begun()
    for _ in range(10):
        bench.send_job()
    while bench.written < 8:
        await RisingEdge(dut.clk_i)
    cycles = 0
    while bench.written < 8 * 30:
        await RisingEdge(dut.clk_i)
        cycles += 1
    assert cycles <= 8 * 30, cycles
    await bench.drained()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def room(dut) -> None:
    """As many descriptors are fetched ahead as there may be, no less."""
    bench = await DescriptorFetchBench(dut, 2 * DEPTH, use_stall=1.0).begun()
    bench.send_job()
    await bench.cycles(20 * DEPTH)
    bench.equal("descriptors ordered", bench.ordered, AHEAD)
    bench.use_stall = 0.0
    await bench.drained()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def stop(dut) -> None:
    """While stop_i is high nothing is ordered but the command that is out, and no job is taken."""
    bench = await DescriptorFetchBench(dut, 5, stall=0.5).begun()
    for _ in range(6):
        bench.send_job()
    for _ in range(6):
        await bench.cycles(random.randrange(60))
        dut.stop_i.value = 1
        await bench.cycles(2)
        out = bench.ordered + int(dut.cmd_valid_o.value)
        waiting = len(bench.job.queue) + bench.job.busy
        await bench.cycles(60)
        assert bench.ordered <= out and len(bench.job.queue) + bench.job.busy == waiting
        dut.stop_i.value = 0
    await bench.drained()


@pytest.mark.parametrize(("depth", "ahead"), [(4, 4), (64, 8)])
def test_descriptor_fetch(depth: int, ahead: int) -> None:
    run("psf_descriptor_fetch", __name__, {"Depth": depth, "Ahead": ahead, "AddrWidth": 64})
