# SPDX-License-Identifier: Apache-2.0
"""A host that queues jobs and starts runs at any time, and everything around the job queue."""

import random
from collections import deque

import cocotb

from golden.hardware.interface import packing
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.bursts import ADDR_WIDTH, SPACE
from tb.lib.program import pack_job
from tb.lib.stream import STALLS
from tb.lib.structs import View
from tb.run.runner import run

IDLE, RESET, RUN, HALT = range(4)


def an_address() -> int:
    """Any that an entry of the ring can name."""
    return random.getrandbits(min(ADDR_WIDTH, 63) - 3) << 3


class JobQueueBench(Bench):
    """Plays run control, DMA and fetch; every output is compared in every cycle."""

    def __init__(self, dut, stall: float, log_entries: int, checked: int = 0) -> None:
        super().__init__(View(dut, {
            "setup_i": ("setup_t", "{}_i"), "cmd_o": ("read_command_t", "cmd_{}_o"),
        }))  # fmt: skip
        self.stall, self.entries = stall, 1 << log_entries
        self.base = random.getrandbits(ADDR_WIDTH - 4) << 4
        self.checked = checked  # entries have a CRC
        self.run_inputs = {
            "ring_base_i": self.base >> 4, "ring_size_i": log_entries, "ring_crc_i": checked,
        }  # fmt: skip
        self.memory: dict[int, tuple[int, ...]] = {}
        self.queued: list[tuple[int, ...]] = []  # image, result, irq, crc of every ring job
        self.head = self.tail = self.first = 0  # first: number of the job at index 0
        self.armed = self.ring = False
        self.filled = self.moved = False  # of the cycle before: jobs in the ring, a new tail
        self.phase, self.left = IDLE, 0
        self.want: deque[dict[str, int]] = deque()  # jobs of this run to be offered
        self.taken: deque[dict[str, int]] = deque()
        self.beats: deque[int] = deque()
        self.fetched = 0
        self.runs = self.singles = self.retired = self.ahead = self.failed = 0
        self.fault_rate = 0.0

    async def begin(self) -> None:
        await self.reset(
            start_i=0, soft_reset_i=0, ring_write_i=0, ring_head_i=0, idle_i=0, stop_i=1,
            retire_i=0, fail_i=0, job_ready_i=0, cmd_ready_i=0, beat_valid_i=0,
        )  # fmt: skip

    def queue(self) -> bool:
        """Put one more job into the ring, if it has room; the doorbell is another matter."""
        if len(self.queued) - self.first - self.tail >= self.entries:
            return False
        job = (an_address(), an_address(), random.getrandbits(1), random.getrandbits(32))
        slot = (len(self.queued) - self.first) % self.entries
        low = random.getrandbits(3), random.getrandbits(3)  # ignored
        words = [place & 0xFFFF_FFFF | bits for place, bits in zip(job[:2], low, strict=True)]
        high = [
            place >> 31 & ~1 | random.getrandbits(64 - ADDR_WIDTH) << ADDR_WIDTH - 31
            for place in job[:2]
        ]  # what the bus does not have is ignored
        high = [high[0] & 0xFFFF_FFFF | job[2], high[1] & 0xFFFF_FFFF | random.getrandbits(1)]
        beats = [words[0] | words[1] << 32, high[0] | high[1] << 32]
        if self.checked:
            beats += [job[3] | random.getrandbits(32) << 32, random.getrandbits(64)]
        self.memory[(self.base + (16 << self.checked) * slot) % SPACE] = tuple(beats)
        self.queued.append(job)
        return True

    async def cycle(self, start=0, soft=0, doorbell=0) -> None:
        if doorbell:
            self.head = len(self.queued) - self.first
        if soft:
            self.head = 0
        # ---- Inputs of this cycle.
        stop = self.phase != RUN
        front = self.taken[0] if self.taken else None
        over = self.phase == HALT and self.left == 0
        fault = self.phase == RUN and coin(self.fault_rate)
        retire = bool(front) and not stop and not fault and not soft and coin(0.2)
        job_ready, cmd_ready = not coin(self.stall), not coin(self.stall)
        beat = bool(self.beats) and not stop and not coin(self.stall)
        self.set(
            start_i=start, soft_reset_i=soft, ring_write_i=doorbell, ring_head_i=self.head,
            idle_i=int(self.phase == IDLE and not soft), stop_i=int(stop), retire_i=int(retire),
            fail_i=int(over and not soft and not self.quiet), job_ready_i=int(job_ready),
            cmd_ready_i=int(cmd_ready), beat_valid_i=int(beat),
        )  # fmt: skip
        if beat:
            self.set(beat_data_i=self.beats[0])
        else:
            self.noise("beat_data_i")
        if self.phase == IDLE:  # the registers of a run show it only from the next cycle on
            self.noise("ring_base_i", "ring_size_i", "ring_crc_i")
            self.noise("image_base_i", "result_base_i")
        else:
            self.set(**self.run_inputs)
        await self.settle()
        # ---- Outputs.
        run = self.phase == IDLE and not soft and (
            bool(start) or (self.armed and self.filled and not self.moved)
        )  # fmt: skip
        self.equal("run_o", self.get("run_o"), int(run))
        self.equal("ring_tail_o", self.get("ring_tail_o"), self.tail)
        more = self.ring and self.head != self.tail + 1
        if retire:
            self.equal("more_o", self.get("more_o"), int(more))
        if self.phase != IDLE:
            self.equal("front_o", self.get("front_o"), self.tail if self.ring else 0)
        if stop:
            self.equal("job_valid_o", self.get("job_valid_o"), 0)
        elif self.get("job_valid_o"):
            self.check(self.want or self.ring, "a job too many")
            if not self.want:
                self.want_next()
            got = packing.unpack("job_t", self.get("job_o"))
            want = packing.unpack("job_t", pack_job(**self.want[0]))
            if not want["check"]:
                got["crc"] = 0
            self.check(got == want, f"job_o is {got}, expected {want}")
            if job_ready:
                self.taken.append(self.want.popleft())
                self.ahead += len(self.taken) > 1
        if not stop and self.get("cmd_valid_o"):
            queued = self.ring and self.fetched != self.head
            self.check(soft or queued, "an entry that is not queued")
            slot = self.fetched % self.entries
            at = (self.base + (16 << self.checked) * slot) % SPACE
            self.equal("cmd_addr_o", self.get("cmd_addr_o"), at >> 3)
            self.equal("cmd_beats_o", self.get("cmd_beats_o"), 4 if self.checked else 2)
            if cmd_ready:
                self.beats.extend(self.memory[at])
                self.fetched += 1
        self.equal("beat_ready_o", self.get("beat_ready_o"), 1)
        # ---- The next state.
        self.filled = self.head != self.tail
        self.moved = retire
        if beat:
            self.beats.popleft()
        self.armed = (self.armed or bool(doorbell)) and not soft and not (over and not self.quiet)
        if self.phase == HALT and over:
            if self.ring and not self.quiet and not soft:
                self.tail += 1
            self.phase = IDLE
        elif self.phase == HALT:
            self.left -= 1
        if retire:
            self.retired += 1
            self.tail += self.ring
            self.taken.popleft()
            if not more:
                self.check(not self.want and not self.taken and not self.beats, "jobs are left")
                self.phase = IDLE
        elif fault or (soft and self.phase in (RESET, RUN)):
            self.phase, self.left = HALT, random.randrange(5)
            self.failed += fault
        elif self.phase == RESET:
            self.phase = RUN
        if self.phase == HALT:
            self.taken.clear()
            self.want.clear()
            self.beats.clear()
        if run:
            self.phase, self.ring, self.quiet = RESET, not start, False
            self.runs += 1
            self.singles += start
            self.fetched = self.tail
            image, result = an_address(), an_address()
            self.run_inputs |= {"image_base_i": image >> 3, "result_base_i": result >> 3}
            if start:
                self.want.append({"image": image, "result": result, "irq": 1, "index": 0})
        if soft:
            self.tail, self.quiet, self.first = 0, True, len(self.queued)
        await self.tick()

    quiet = False

    def want_next(self) -> None:
        index = self.fetched - 1
        image, result, irq, crc = self.queued[self.first + index]
        job = {"image": image, "result": result, "irq": irq, "index": index}
        self.want.append(job | ({"check": 1, "crc": crc} if self.checked else {}))

    async def drain(self) -> None:
        for _ in range(3000):
            await self.cycle()
            if self.phase == IDLE and not (self.armed and self.head != self.tail):
                break
        for _ in range(20):
            await self.cycle()
        self.check(self.phase == IDLE, "no end")


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, log_entries=(0, 1, 4), checked=(0, 1))
async def rings(dut, stall: float, log_entries: int, checked: int) -> None:
    """Jobs queued one by one or in batches, at any time, runs and starts between; none is lost."""
    bench = await JobQueueBench(dut, stall, log_entries, checked).begun()
    rate = random.choice((0.05, 0.3))
    for i in range(1500):
        queued = i % 500 < 300 and coin(rate) and bench.queue()
        waiting = len(bench.queued) != bench.head
        doorbell = waiting and (queued or coin(0.1)) and coin(0.7)
        await bench.cycle(start=int(not doorbell and coin(0.05)), doorbell=int(doorbell))
    while len(bench.queued) != bench.head:
        await bench.cycle(doorbell=1)
    await bench.drain()
    bench.equal("jobs done", bench.retired - bench.singles, len(bench.queued))
    bench.equal("tail", bench.tail, len(bench.queued))
    assert bench.runs > bench.singles and len(bench.queued) > 4
    if log_entries == 4 and stall == 0:
        assert bench.singles
        assert bench.ahead


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def doorbell_at_the_end(dut) -> None:
    """A doorbell in each of the cycles around the end of a run."""
    for distance in range(30):
        bench = await JobQueueBench(dut, 0.0, 2).begun()
        bench.queue()
        await bench.cycle(doorbell=1)
        bench.queue()
        for _ in range(distance):
            await bench.cycle()
        await bench.cycle(doorbell=1)
        await bench.drain()
        bench.equal("jobs done", bench.retired, 2)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS[:2])
