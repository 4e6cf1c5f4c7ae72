# SPDX-License-Identifier: Apache-2.0
"""psf_head: sums of words on top of written logits, and the arg max with its ties."""

import random

import cocotb
import numpy as np

from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import pack, signed
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

INSIDE = 7  # cycles from the offer of a word alone to its last sum in memory
CYCLES = 600


class HeadBench(Bench):
    """The logits as a list. A word is added when it is taken; a written logit replaces, and must
    not be one of a word that is inside. ``twice``: every word doubles its logits."""

    async def begin(self, twice: int = 0) -> None:
        self.groups = PARAMETERS["Groups"]
        self.lanes = PARAMETERS["Lanes"]
        self.acc_width = PARAMETERS["AccWidth"]
        self.depth = PARAMETERS["Depth"]
        self.twice = twice
        self.classes = self.lanes * self.depth
        self.payload = [
            "word_index_i", "word_data_i", "logit_addr_i", "logit_data_i", "argmax_count_i"
        ]  # fmt: skip
        self.noise(*self.payload)
        await self.reset(word_valid_i=0, logit_valid_i=0, argmax_start_i=0, logit_raddr_i=0)
        self.logits, self.taken, self.done = [None] * self.classes, [0] * self.groups, 0
        self.parities, self.overruns, self.flipped, self.lost = 0, 0, False, 0
        self.set(classes_i=self.classes, double_i=twice)
        for c in random.sample(range(self.classes), self.classes):
            await self.cycle_with(logit=(c, random.randint(-1000, 1000)))

    async def cycle_with(self, words=None, logit=None, argmax=None) -> int:
        """words {g: (index, values)}, logit (class, value), argmax count: accepted words."""
        words = words or {}
        self.noise(*self.payload)
        self.set(word_valid_i=sum(1 << g for g in words))
        bits = self.lanes * self.acc_width
        index, data = ([random.getrandbits(n) for _ in range(self.groups)] for n in (8, bits))
        for g, (i, values) in words.items():
            index[g], data[g] = i, pack(values, self.acc_width)
        self.put("word_index_i", index, 8)
        self.put("word_data_i", data, bits)
        self.set(logit_valid_i=int(logit is not None))
        if logit:
            self.set(logit_addr_i=logit[0], logit_data_i=logit[1] & 0xFFFFFFFF)
        self.set(argmax_start_i=int(argmax is not None))
        if argmax is not None:
            self.set(argmax_count_i=argmax)
        await self.settle()
        self.done = self.get("argmax_done_o")
        self.parities += self.get("parity_o")
        self.overruns += self.get("overrun_o")
        assert self.flipped or not self.parities, f"parity error without a cause, {self.where()}"
        taken = self.get("word_ready_o") & sum(1 << g for g in words)
        assert taken & (taken - 1) == 0
        if logit:
            self.lost += logit[0] >= self.classes
            if logit[0] < self.classes:
                self.logits[logit[0]] = logit[1]
        assert not (logit and taken), f"a word is taken beside a write, {self.where()}"
        for g, (i, values) in words.items():
            if taken >> g & 1:
                self.taken[g] += 1
                self.lost += i >= self.depth
                for c, v in enumerate(values if i < self.depth else (), i * self.lanes):
                    self.logits[c] = signed(((self.logits[c] << self.twice) + v) & 0xFFFFFFFF, 32)
        await self.tick()
        return taken

    async def add(self, index: int, values: list[int]) -> None:
        """One word of group 0."""
        while not await self.cycle_with({0: (index, values)}):
            pass

    async def wait_idle(self, limit=20) -> None:
        for _ in range(limit):
            await self.settle()
            if self.get("idle_o"):
                return
            await self.cycle_with()
        raise AssertionError(f"idle_o stays low, {self.where()}")

    async def compare(self) -> None:
        """Read all logits, one per cycle."""
        await self.wait_idle()
        order = random.sample(range(self.classes), self.classes)
        for c in order:
            self.set(logit_raddr_i=c)
            await self.cycle_with()
            got = signed(self.get("logit_rdata_o"), 32)  # the cycle after the address
            assert got == self.logits[c], (
                f"class {c}: expected {self.logits[c]}, got {got}, {self.where()}"
            )

    async def argmax(self, count: int, words=None, logits=()) -> None:
        """Start with a word offered in the same cycle and logit writes in the next ones."""
        begin, delay = self.now, INSIDE * bool(words) + len(logits) + bool(logits)
        assert not await self.cycle_with(words, argmax=count)
        for logit in [*logits, *[None] * (count + 20)]:
            if await self.cycle_with(words, logit):
                words = None
            if self.done:
                self.done_parities = self.parities
                break
        assert self.done, f"no argmax_done_o, {self.where()}"
        spent = self.now - 1 - begin
        assert max(count, 1) + 3 <= spent <= max(count, 1) + 3 + delay, (spent, count)
        want = int(np.argmax(self.logits[:count])) if count else 0
        got = self.get("label_o")
        assert got == want, (
            f"label of {self.logits[:count]}: expected {want}, got {got}, {self.where()}"
        )
        await self.cycle_with()
        assert not self.done, f"argmax_done_o is longer than a pulse, {self.where()}"


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(idle=STALLS, twice=[0, 1])
async def random_words(dut, idle: float, twice: int) -> None:
    """Words from all groups, with logits written in between; then the sums, then the label."""
    bench = await HeadBench(dut).begun(twice)
    top = (1 << (bench.acc_width - 1)) - 1
    words, recent, writes = {}, [], 0
    for _ in range(CYCLES):
        for g in range(bench.groups):
            if g not in words and random.random() >= idle:
                values = [
                    random.choice([top, -top - 1, random.randint(-top - 1, top)])
                    for _ in range(bench.lanes)
                ]
                words[g] = (random.randrange(bench.depth), values)
                if random.random() < 0.1:  # beyond the end, also where few bits look right
                    words[g] = (random.choice([bench.depth, 128, 255]), values)
        adding = [*(i for i, _ in words.values()), *recent]  # no logit of these is written
        logit = None
        if random.random() < 0.1:
            c = random.choice([bench.classes, 0x100, 0xFFFF, *range(bench.classes)])
            if c // bench.lanes not in adding:
                logit = (c, random.randint(-(2**31), 2**31 - 1))
                writes += 1
        taken = await bench.cycle_with(words, logit)
        recent = [None, *recent[:INSIDE]]
        for g in [g for g in words if taken >> g & 1]:
            recent[0] = words.pop(g)[0]
    for _ in range(100):
        taken = await bench.cycle_with(words)
        words = {g: w for g, w in words.items() if not taken >> g & 1}
    assert not words, f"{words} were not taken, {bench.where()}"
    await bench.argmax(random.randint(1, bench.classes))
    await bench.compare()
    assert bench.overruns == bench.lost and writes
    if idle == 0.0:
        assert max(bench.taken) - min(bench.taken) <= 1, bench.taken
        assert sum(bench.taken) >= (CYCLES - writes) // 4, bench.taken  # without a gap


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def labels(dut) -> None:
    """First, last, ties (the lowest class wins), the limits of 32 bits, one class and none."""
    bench = await HeadBench(dut).begun()
    n, low, high = bench.classes, -(2**31), 2**31 - 1
    cases = [
        ([low] * n, n),
        ([low] * (n - 1) + [low + 1], n),
        ([low] * (n - 1) + [high], n - 1),
        ([high] + [low] * (n - 1), n),
        ([-1] * 3 + [0] + [0] * (n - 4), n),
        ([-5, -3, -3] + [-4] * (n - 3), 3),
        ([7] * n, 1),
        ([7] * n, 0),
    ]
    for logits, count in cases:
        for c, value in enumerate(logits):
            await bench.cycle_with(logit=(c, value))
        await bench.argmax(count)
        await bench.compare()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def words_go_first(dut) -> None:
    """An arg max counts the word of its own cycle, and logits written after it beside the word."""
    bench = await HeadBench(dut).begun()
    for _ in range(20):
        first = random.choice([90_000, -90_000])  # decides about class 0
        word = (0, [first] + [random.randint(-99, 99)] * (bench.lanes - 1))
        words = {random.randrange(bench.groups): word}
        c = random.randrange(bench.lanes, bench.classes)
        # One class twice, in other words: the word must wait for both writes, and the scan for all.
        logits = [(c, random.randint(-99, 99)), (c, random.choice([-200_000, 200_000]))]
        await bench.cycle_with(logit=(c, random.randint(-999, 999)))
        await bench.cycle_with(logit=(0, -first // 2))
        await bench.argmax(bench.classes, words, random.choice([[], logits]))
        await bench.compare()


def flip(bench: HeadBench, c: int, bit: int) -> None:
    """Change a stored bit of class ``c``; bit 32 is its parity."""
    adders = -(-bench.lanes // 4)
    word = bench.dut.gen_adder[c % adders].u_logits.mem[c // adders]
    word.value = int(word.value) ^ 1 << bit
    bench.logits[c] = signed((bench.logits[c] ^ 1 << bit) & 0xFFFFFFFF, 32)


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
@cocotb.parametrize(use=["add", "scan", "store"])
async def flips(dut, use: str) -> None:
    """Every bit of a logit: one error when its class is used, none above the classes."""
    bench = await HeadBench(dut).begun()
    n, bench.flipped, seen = bench.classes, True, [0, 0]

    async def errors(raddr: int) -> int:
        """Read one logit, for one cycle; the errors since the last call."""
        bench.set(logit_raddr_i=raddr)
        for _ in range(5):
            await bench.cycle_with()
            bench.set(logit_raddr_i=bench.parked)
        count, bench.parities = bench.parities, 0
        return count

    for bit in [*range(33)] * 2:
        count = random.choice([1, n, random.randint(1, n)])
        c = random.choice([0, count - 1, count % n, random.randrange(n)])
        used, bench.parked = int(c < count), (c + 1) % n
        bench.set(classes_i=count, logit_raddr_i=bench.parked)
        if use == "store":
            await bench.argmax(count)
        flip(bench, c, bit)
        assert await errors(bench.parked) == 0, bench.where()  # nobody looks at it
        if use == "add":
            values = [random.randint(-99, 99) for _ in range(bench.lanes)]
            await bench.add((c // bench.lanes + 1) % bench.depth, values)
            assert await errors(c) == 0, bench.where()
            await bench.add(c // bench.lanes, values)
        elif use == "scan":
            await bench.argmax(count)
            assert bench.done_parities == used, bench.where()
        got = await errors(c if use == "store" else bench.parked)
        assert got == used, (c, count, bit, bench.where())
        seen[used] += 1
        await bench.cycle_with(logit=((c + 1) % n, 5))
        if use != "add":
            assert await errors(c) == 0, f"an unscanned logit counts, {bench.where()}"
        await bench.cycle_with(logit=(c, random.randint(-999, 999)))
        await bench.wait_idle()
    assert all(seen), seen


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """Amid words and scans a reset is heard at once: nothing is inside, nothing comes out."""
    bench = await HeadBench(dut).begun()
    busy = set()
    for i in range(24):
        if i % 3 == 0:
            await bench.cycle_with(argmax=bench.classes)
        for _ in range(1 + i % 7):
            await bench.cycle_with({0: (0, [1] * bench.lanes)} if i % 3 else None)
        busy.add(bench.get("idle_o"))
        bench.set(rst_ni=0)
        await bench.settle()
        assert bench.get("idle_o") == 1, f"something is inside, {bench.where()}"
        await bench.check_reset("word_ready_o", "argmax_done_o", "parity_o", "overrun_o",
                                word_valid_i=0, logit_valid_i=0, argmax_start_i=0)  # fmt: skip
        assert bench.get("idle_o") == 1
    assert 0 in busy


@cases(
    {"Groups": 2, "Lanes": 4, "AccWidth": 20, "Depth": 4},
    {"Groups": 4, "Lanes": 8, "AccWidth": 32, "Depth": 3},
)
def test_head(parameters: dict[str, int]) -> None:
    run("psf_head", __name__, parameters)
