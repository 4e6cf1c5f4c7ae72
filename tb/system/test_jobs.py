# SPDX-License-Identifier: Apache-2.0
"""The job ring on the whole accelerator: many images, loads of the next beside layers."""

import random

import cocotb
import pytest

from golden.hardware import isa
from tb.lib.registers import ABORT, DONE, ERROR, IRQ_JOB
from tb.lib.ring import ring
from tb.system.run import run_small

OUTSIDE = 0xFFFF_0000  # of every window


@cocotb.test(timeout_time=2000, timeout_unit="ms")
@cocotb.parametrize(stalls=[0, 50, 90])
async def batches(dut, stalls: int) -> None:
    """One interrupt per batch, results right, faster than one by one; the ring wraps."""
    jobs = 20
    bench = await ring(dut, jobs, stalls=stalls)
    single = await bench.read("CYCLES")
    done, total = 0, 0
    while done < jobs:
        last = min(jobs, done + random.choice((1, 3, 8)))
        await bench.queue(done, last)
        before = cocotb.utils.get_sim_time("ns")
        await bench.until_interrupt(20 * bench.limit * (last - done))
        total += (cocotb.utils.get_sim_time("ns") - before) // 10
        status, tail = await bench.read("STATUS"), await bench.read("RING_TAIL")
        assert (status, tail) == (DONE, last), f"status {status}, tail {tail} after {last} jobs"
        await bench.acknowledge(IRQ_JOB)
        await bench.check_jobs(range(done, last))
        done = last
    bench.must_stay_inside()
    cocotb.log.info(f"{jobs} jobs: {total / jobs:.0f} cycles each, {single} alone")
    if not stalls:
        assert total < jobs * single, "nothing overlaps"


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def checked_images(dut) -> None:
    """Entries with the CRC of their image: right ones run, a wrong one or another image stops."""
    jobs = 16
    bench = await ring(dut, jobs, checked=True, stalls=20)
    for first, kind in enumerate(("good", "entry", "image", "good")):
        first *= 4
        bad = first + random.randrange(4)
        image = bytearray(bench.image_of(bad))
        if kind == "entry":
            bench.spoilt = {bad: 1 << random.randrange(32)}
        elif kind == "image":
            image[random.randrange(len(image))] ^= 1 << random.randrange(8)
            await bench.load({bench.image_at[bad]: bytes(image)})
        await bench.queue(first, first + 4)
        await bench.until_interrupt(80 * bench.limit)
        outcome, tail = await bench.outcome(), await bench.read("RING_TAIL")
        await bench.write("IRQ_STATUS", 3)
        if kind == "good":
            assert (outcome.status, tail) == (DONE, first + 4), f"{outcome}, tail {tail}"
            await bench.check_jobs(range(first, first + 4))
            continue
        index, _ = next(x for x in bench.loads(images=True) if x[1]["from_image"])
        assert (outcome.cause, outcome.index) == (isa.ERROR_IMAGE_CRC, index), outcome
        # The image of the next job is read while one runs: then that one has no result.
        assert max(first, bad - 1) <= outcome.job <= bad and tail == outcome.job + 1, outcome
        await bench.check_jobs(range(first, outcome.job))
        bench.spoilt = {}
        await bench.load({bench.image_at[bad]: bench.image_of(bad)})
        if tail < first + 4:
            await bench.queue(tail, first + 4)
            await bench.until_interrupt(80 * bench.limit)
            assert (await bench.outcome()).status == DONE
            await bench.acknowledge()
            await bench.check_jobs(range(tail, first + 4))
    bench.must_stay_inside()


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def per_job(dut) -> None:
    """Interrupts for the jobs that ask for them, jobs queued while others run."""
    jobs = 24
    bench = await ring(dut, jobs)
    asked = {k for k in range(jobs) if random.random() < 0.5} | {0}
    queued = random.randint(2, 8)
    await bench.queue(0, queued, asked)
    seen = 0
    while seen < jobs:
        await bench.until_interrupt(20 * bench.limit)
        await bench.write("IRQ_STATUS", IRQ_JOB)
        tail = await bench.read("RING_TAIL")
        assert seen or tail < queued, "the first job asked for an interrupt when it is done"
        assert tail > seen or await bench.read("STATUS") & 1 == 0, f"interrupt, but tail is {tail}"
        await bench.check_jobs(range(seen, tail))
        seen = tail
        if queued < jobs:
            more = min(jobs, seen + 8, queued + random.randint(1, 4))
            await bench.queue(queued, more, asked)
            queued = max(queued, more)
        elif await bench.read("STATUS") & 1 == 0:
            seen = await bench.read("RING_TAIL")
    assert await bench.read("STATUS") == DONE and seen == jobs
    await bench.check_jobs(range(jobs))


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def doorbell_race(dut) -> None:
    """A doorbell in any cycle around the end of the last job is not lost."""
    jobs = 64
    bench = await ring(dut, jobs)
    await bench.queue(0, 1)
    await bench.until_interrupt(20 * bench.limit)
    cycles = await bench.read("CYCLES")
    await bench.acknowledge()
    for k in range(1, jobs - 1, 2):
        await bench.queue(k, k + 1)
        await bench.cycles(max(1, cycles - 80 + 2 * k))
        await bench.queue(k + 1, k + 2)
        for _ in range(100):
            if await bench.read("RING_TAIL") == k + 2 and not await bench.read("STATUS") & 1:
                break
            await bench.cycles(cycles // 20)
        else:
            raise AssertionError(f"job {k + 1} was never run: {await bench.outcome()}")
        await bench.write("IRQ_STATUS", 3)
        await bench.check_jobs((k, k + 1))


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def errors(dut) -> None:
    """A job that fails counts as done with; the ring stands still until the next doorbell."""
    jobs = 32
    bench = await ring(dut, jobs)
    done = 0
    while done + 4 <= jobs:
        bad = done + random.randrange(3)
        good = bench.image_at[bad]
        kind = random.choice(("image", "result", "abort"))
        if kind == "image":
            bench.image_at[bad] = OUTSIDE
        elif kind == "result":
            bench.result_at[bad], kept = bench.place["program"], bench.result_at[bad]
        await bench.queue(done, done + 4)
        if kind == "abort":
            await bench.cycles(random.randrange(3000))
            await bench.write("CTRL", ABORT)
        await bench.until_interrupt(20 * bench.limit)
        while await bench.read("STATUS") & 1:
            await bench.cycles(50)
        outcome = await bench.outcome()
        cause = {
            "image": isa.ERROR_READ_WINDOW, "result": isa.ERROR_WRITE_WINDOW,
            "abort": isa.ERROR_ABORT,
        }[kind]  # fmt: skip
        assert outcome.status == ERROR and outcome.cause == cause, f"{kind}: {outcome}"
        if kind == "image":
            index, fields = next(x for x in bench.loads(images=True) if x[1]["from_image"])
            assert (outcome.index, outcome.addr) == (index, OUTSIDE + fields["offset"]), outcome
        elif kind == "result":
            assert outcome.index == bench.find(isa.OP_STORE), outcome
            assert outcome.addr == bench.place["program"], outcome
        else:
            assert outcome.addr == 0, outcome
        tail = await bench.read("RING_TAIL")
        assert tail == outcome.job + 1, f"tail {tail}: {outcome}"
        if kind != "abort":
            # The image of the next job is read while one runs: then that one has no result.
            early = bad - 1 if kind == "image" and bad > done else bad
            assert early <= outcome.job <= bad, f"job {bad}: {outcome}"
        await bench.write("IRQ_STATUS", 3)
        await bench.check_jobs(range(done, outcome.job))
        await bench.cycles(100)
        assert await bench.read("RING_TAIL") == tail and not await bench.read("STATUS") & 1
        bench.image_at[bad] = good
        if kind == "result":
            bench.result_at[bad] = kept
        if tail < done + 4:
            await bench.queue(tail, done + 4)
            await bench.until_interrupt(20 * bench.limit * 4)
            assert await bench.read("STATUS") == DONE
            await bench.acknowledge()
            await bench.check_jobs(range(tail, done + 4))
        done += 4
    bench.must_stay_inside()


CASES = (
    *(f"batches/stalls={s}" for s in (0, 50, 90)),
    "per_job", "doorbell_race", "errors", "checked_images",
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("testcase", CASES)
def test_jobs(testcase: str) -> None:
    run_small(__name__, testcase)
