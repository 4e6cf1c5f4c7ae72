# SPDX-License-Identifier: Apache-2.0
"""The drain against sums over dictionaries: which entries are read, which currents leave, in time.

The lanes are two dictionaries {(pattern, word): accumulators}; a read takes an entry away. Sets of
patterns that occurred come from none to all, and so do words, steps and waiting receivers.
"""

import random
from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

import cocotb

from tb.lib import layer
from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin, pack
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

STEPS, SETS = 4, 15  # of the widest window
LATENCY = 5  # from the last read of a word to its first current


@dataclass
class Accumulation:
    """One window of one token: what its buffer holds when it is complete."""

    steps: int
    patterns: list[int]  # that occurred, in numeric order
    acc: dict[tuple[int, int], list[int]] = field(default_factory=dict)  # (pattern, word) -> lanes
    reads: list[tuple[int, int]] = field(default_factory=list)  # (pattern, word), 0: nothing there
    currents: list[list[int]] = field(default_factory=list)  # of word 0 step 0, step 1, ...


def cost(patterns: list[int], steps: int) -> int:
    """Cycles of a word among its like: a step must have left before its next pattern arrives."""
    waits = (p.bit_length() - 1 + len(patterns) - i for i, p in enumerate(patterns))
    return max(steps, *waits, 1)


def index_bits(words: int) -> int:
    return (words - 1).bit_length()


