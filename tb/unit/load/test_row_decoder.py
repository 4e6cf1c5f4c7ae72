# SPDX-License-Identifier: Apache-2.0
"""Coded row tables against their definition: entries, beats, and the end of the bank."""

import random

import cocotb

from tb.lib import load
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

BANKS, DEPTH = (PARAMETERS.get(name, 2) for name in ("Banks", "BankDepth"))
ENTRIES = load.row_entries(PARAMETERS | {"Banks": BANKS})  # at once


async def decode(bench: Bench, lengths: list[int], first: int, entries: list[int],
              stall: float, sink_stall: float) -> int:  # fmt: skip
    """One load; cycles from its first to its last entry."""
    records, taken, done, began, offered = len(lengths), 0, 0, 0, False
    bits = sum(length << 4 * i for i, length in enumerate(lengths))
    bits |= random.getrandbits(64) << 4 * records  # padding is noise
    several = ENTRIES if records % ENTRIES == 0 and not coin(0.2) else 1
    bench.set(start_i=1, first_i=first, several_i=several > 1, beat_valid_i=0, entry_ready_i=0)
    await bench.tick()
    bench.set(start_i=0)
    bench.noise("first_i", "several_i")
    while done < records:
        offered = offered or not coin(stall)
        ready = not coin(sink_stall)
        beat = bits >> 64 * taken & (1 << 64) - 1
        bench.set(beat_valid_i=int(offered), beat_data_i=beat, entry_ready_i=int(ready),
                  last_i=int(done + several == records))  # fmt: skip
        if not offered:
            bench.noise("beat_data_i")
        await bench.settle()
        if bench.get("entry_valid_o"):
            for i, got in enumerate(bench.elements("entry_o", 32, ENTRIES)[:several]):
                entry = entries[done + i]
                bench.equal(f"entry {done + i}", got, entry)
                if (entry & 0xFFFF) + (entry >> 16) > DEPTH:  # what comes behind it does not count
                    return 0
            began = began or bench.now
            done += several * ready
        if offered and bench.get("beat_ready_o"):
            taken, offered = taken + 1, False
        await bench.tick()
    bench.equal("beats", taken, -(-records // 16))
    return several * (bench.now - began)


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS)
async def random_tables(dut, stall: float, sink_stall: float) -> None:
    bench = Bench(dut)
    await bench.reset(start_i=0, beat_valid_i=0, entry_ready_i=0, last_i=0)
    for _ in range(10):
        records = random.choice((1, 15, 16, 17, 32, random.randrange(1, 80)))
        lengths, first, entries = load.row_lengths(DEPTH, BANKS, records)
        cycles = await decode(bench, lengths, first, entries, stall, sink_stall)
        assert cycles == records or stall or sink_stall, (cycles, records)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def beyond_the_bank(dut) -> None:
    """Tables that end one word, or many, beyond: the first such entry is right."""
    bench = Bench(dut)
    await bench.reset(start_i=0, beat_valid_i=0, entry_ready_i=0, last_i=0)
    told = 0
    for _ in range(40):
        lengths, first, _ = load.row_lengths(DEPTH, BANKS, random.randrange(1, 60))
        first = min(first + random.choice((1, 2, DEPTH - first - 1, DEPTH, 0xFFFF)), 0xFFFF)
        following, entries = [first] * BANKS, []
        for i, length in enumerate(lengths):
            at = following[i % BANKS] if length else first
            following[i % BANKS] += length
            if at > 0xFFFF:
                break  # an entry before it was beyond
            entries.append(at | (length or 1) << 16)
        entries += [0xFF_FFFF] * (len(lengths) - len(entries))
        told += await decode(bench, lengths, first, entries, 0.3, 0.3) == 0
    assert told > 5


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """A reset forgets the lengths that a table has left over."""
    bench, idle = Bench(dut), dict(start_i=0, beat_valid_i=0, entry_ready_i=0, last_i=0)
    await bench.reset(**idle)
    await decode(bench, *load.row_lengths(DEPTH, BANKS, 1), 0.0, 0.0)
    await bench.check_reset("entry_valid_o", **idle)
    task = cocotb.start_soon(decode(bench, *load.row_lengths(DEPTH, BANKS, 40), 0.0, 0.9))
    await bench.until("entry_valid_o")
    task.cancel()
    await bench.check_reset("entry_valid_o", **idle)
    assert bench.fell


@cases(
    {"Banks": 2, "BankDepth": 50},
    {"Banks": 8, "BankDepth": 1024},
    {"Banks": 4, "BankDepth": 65535},
    {"Banks": 2, "BankDepth": 50, "BusBytes": 32},
    {"Banks": 8, "BankDepth": 1024, "BusBytes": 32},
    {"Banks": 8, "BankDepth": 1024, "BusBytes": 16},
)
def test_row_decoder(parameters: dict[str, int]) -> None:
    run("psf_row_decoder", __name__, parameters)
