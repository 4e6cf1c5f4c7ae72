# SPDX-License-Identifier: Apache-2.0
"""The spike window against its contract: every spike once, right bank, row, buffer and pattern.

The model holds the accepted words that still have spikes (at most two) and tells what must be asked
for in every cycle. Rows come back after random delays, buffers are drained after random delays.
"""

import random
from collections import Counter, deque
from dataclasses import dataclass, field

import cocotb

from tb.lib.bench import Bench
from tb.lib.bits import coin, word
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

STEPS = 4  # timesteps of the widest window


@dataclass
class Word:
    """A word of accumulation ``acc`` of the layer, of every step of its window.

    ``spikes``: (bank, row) not issued yet -> the steps in which it fires."""

    acc: int
    steps: list[int]
    row: int
    skew: int
    last: int
    spikes: dict[tuple[int, int], int] = field(default_factory=dict)

    def place(self, lanes: int, banks: int, rows: int) -> "Word":
        """The same word with its spikes found."""
        for c in range(lanes):
            pattern = sum((bits >> c & 1) << t for t, bits in enumerate(self.steps))
            if pattern:
                key = (c + self.skew) % banks, (self.row + c // banks) % rows
                self.spikes[key] = pattern
        return self


@dataclass
class Accumulation:
    """Progress of one accumulation."""

    ended: bool = False  # its last word is inside
    spikes: int = 0  # accepted
    issued: int = 0
    added: int = 0
    drained: bool = False
    patterns: set[int] = field(default_factory=set)

    def complete(self) -> bool:
        return self.ended and self.spikes == self.issued == self.added


class WindowBench(Bench):
    async def begin(self) -> None:
        self.lanes = self.width("word_bits_i") // STEPS
        self.banks = self.width("req_o")
        self.rows = 1 << self.width("word_row_i")
        self.row = 0
        self.spikes = self.blocked = self.two = 0
        await self.reset(
            start_i=0, word_valid_i=0, grant_i=0, row_done_i=0, reopen_i=0, word_bits_i=0,
            word_row_i=0, word_skew_i=0, word_last_i=0, row_done_buffer_i=0,
        )  # fmt: skip

    def words(self, accumulations: int, density: float) -> deque[Word]:
        """Accumulations of one to five words; some silent: one empty word, as the scanner sends."""
        fold, result = self.lanes // self.banks, deque()
        for acc in range(accumulations):
            count = random.choice((1, 1, 2, 3, 5))
            for i in range(count):
                steps = [word(self.lanes, density) for _ in range(STEPS)]
                if random.getrandbits(1):  # as many channels fire in all steps
                    steps = [steps[0]] * random.randint(1, STEPS) + [0] * STEPS
                if not any(steps):
                    steps[0] = 1 << random.randrange(self.lanes)
                if count == 1 and coin(0.3):
                    steps = [0] * STEPS
                skew = random.randrange(self.banks)
                self.row = (self.row + fold * random.randint(1, 3)) % self.rows
                w = Word(acc, steps[:STEPS], self.row, skew, int(i == count - 1))
                result.append(w.place(self.lanes, self.banks, self.rows))
        return result

    async def run(
        self, words: deque[Word], stall: float, grants: float, slow_drain: float, delay: int
    ) -> int:
        """One layer; a row is added 1 to ``delay`` + 1 cycles after it left. Returns its cycles."""
        total = words[-1].acc + 1
        acc = [Accumulation() for _ in range(total)]
        inside: list[Word] = []  # accepted, with spikes left
        flight: list[tuple[int, int]] = []  # (cycle of return, accumulation)
        drained = 0  # accumulations drained so far
        late = 0  # cycles since the oldest accumulation should have been complete
        shut = 0  # cycles in which spikes waited for the drain without blocked_o
        granted = 0
        self.set(start_i=1)
        await self.tick()
        self.set(start_i=0)
        began = self.now
        while drained < total:
            # The row granted in the last cycle.
            self.equal("row_valid_o", self.get("row_valid_o"), int(granted != 0))
            if granted:
                self.equal("row_bank_o", self.get("row_bank_o"), granted)
                key = (granted.bit_length() - 1, self.get("row_addr_o"))
                buffer, pattern = divmod(self.get("row_tag_o"), 1 << STEPS)
                found = [w for w in inside if key in w.spikes and w.acc % 2 == buffer]
                self.check(found, f"no spike waits for (bank, row) {key} of buffer {buffer}")
                self.equal("pattern", pattern + 1, found[0].spikes.pop(key))
                acc[found[0].acc].patterns.add(pattern)
                acc[found[0].acc].issued += 1
                flight.append((self.now + random.randint(1, delay + 1), found[0].acc))
                inside = [w for w in inside if w.spikes]
                self.spikes += 1
            # Requests: all spikes of both words, but for buffers that wait for the drain.
            able = [w for w in inside if w.acc < 2 or acc[w.acc - 2].drained]
            spikes = Counter(bank for w in able for bank, _ in w.spikes)
            request = sum(1 << bank for bank in spikes)
            many = sum(1 << bank for bank, count in spikes.items() if count > 1)
            self.equal("req_o", self.get("req_o"), request)
            self.equal("many_o", self.get("many_o"), many)
            self.check(len(inside) <= 2, "more than two words")
            self.two += len(inside) == 2
            blocked = self.get("blocked_o")
            if inside:
                self.check(not (blocked and able), "blocked_o, but a spike can be issued")
                self.equal("empty_o", self.get("empty_o"), 0)
            shut = shut + 1 if inside and not able and not blocked else 0
            self.check(shut <= 2, "spikes wait for the drain, but not blocked_o")
            self.blocked += blocked
            self.check(not (blocked and self.get("empty_o")), "blocked_o and empty_o")
            # Completion.
            complete = self.get("complete_o")
            for b in (0, 1):
                k = drained + (drained % 2 != b)  # the oldest accumulation of this buffer
                done = k < total and acc[k].complete()
                self.check(done or not complete >> b & 1, f"buffer {b} complete, {k} is not over")
                if complete >> b & 1 and acc[k].issued:  # a row that has been added left long ago
                    touched = self.elements("touched_o", (1 << STEPS) - 1, 2)[b]
                    self.equal("touched_o", touched, sum(1 << p for p in acc[k].patterns))
            late = late + 1 if acc[drained].complete() and not complete >> drained % 2 & 1 else 0
            self.check(late <= 2, f"accumulation {drained} over, buffer not complete")
            # Inputs.
            bank_bits = [1 << b for b in range(self.banks) if request >> b & 1]
            granted = 0
            if bank_bits and len(flight) < 15 * self.banks and coin(grants):
                granted = random.choice(bank_bits)
            valid = bool(words) and coin(1 - stall)
            self.set(grant_i=granted, word_valid_i=int(valid))
            self.noise("word_bits_i", "word_row_i", "word_skew_i", "word_last_i")
            if valid:
                w = words[0]
                self.put("word_bits_i", w.steps, self.lanes)
                self.set(word_row_i=w.row, word_skew_i=w.skew)
                self.set(word_last_i=w.last)
            back = next((f for f in flight if f[0] <= self.now), None)
            self.set(row_done_i=int(back is not None))
            self.noise("row_done_buffer_i")
            if back:
                flight.remove(back)
                self.set(row_done_buffer_i=back[1] % 2)
                acc[back[1]].added += 1
            reopen = complete >> drained % 2 & 1 and coin(1 - slow_drain)
            self.set(reopen_i=1 << drained % 2 if reopen else 0)
            await self.settle()
            if valid and self.get("word_ready_o"):
                w = words.popleft()
                acc[w.acc].spikes += len(w.spikes)
                acc[w.acc].ended = bool(w.last)
                if w.spikes:
                    inside.append(w)
            if reopen:
                acc[drained].drained = True
                drained += 1
            await self.tick()
        took = self.now - began
        self.set(grant_i=0, word_valid_i=0, row_done_i=0, reopen_i=0)
        for _ in range(3):
            self.noise("word_bits_i", "word_row_i", "word_last_i", "row_done_buffer_i")
            await self.settle()
            self.equal("empty_o at the end", self.get("empty_o"), 1)
            for name in ("req_o", "complete_o", "row_valid_o", "blocked_o"):
                self.equal(f"{name} at the end", self.get(name), 0)
            await self.tick()
        self.check(not words and not inside and not flight, "something is left")
        return took


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(
    (
        ("stall", "grants", "slow_drain", "delay"),
        [(0.0, 1.0, 0.0, 0), (0.5, 0.5, 0.5, 6), (0.9, 0.9, 0.9, 3), (0.0, 0.1, 0.0, 40),
         (0.0, 1.0, 0.0, 60),
         (0.0, 1.0, 0.97, 0), (0.0, 0.8, 0.5, 30), (0.9, 1.0, 0.0, 0)],
    )
)  # fmt: skip
async def layers(dut, stall: float, grants: float, slow_drain: float, delay: int) -> None:
    """Layers with odd and even numbers of accumulations, sparse and dense words."""
    bench = await WindowBench(dut).begun()
    for count, density in ((7, 0.1), (8, 0.5), (1, 1.0), (5, 0.3)):
        await bench.run(bench.words(count, density), stall, grants, slow_drain, delay)
    bench.check(bench.spikes > 50, "hardly a spike")
    bench.check(bench.two or stall, "never two words")
    bench.check(bench.blocked or slow_drain < 0.9 or stall, "never blocked")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def silent(dut) -> None:
    """Nothing but empty words: every accumulation must still be completed, in turn."""
    bench = await WindowBench(dut).begun()
    for slow_drain in STALLS:
        words = deque(Word(acc, [0] * STEPS, acc % bench.rows, 0, 1) for acc in range(12))
        await bench.run(words, 0.0, 1.0, slow_drain, 0)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_spike_per_cycle(dut) -> None:
    """Nothing stalls: sixty spikes in words of one spike leave in consecutive cycles."""
    bench = await WindowBench(dut).begun()
    for size in (60, 3):  # words per accumulation
        words = bench.words(1, 0.0)
        words.clear()
        for i in range(60):
            row, lane, last = i % (bench.rows // 2), random.randrange(bench.lanes), i % size
            lane = 0 if bench.lanes // bench.banks > 2 else lane
            steps = [random.getrandbits(1) << lane for _ in range(STEPS - 1)] + [1 << lane]
            w = Word(i // size, steps, 2 * row, 0, int(last == size - 1))
            words.append(w.place(bench.lanes, bench.banks, bench.rows))
        before = bench.spikes
        took = await bench.run(words, 0.0, 1.0, 0.0, 0)
        bench.equal("spikes", bench.spikes - before, 60)
        bench.check(took <= 60 + 5, f"60 spikes took {took} cycles, {size} words per accumulation")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def dense_words(dut) -> None:
    """Full words with all skews: as many spikes per bank as there are bits, each exactly once."""
    bench = await WindowBench(dut).begun()
    words = bench.words(1, 0.0)
    words.clear()
    full = (1 << bench.lanes) - 1
    fold = bench.lanes // bench.banks
    for skew in range(bench.banks):
        steps = [full, *(random.getrandbits(bench.lanes) for _ in range(STEPS - 1))]
        w = Word(0, steps, skew * fold, skew, int(skew == bench.banks - 1))
        words.append(w.place(bench.lanes, bench.banks, bench.rows))
    banks = Counter(bank for w in words for bank, _ in w.spikes)
    bench.equal("spikes per bank", set(banks.values()), {fold * bench.banks})
    await bench.run(words, 0.0, 1.0, 0.0, 1)
    bench.equal("spikes", bench.spikes, bench.banks * bench.lanes)


@cases({"Lanes": 16, "Banks": 4, "RowDepth": 1024}, {"Lanes": 8, "Banks": 8, "RowDepth": 64})
def test_window(parameters: dict[str, int]) -> None:
    run("psf_window", __name__, parameters)
