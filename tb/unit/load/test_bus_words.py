# SPDX-License-Identifier: Apache-2.0
"""psf_bus_words: every beat that counts, once and in order, alone or in a whole word."""

import random

import cocotb
import pytest

from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.load import words
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

BEATS = PARAMETERS.get("BusBytes", 8) // 8  # of a word
IDLE = dict(clear_i=0, valid_i=0, ready_i=0, whole_i=0, data_i=0, first_i=0, last_i=0)


async def offer(bench: Bench, word: dict[str, int], sink_stall: float, cut: int = 0) -> list[int]:
    """Hold a word until it is taken, or ``cut`` beats of it are; the beats that came out."""
    count, got = word["last"] - word["first"] + 1, []
    while len(got) < (cut or count):
        ready, whole = not coin(sink_stall), coin(0.5)
        bench.set(valid_i=1, ready_i=ready, whole_i=whole, **{f"{n}_i": v for n, v in word.items()})
        await bench.settle()
        full = whole and not got and count == BEATS
        bench.equal("whole_o", bench.get("whole_o"), full if BEATS > 1 else whole)
        out = bench.get("data_o")
        beats = [out >> 64 * i & (1 << 64) - 1 for i in range(BEATS)]
        if not full:
            bench.equal("beats in all places", len(set(beats)), 1)
            beats = beats[:1]
        ends = ready and len(got) + len(beats) == count
        bench.equal("ready_o", bench.get("ready_o"), ends)
        if ready:
            got += beats
        await bench.tick()
    bench.set(valid_i=0)
    return got


def right(word: dict[str, int]) -> list[int]:
    places = range(word["first"], word["last"] + 1)
    return [word["data"] >> 64 * i & (1 << 64) - 1 for i in places]


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS)
async def traffic(dut, stall: float, sink_stall: float) -> None:
    bench = Bench(dut)
    await bench.reset(**IDLE)
    for _ in range(20):
        beats = [random.getrandbits(64) for _ in range(random.randrange(1, 20))]
        got = []
        for word in words(beats, BEATS):
            while coin(stall):
                await bench.tick()
            got += await offer(bench, word, sink_stall)
        bench.equal("beats", got, beats)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def clears(dut) -> None:
    """A word that is given up amid its beats: the next one begins with its first, also after a
    reset."""
    bench = Bench(dut)
    await bench.reset(**IDLE)
    for turn in range(40):
        word = {"data": random.getrandbits(64 * BEATS), "first": 0, "last": BEATS - 1}
        cut = random.randrange(1, BEATS) if BEATS > 1 else 1
        bench.set(whole_i=0)
        got = await offer(bench, word, 0.3, cut)
        bench.equal("beats before", got[:cut], right(word)[:cut])
        if turn % 2:
            await bench.reset(**IDLE)
        else:
            bench.set(clear_i=1)
            await bench.tick()
            bench.set(clear_i=0)
        word = {"data": random.getrandbits(64 * BEATS), "first": BEATS - 1, "last": BEATS - 1}
        bench.equal("beats behind", await offer(bench, word, 0.3), right(word))


@pytest.mark.smoke
@cases({"BusBytes": 8}, {"BusBytes": 16}, {"BusBytes": 32})
def test_bus_words(parameters: dict[str, int]) -> None:
    run("psf_bus_words", __name__, parameters)
