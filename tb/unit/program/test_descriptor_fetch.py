# SPDX-License-Identifier: Apache-2.0
"""psf_descriptor_fetch behind a model of the read DMA: order, jobs, checksums, parity, stop."""

import random
import zlib
from collections import deque

import cocotb
from cocotb.triggers import RisingEdge

from golden.hardware.interface import packing
from tb.lib.bench import HIDDEN, SEED, Bench
from tb.lib.bursts import ADDR_WIDTH, SPACE
from tb.lib.stream import STALLS, Sink, Source
from tb.lib.structs import View
from tb.run.runner import run

DEPTH = 4


def program(count: int) -> list[bytes]:
    """Random descriptors with their checksums in word 15."""
    found, crc = [], 0
    for _ in range(count):
        body = random.randbytes(60)
        crc = zlib.crc32(body + bytes(4), crc)
        found.append(body + crc.to_bytes(4, "little"))
    return found


class DescriptorFetchBench(Bench):
    """Answers commands in order with the program's beats; compares what comes out."""

    def __init__(self, dut, count: int, *, stall=0.0, sink_stall=0.0) -> None:
        super().__init__(View(dut, {"cmd_o": ("read_command_t", "cmd_{}_o")}))
        self.base = random.getrandbits(ADDR_WIDTH - 3)
        self.program = program(count)
        self.bad_from: int | None = None
        self.jobs: list[dict[str, int]] = []
        self.ordered: list[dict[str, int]] = []
        self.parity = 0
        self.compare = True
        dut.base_i.value, dut.count_i.value, dut.stop_i.value = self.base, count, 0
        self.job = Source(dut, dut.job_valid_i, dut.job_ready_o, {"job": dut.job_i}, stall)
        self.sink("cmd", ("addr", "beats", "tag"), stall, self._order)
        self.beats = self.source("beat", ("data",), stall)
        self.out: deque[dict[str, int]] = deque()
        desc = {"desc": dut.desc_o}
        self.descriptors = Sink(
            dut, dut.desc_valid_o, dut.desc_ready_i, desc, sink_stall, self._check
        )
        self.taken = 0
        cocotb.start_soon(self._watch())

    def send_job(self) -> None:
        vector = random.getrandbits(packing.size("job_t"))
        self.job.send(job=vector)
        self.jobs.append(vector)

    def _order(self, command: dict[str, int]) -> None:
        index = len(self.ordered) % len(self.program)
        want = {"addr": (self.base + 8 * index) % (SPACE >> 3), "beats": 8, "tag": index}
        assert command == want, f"ordered {command}, expected {want}"
        self.ordered.append(command)
        assert len(self.ordered) <= self.taken + DEPTH + 1, "more than there is room for"
        descriptor = self.program[index]
        for at in range(0, 64, 8):
            self.beats.send(data=int.from_bytes(descriptor[at : at + 8], "little"))

    def _check(self, got: dict[str, int]) -> None:
        if not self.compare:
            self.taken += 1
            return
        count = len(self.program)
        job, index = divmod(self.taken, count)
        want = {
            "data": int.from_bytes(self.program[index], "little"), "index": index,
            "last": int(index == count - 1), "job": self.jobs[job],
            "bad": int(self.bad_from is not None and index >= self.bad_from),
        }  # fmt: skip
        got = packing.unpack("descriptor_t", got["desc"])
        assert got == want, (
            f"descriptor {index} of job {job}: expected {want}, got {got}, SEED={SEED}"
        )
        self.taken += 1

    async def _watch(self) -> None:
        while True:
            await RisingEdge(self.dut.clk_i)
            if int(self.dut.rst_ni.value):
                assert int(self.dut.beat_ready_o.value)
                self.parity += int(self.dut.parity_o.value)

    async def drained(self) -> None:
        while self.taken < len(self.jobs) * len(self.program):
            await RisingEdge(self.dut.clk_i)
        await self.cycles(30)
        assert self.taken == len(self.ordered) == len(self.jobs) * len(self.program)
        assert self.job.idle() and self.beats.idle() and not self.parity


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS, count=(1, 2, 7))
async def jobs(dut, stall: float, sink_stall: float, count: int) -> None:
    bench = await DescriptorFetchBench(dut, count, stall=stall, sink_stall=sink_stall).begun()
    for _ in range(8):
        bench.send_job()
        if random.random() < 0.3:
            await bench.cycles(100)
    await bench.drained()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def full_rate(dut) -> None:
    """A descriptor in 10 cycles, across jobs too."""
    bench = await DescriptorFetchBench(dut, 3).begun()
    for _ in range(10):
        bench.send_job()
    while not bench.taken:
        await RisingEdge(dut.clk_i)
    cycles = 0
    while bench.taken < 30:
        await RisingEdge(dut.clk_i)
        cycles += 1
    assert cycles == 290, cycles
    await bench.drained()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def room(dut) -> None:
    """Depth descriptors are fetched behind the one that waits at the output, no less."""
    bench = await DescriptorFetchBench(dut, DEPTH + 3, sink_stall=1.0).begun()
    bench.send_job()
    await bench.cycles(200)
    bench.equal("descriptors ordered", len(bench.ordered), DEPTH + 1)
    bench.descriptors.stall = 0.0
    await bench.drained()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def checksums(dut) -> None:
    """One wrong bit anywhere: bad from there on, in every job; before it not."""
    bench = await DescriptorFetchBench(dut, 1).begun()
    for turn in range(40):
        count = random.choice((1, 4, 6))
        at, bit = random.randrange(count), (turn * 13) % 512
        if turn >= 36:  # word 15, and beside it
            bit = (511, 480, 479, 0)[turn - 36]
        if bit >= 480:  # word 15 is no part of what comes after it
            count = at + 1
        damaged = program(count)
        at_fault = bytearray(damaged[at])
        at_fault[bit // 8] ^= 1 << bit % 8
        damaged[at] = bytes(at_fault)
        bench.program, bench.bad_from, bench.taken = damaged, at, 0
        bench.jobs, bench.ordered = [], []
        dut.count_i.value = count
        for _ in range(2):
            bench.send_job()
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
        out = len(bench.ordered) + int(dut.cmd_valid_o.value)
        waiting = len(bench.job.queue) + bench.job.busy
        await bench.cycles(60)
        assert len(bench.ordered) <= out and len(bench.job.queue) + bench.job.busy == waiting
        dut.stop_i.value = 0
    await bench.drained()


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
@cocotb.parametrize(where=("jobs", "beats"))
async def flips(dut, where: str) -> None:
    """Any flipped bit of a stored beat or job is reported by the time its descriptor is there."""
    bench = DescriptorFetchBench(dut, DEPTH + 3, sink_stall=1.0)
    bench.compare = bench.descriptors.stable = False
    await bench.start()
    cells = getattr(dut, f"u_{where}").u_words.mem
    for bit in range(len(cells[0])):
        dut.stop_i.value = 1  # as the supervisor does: reset when nothing is on its way
        await bench.cycles(3)
        while not bench.beats.idle():
            await RisingEdge(dut.clk_i)
        dut.rst_ni.value, dut.stop_i.value = 0, 0
        await bench.cycles(2)
        dut.rst_ni.value = 1
        bench.taken, bench.ordered, bench.parity = 0, [], 0
        bench.descriptors.stall = 1.0
        bench.send_job()
        await bench.cycles(75)  # the first descriptor stands at the output, others are stored
        assert int(dut.desc_valid_o.value) and not bench.parity
        cell = cells[0 if where == "jobs" else random.randrange(8, 16)]
        cell.value = int(cell.value) ^ 1 << bit
        bench.descriptors.stall = 0.0
        while bench.taken < 2:
            await RisingEdge(dut.clk_i)
        bench.descriptors.stall = 1.0
        await RisingEdge(dut.clk_i)
        assert bench.parity, f"bit {bit}"


def test_descriptor_fetch() -> None:
    run("psf_descriptor_fetch", __name__, {"AddrWidth": 64})