async def faults(dut, stall: float) -> None:
    """Failed runs: the job in front is gone, the ring waits for the doorbell, then goes on."""
    bench = await JobQueueBench(dut, stall, 3).begun()
    bench.fault_rate = 0.02
    for _ in range(2500):
        if coin(0.1):
            bench.queue()
        await bench.cycle(start=int(coin(0.01)), doorbell=0)
        if coin(0.05):
            await bench.cycle(doorbell=1)
    assert bench.failed >= 10 and bench.retired >= 10
    bench.fault_rate = 0.0
    while bench.phase == HALT:  # a doorbell in its last cycle is forgotten with the run
        await bench.cycle()
    await bench.cycle(doorbell=1)
    await bench.drain()
    bench.equal("tail", bench.tail, len(bench.queued))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def soft_resets(dut) -> None:
    """At any time: head and tail are 0, nothing is queued, and a new ring begins at entry 0."""
    bench = await JobQueueBench(dut, 0.3, 2).begun()
    for _ in range(60):
        for _ in range(random.randrange(60)):
            queued = coin(0.2) and bench.queue()
            await bench.cycle(doorbell=int(queued))
        await bench.cycle(soft=1)
        bench.equal("tail", bench.tail, 0)
        if coin(0.5) and bench.phase == IDLE:
            await bench.cycle(start=1)
    assert bench.runs > 20
    bench.queue()
    await bench.cycle(doorbell=1)
    await bench.drain()
    bench.equal("tail", bench.tail, 1)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stop=(0, 1), amid=(5, 20, 60))
async def resets(dut, stop: int, amid: int) -> None:
    """Nothing is begun, fetched or offered before a start or a doorbell."""
    bench = await JobQueueBench(dut, 0.3, 2).begun()
    for _ in range(amid):
        queued = coin(0.2) and bench.queue()
        await bench.cycle(start=int(coin(0.05)), doorbell=int(queued))
    bench.set(start_i=0, ring_write_i=0)  # run_o follows them
    await bench.settle()
    await bench.check_reset(
        "run_o", "cmd_valid_o", "job_valid_o", "ring_tail_o", "front_o", "more_o",
        start_i=0, soft_reset_i=0, ring_write_i=0, ring_head_i=1, idle_i=stop, stop_i=stop,
        retire_i=0, fail_i=0, job_ready_i=0, cmd_ready_i=1, beat_valid_i=0,
    )  # fmt: skip


def test_job_queue() -> None:
    run("psf_job_queue", __name__, {"AddrWidth": 40})