class DrainBench(Bench):
    async def begin(self) -> None:
        self.lanes, self.bits = PARAMETERS["Lanes"], PARAMETERS["AccWidth"]
        self.entries = PARAMETERS["AccDepth"] * PARAMETERS["Patterns"]
        self.values = self.overlap = self.silent = self.all_patterns = 0
        await self.reset(
            start_i=0, layer_i=layer.garbage(), complete_i=0, touched_i=0, acc_i=0,
            current_ready_i=0,
        )  # fmt: skip

    def layer(self, **fixed: int) -> dict[str, int]:
        """A layer whose patterns have accumulators."""
        mode = fixed.get("mode", random.choice((layer.MODE_SPIKE, layer.MODE_RESIDUAL)))
        apart = mode in (layer.MODE_KEY_VALUE, layer.MODE_HEAD) or fixed.get("repeat_drain", 0)
        window = fixed.get("window", random.randrange(3))
        patterns = 1 if apart else (1 << (1 << window)) - 1
        most = min(PARAMETERS["AccDepth"], 1 << (self.entries // patterns).bit_length() - 1)
        values = {
            "mode": mode,
            "merge": int(mode == layer.MODE_HEAD),
            "repeat_drain": 0,
            "window": window,
            "steps": random.randint(1, 9),
            "out_words": random.choice((1, 2, most, random.randint(1, most))),
        }
        return layer.random_fields(**values | fixed)

    def accumulation(self, f: dict[str, int], steps: int, patterns: list[int]) -> Accumulation:
        a = Accumulation(steps, patterns)
        end = 1 << self.bits - 6
        for j in range(f["out_words"]):
            totals = [[0] * self.lanes for _ in range(steps)]
            for p in patterns:
                value = [random.randrange(-end, end) for _ in range(self.lanes)]
                a.acc[p, j] = value
                for t in range(steps):
                    if p >> t & 1:
                        totals[t] = [s + v for s, v in zip(totals[t], value, strict=True)]
            a.reads += [(p, j) for p in patterns or [0]]
            a.currents += totals
        self.silent += not patterns
        self.all_patterns += len(patterns) == SETS
        return a

    def accumulations(
        self, f: dict[str, int], tokens: int, patterns: list[int] | None = None
    ) -> list[Accumulation]:
        """Windows of these tokens; ``patterns``: those of every window, else at random."""
        apart = f["merge"] or f["repeat_drain"] or f["mode"] == layer.MODE_KEY_VALUE
        result = []
        for _ in range(tokens):
            lengths = [1]
            if not apart:
                w = 1 << f["window"]
                lengths = [min(w, f["steps"] - t) for t in range(0, f["steps"], w)]
            for steps in lengths:
                density = random.choice((0.0, 0.1, 0.5, 1.0))
                some = [p for p in range(1, 1 << steps) if coin(density)]
                result.append(self.accumulation(f, steps, some if patterns is None else patterns))
        return result

    def entry(self, f: dict[str, int], pattern: int, word: int) -> int:
        return max(pattern - 1, 0) << index_bits(f["out_words"]) | word

    async def run(self, f: dict[str, int], todo: list[Accumulation], stall: float) -> list[int]:
        """One layer; returns the cycles of the last reads of its words."""
        self.set(start_i=1, layer_i=layer.pack_layer(f), complete_i=0, current_ready_i=0)
        await self.tick()
        self.set(start_i=0)
        reads = deque((n, *read) for n, a in enumerate(todo) for read in a.reads)
        # Of every word the number of its currents; read so far: what may leave, and when.
        expected = deque(c for a in todo for c in a.currents)
        allowed: deque[int] = deque()  # cycle from which on each current may leave
        read_at: list[int] = []
        words_left = deque(a.steps for a in todo for _ in range(f["out_words"]))
        complete: list[int | None] = [None, None]  # accumulation in each buffer
        coming: list[int | None] = [None, None]  # its patterns are there one cycle earlier
        made, pipe = 0, deque([None, None])  # values of the two reads before
        while expected or reads:
            for b in (0, 1):
                if complete[b] is None:
                    complete[b], coming[b] = coming[b], None
                if complete[b] is None and made < len(todo) and made % 2 == b and coin(1 - stall):
                    coming[b], made = made, made + 1
            touched = 0
            for b in (0, 1):
                bits = random.getrandbits(SETS)
                n = coming[b] if complete[b] is None else complete[b]
                if n is not None:
                    bits = sum(1 << p - 1 for p in todo[n].patterns)
                touched |= bits << SETS * b
            ready = coin(1 - stall)
            self.set(complete_i=sum((n is not None) << b for b, n in enumerate(complete)))
            self.set(touched_i=touched, current_ready_i=int(ready))
            self.noise("acc_i")
            value = pipe.popleft()
            if value is not None:  # of either buffer, the other is zero
                buffer, lanes = value
                both = [x for v in lanes for x in ((0, v) if buffer else (v, 0))]
                self.set(acc_i=pack(both, self.bits))
            await self.settle()
            self.overlap += None not in complete
            self.equal("parity_o", self.get("parity_o"), 0)
            value = None
            reopen = 0
            if self.get("read_o"):
                self.check(reads, "a read too many")
                n, pattern, word = reads.popleft()
                self.equal("accumulation that is read", complete[n % 2], n)
                self.equal("buffer_o", self.get("buffer_o"), n % 2)
                self.equal("entry_o", self.get("entry_o"), self.entry(f, pattern, word))
                lanes = todo[n].acc.pop((pattern, word), None)
                self.check(pattern == 0 or lanes, f"read twice: pattern {pattern}, word {word}")
                value = None if lanes is None else (n % 2, lanes)
                if not reads or reads[0][::2] != (n, word):  # last read of the word
                    read_at.append(self.now)
                    allowed += [self.now + LATENCY + t for t in range(words_left.popleft())]
                if not reads or reads[0][0] != n:
                    reopen = 1 << n % 2
                    complete[n % 2] = None
            self.equal("reopen_o", self.get("reopen_o"), reopen)
            pipe.append(value)
            if self.get("current_valid_o"):
                self.check(allowed, "a current before its word is read")
                self.check(self.now >= allowed[0], "a current too early")
                self.equal("current_o", self.get("current_o"), pack(expected[0], self.bits))
                self.values += any(expected[0])
                if ready:
                    expected.popleft()
                    allowed.popleft()
            elif allowed and not stall:
                self.check(self.now < allowed[0], "a current too late")
            await self.tick()
        self.check(not any(a.acc for a in todo), "an entry was not read")
        self.set(complete_i=0, layer_i=layer.garbage())
        for _ in range(8):
            self.noise("acc_i", "touched_i", "current_ready_i")
            await self.settle()
            for name in ("read_o", "reopen_o", "current_valid_o", "parity_o"):
                self.equal(f"{name} after the last current", self.get(name), 0)
            await self.tick()
        return read_at


KINDS = (
    {},
    {"window": 0},
    {"window": 1, "steps": 3},
    {"window": 2, "steps": 4},
    {"window": 2, "steps": 6},
    {"window": 2, "steps": 1},
    {"window": 2, "out_words": 1},
    {"repeat_drain": 1},
    {"mode": layer.MODE_HEAD},
    {"mode": layer.MODE_KEY_VALUE},
)


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS)
async def layers(dut, stall: float) -> None:
    """Layers of all kinds in turn; an odd number of accumulations must not shift the next layer."""
    bench = await DrainBench(dut).begun()
    for kind in random.sample(KINDS, len(KINDS)):
        for count in (1, 4):
            f = bench.layer(**kind)
            await bench.run(f, bench.accumulations(f, count), stall)
    while not (bench.silent and bench.all_patterns):  # the draws may have been without
        f = bench.layer(window=2, steps=4)
        await bench.run(f, bench.accumulations(f, 4), stall)
    bench.check(bench.overlap, "never were both buffers complete")
    bench.check(bench.values > 100, "hardly anything but zeros left")


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def cycles_of_a_word(dut) -> None:
    """Nothing waits: a word takes as long as its patterns and steps, in windows of one kind."""
    bench = await DrainBench(dut).begun()
    every = list(range(1, SETS + 1))
    for window, steps, patterns in (
        (0, 6, [1]), (0, 3, []), (1, 4, [1, 2, 3]), (1, 4, [2]), (1, 5, []), (2, 8, every),
        (2, 8, []), (2, 4, [15]), (2, 8, [1, 2, 4, 8]), (2, 8, [8, 9, 10, 11, 12]),
        *((2, 8, sorted(random.sample(every, random.randint(1, 15)))) for _ in range(12)),
    ):  # fmt: skip
        whole = 1 << window
        f = bench.layer(window=window, steps=steps // whole * whole or steps, mode=layer.MODE_SPIKE)
        for words in (1, f["out_words"]):
            f["out_words"] = words
            todo = bench.accumulations(f, 8, patterns)
            reads = await bench.run(f, todo, 0.0)
            between = cost(patterns, todo[0].steps)
            took = [b - a for a, b in pairwise(reads)]
            # A buffer that is drained in one cycle is not complete again in the next but one.
            cycles = {1, 2} if words * between == 1 else {between}
            bench.equal(f"cycles of words, {patterns}, {words} words", set(took), cycles)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_receiver_that_waits(dut) -> None:
    """Nothing is taken for long: the queue fills, the reads stop, and no current is lost."""
    bench = await DrainBench(dut).begun()
    for window in (0, 1, 2):
        f = bench.layer(window=window, steps=8, out_words=2)
        todo = bench.accumulations(f, 6)
        for stall in (0.97, 0.0):
            await bench.run(f, todo if stall else bench.accumulations(f, 6), stall)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A bit that flips in a waiting current is reported in the cycle after the flip is seen."""
    bench = await DrainBench(dut).begun()
    memory = dut.u_currents.u_words.mem
    f = bench.layer(window=0, steps=1, out_words=1)
    bench.set(start_i=1, layer_i=layer.pack_layer(f), touched_i=0)
    await bench.tick()
    bench.set(start_i=0)
    await bench.tick()
    for turn in range(2 * len(memory)):
        bench.set(complete_i=1 << turn % 2, current_ready_i=0)
        await bench.tick()
        bench.set(complete_i=0)
        for _ in range(LATENCY + 1):
            await bench.tick()
        bench.equal("current_valid_o", bench.get("current_valid_o"), 1)
        bench.equal("parity_o", bench.get("parity_o"), 0)
        entry = memory[turn % len(memory)]
        entry.value = int(entry.value) ^ 1 << random.randrange(len(entry))
        await bench.settle()
        bench.set(current_ready_i=1)
        await bench.tick()
        bench.equal("parity_o", bench.get("parity_o"), 1)
        bench.set(current_ready_i=0)
        await bench.tick()
        bench.equal("parity_o", bench.get("parity_o"), 0)


@cases(
    {"Lanes": 2, "AccWidth": 20, "AccDepth": 16, "Patterns": 4},
    {"Lanes": 3, "AccWidth": 16, "AccDepth": 12, "Patterns": 8},
)
def test_drain(parameters: dict[str, int]) -> None:
    run("psf_drain", __name__, parameters)
