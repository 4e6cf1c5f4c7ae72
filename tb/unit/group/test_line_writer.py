# SPDX-License-Identifier: Apache-2.0
"""The line writer against words sorted into lines; words come some cycles after room_o."""

import random
from collections import deque
from dataclasses import dataclass, field

import cocotb

from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

WORD = ("index", "last", "bits")  # beside the token
TOKEN = ("out", "right", "down")


@dataclass
class Line:
    """One expected write."""

    addr: int
    right: int
    down: int
    words: dict[int, int] = field(default_factory=dict)  # position -> bits


class LineWriterBench(Bench):
    async def begin(self) -> None:
        self.lanes = self.width("word_bits_i")
        self.line_words = self.width("line_words_o")
        self.memory = PARAMETERS["SpikeLines"]
        self.lines = self.stopped = self.dropped = 0
        await self.reset(
            word_valid_i=0, line_ready_i=0, word_index_i=0, word_token_i=0,
            word_last_i=0, word_bits_i=0,
        )  # fmt: skip

    def word(self, w: dict[str, int]) -> None:
        """Drive the payload of one word."""
        self.set(**{f"word_{name}_i": w[name] for name in WORD})
        self.put_struct("word_token_i", "token_t", **{name: w[name] for name in TOKEN})

    def place(self) -> int:
        """Mostly inside the memory, sometimes across its end or far beyond."""
        if coin(0.7):
            return random.randrange(self.memory - 20)
        return random.choice((self.memory - random.randrange(9), random.getrandbits(17), 131071))

    def token(self, short: bool) -> list[dict[str, int]]:
        """Words of one token: steps of J words, `step` apart; ``short``: one word, or few."""
        first = random.randrange(2 * self.line_words)
        count = 1 if short else random.randint(1, 2 * self.line_words)
        step = count + random.choice((0, 0, 1, 3, self.line_words))
        steps = 1 if short else random.randint(1, 4)
        indices = [first + t * step + j for t in range(steps) for j in range(count)]
        shared = {
            "out": self.place(),
            "right": random.getrandbits(1),
            "down": random.getrandbits(1),
        }
        return [
            {
                "index": index,
                "last": int(index == indices[-1]),
                "bits": random.getrandbits(self.lanes),
                **shared,
            }
            for index in indices
        ]

    def expected(self, tokens: list[list[dict[str, int]]]) -> deque[Line]:
        """One line for all words of a token that share it."""
        result: deque[Line] = deque()
        for words in tokens:
            lines: dict[int, Line] = {}
            for w in words:
                addr = w["out"] + w["index"] // self.line_words
                line = lines.setdefault(addr, Line(addr, w["right"], w["down"]))
                line.words[w["index"] % self.line_words] = w["bits"]
            result.extend(lines.values())
        return result

    async def run(
        self, tokens: list[list[dict[str, int]]], delay: int, stall: float, slow: float
    ) -> int:
        """``delay``: cycles from room_o to the word. ``slow``: of the memory. Returns cycles."""
        words = deque(w for token in tokens for w in token)
        lines = self.expected(tokens)
        beyond = deque(line for line in lines if line.addr >= self.memory)
        lines = deque(line for line in lines if line.addr < self.memory)
        pipe: deque[dict[str, int] | None] = deque([None] * delay)
        inside = 0  # words taken whose line has not left
        stalled = None
        frozen = 0  # the memory stops altogether, now and then
        began = self.now
        while lines or beyond:
            room = self.get("room_o")
            self.stopped += not room
            pipe.append(words.popleft() if words and room and coin(1 - stall) else None)
            w = pipe.popleft()
            self.set(word_valid_i=int(w is not None))
            self.noise("word_token_i", *(f"word_{name}_i" for name in WORD))
            if w:
                self.word(w)
            frozen = frozen - 1 if frozen else 40 * coin(slow / 40)
            ready = not frozen and coin(1 - slow)
            self.set(line_ready_i=int(ready))
            await self.settle()
            self.equal("parity_o", self.get("parity_o"), 0)
            if self.get("overrun_o"):  # a line was dropped in the cycle before
                self.check(beyond, "no line is beyond the memory")
                inside -= len(beyond.popleft().words)
                self.dropped += 1
            self.equal("idle_o", self.get("idle_o"), int(inside == 0))
            if self.get("line_valid_o"):
                line = lines[0]
                positions = self.get("line_words_o")
                data = str(self.dut.line_data_o.value)
                got = Line(self.get("line_addr_o"), self.get("line_right_o"),
                           self.get("line_down_o"))  # fmt: skip
                for i in range(self.line_words):
                    high = len(data) - i * self.lanes
                    bits = int(data[high - self.lanes : high], 2)
                    if positions >> i & 1:
                        got.words[i] = bits
                    else:
                        self.equal("position without a word", bits, 0)
                self.check(stalled is None or got == stalled, "a line changed while it waited")
                self.equal("line", got, line)
                stalled = None if ready else got
                if ready:
                    lines.popleft()
                    inside -= len(line.words)
                    self.lines += 1
            else:
                self.check(stalled is None, "a line that waited is gone")
            inside += w is not None
            self.check(inside >= 0, "a line left before its words came")
            await self.tick()
        took = self.now - began
        self.check(not words and not any(pipe), "words are left")
        self.set(word_valid_i=0)
        for _ in range(4):
            self.noise("line_ready_i", "word_last_i", "word_index_i", "word_token_i")
            await self.settle()
            self.equal("line_valid_o at the end", self.get("line_valid_o"), 0)
            self.equal("idle_o at the end", self.get("idle_o"), 1)
            self.equal("overrun_o at the end", self.get("overrun_o"), 0)
            self.equal("room_o at the end", self.get("room_o"), 1)
            await self.tick()
        return took


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, slow=STALLS)
async def tokens(dut, stall: float, slow: float) -> None:
    """Tokens of all shapes, up to five cycles between room_o and the word, as in psf_group."""
    bench = await LineWriterBench(dut).begun()
    for delay in (0, 2, 5):
        await bench.run([bench.token(coin(0.5)) for _ in range(8)], delay, stall, slow)
    while bench.lines <= 24:  # the draws may have put nearly all of them beyond the memory
        await bench.run([bench.token(coin(0.5)) for _ in range(8)], 0, stall, slow)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_line_per_word(dut) -> None:
    """The worst case for the queue: every word finishes a line while nothing leaves."""
    bench = await LineWriterBench(dut).begun()
    for slow in (0.8, 0.95):
        await bench.run([bench.token(True) for _ in range(40)], 5, 0.0, slow)
    bench.check(bench.stopped, "room_o never fell")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_word_per_cycle(dut) -> None:
    """The memory takes every line at once: room_o never falls, a word in every cycle."""
    bench = await LineWriterBench(dut).begun()
    batch = [bench.token(i % 2 == 0) for i in range(20)]
    took = await bench.run(batch, 5, 0.0, 0.0)
    bench.equal("cycles with room_o low", bench.stopped, 0)
    bench.check(took <= sum(map(len, batch)) + 5 + 2, "not a word per cycle")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def same_line_of_two_tokens(dut) -> None:
    """Pooling: neighbouring pixels write the same line one after the other; never one write."""
    bench = await LineWriterBench(dut).begun()
    token = bench.token(False)
    batch = [[w | {"right": i % 2, "down": i // 2 % 2} for w in token] for i in range(8)]
    await bench.run(batch, 2, 0.0, 0.5)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def the_end_of_the_memory(dut) -> None:
    """The last line is written, the next is not; nor is a sum beyond 2^16 or 2^17."""
    bench = await LineWriterBench(dut).begun()
    one = {"right": 0, "down": 0, "last": 1, "bits": 1}
    words = bench.line_words
    for out, index, written in (
        (bench.memory - 1, words - 1, 1),
        (bench.memory - 1, words, 0),
        (bench.memory, 0, 0),
        (65535, words, 0),
        (65536, 0, 0),
        (131071, words, 0),
        (131071, 65535, 0),
    ):
        before = bench.lines, bench.dropped
        await bench.run([[one | {"out": out, "index": index}]], 2, 0.0, 0.0)
        bench.equal("written", bench.lines - before[0], written)
        bench.equal("dropped", bench.dropped - before[1], 1 - written)


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A bit that flips in a waiting line is reported, before the line has left or just after."""
    bench = await LineWriterBench(dut).begun()
    word = {"index": 0, "out": 3, "right": 0, "down": 0, "last": 1, "bits": 5}
    memory = dut.u_queue.u_words.mem
    width = len(memory[0])
    for turn in range(24):
        bench.set(word_valid_i=1, line_ready_i=0)
        bench.word(word)
        await bench.tick()
        bench.set(word_valid_i=0)
        await bench.tick()
        bench.equal("line_valid_o", bench.get("line_valid_o"), 1)
        bench.equal("parity_o", bench.get("parity_o"), 0)
        entry = memory[turn % len(memory)]
        entry.value = int(entry.value) ^ 1 << random.randrange(width)
        await bench.settle()
        bench.set(line_ready_i=1)
        await bench.tick()
        bench.equal("parity_o", bench.get("parity_o"), 1)
        await bench.tick()
        bench.equal("parity_o", bench.get("parity_o"), 0)


@cases(
    {"Lanes": 4, "LineWords": 4, "SpikeLines": 256},
    {"Lanes": 8, "LineWords": 8, "SpikeLines": 1500},
)
def test_line_writer(parameters: dict[str, int]) -> None:
    run("psf_line_writer", __name__, parameters)
