# SPDX-License-Identifier: Apache-2.0
"""The scanner against three nested loops: which words leave, with which row, skew and last flag.

A word leaves with all steps of its window. Words that are not scanned, such as those of steps
behind the last one in its block, are garbage with random parity: nobody may mind. ``flips`` change
a bit of others.
"""

import random
from collections import deque

import cocotb
import pytest

from tb.lib import layer
from tb.lib.bench import Bench
from tb.lib.bits import coin, word
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

STEPS = 4  # of the widest window


class Patch:
    """The lines of one token as patch_fetch stores them, and what must come out of them."""

    def __init__(
        self, f: dict[str, int], bench: "ScannerBench", taps: int, density: float, flips: int = 0
    ) -> None:
        self.taps = taps
        lanes, line_words = bench.lanes, bench.line_words
        pixels = taps.bit_count() if f["kernel3"] else 1
        words = [
            [
                (1 << lanes) - 1 if density > 1 else word(lanes, 0.4) or 1 if coin(density) else 0
                for _ in range(f["in_lines"] * line_words)
            ]
            for _ in range(pixels)
        ]
        block, window = 1 << f["in_block"], 1 << f["window"]
        scanned = 1 if f["repeat_drain"] else f["steps"]

        def at(t: int, j: int) -> int:
            """Where a word lies in its pixel."""
            return (t // block * f["in_step"] + f["in_first"] + j) * block + t % block

        used = {at(t, j) for t in range(scanned) for j in range(f["in_words"])}
        for pixel in words:
            for i, w in enumerate(pixel):
                parity = w.bit_count() & 1 if i in used else random.getrandbits(1)
                pixel[i] = parity << lanes | w
        for _ in range(flips):
            random.choice(words)[random.choice(list(used))] ^= 1 << random.randrange(lanes + 1)
        self.lines = [
            sum(w << i * (lanes + 1) for i, w in enumerate(pixel[line : line + line_words]))
            for pixel in words
            for line in range(0, len(pixel), line_words)
        ]
        # (bits by step, row, skew, last, parity wrong, row beyond); row of an empty word: any
        self.items: list[tuple[int, int | None, int | None, int, int, int]] = []
        self.reads: list[int] = []
        accumulation: list[tuple[int, int | None, int, int, int]] = []
        for begin in range(0, scanned, window):
            steps = range(begin, min(begin + window, scanned))
            first = at(begin // block * block, 0)
            last = first + f["in_words"] * block - 1
            for place, tap in enumerate(i for i in range(9) if taps >> i & 1):
                base = place * f["in_lines"]
                self.reads += range(base + first // line_words, base + last // line_words + 1)
                for j in range(f["in_words"]):
                    row = f["row_base"] + begin // window * f["step_rows"] + tap * f["tap_rows"]
                    row += j * (lanes // bench.banks)
                    found = [words[place][at(t, j)] for t in steps]
                    if any(found):
                        bits = [w & (1 << lanes) - 1 for w in found]
                        top = max((max(bits).bit_length() - 1) // bench.banks, 0)
                        beyond = any(bits) and row + top >= bench.rows
                        row = None if not any(bits) else 0 if beyond else row
                        bad = any(w.bit_count() & 1 for w in found)
                        bits = sum(w << t * lanes for t, w in enumerate(bits))
                        accumulation.append((bits, row, tap % bench.banks, bad, int(beyond)))
            if not f["merge"] or steps[-1] == scanned - 1:
                if not accumulation:
                    self.items.append((0, None, None, 1, 0, 0))
                for i, (*item, bad, beyond) in enumerate(accumulation):
                    self.items.append((*item, int(i == len(accumulation) - 1), bad, beyond))
                accumulation = []


class ScannerBench(Bench):
    async def begin(self) -> None:
        self.lanes = self.width("word_bits_o") // STEPS
        self.banks = 1 << self.width("word_skew_o")
        self.line_words = self.width("patch_line_i") // (self.lanes + 1)
        self.capacity = 1 << self.width("patch_index_o")
        self.rows = PARAMETERS["RowDepth"]
        self.words = self.empty = self.wrong = self.beyond = 0
        await self.reset(
            start_i=0, layer_i=layer.garbage(), patch_valid_i=0, filled_i=0, patch_taps_i=1,
            patch_line_i=0, word_ready_i=0,
        )  # fmt: skip

    def layer(self, **fixed: int) -> dict[str, int]:
        """A random layer whose patch fits."""
        f = {
            "mode": random.choice((layer.MODE_SPIKE, layer.MODE_RESIDUAL, layer.MODE_HEAD)),
            "kernel3": random.randrange(2),
            "merge": 0,
            "repeat_drain": 0,
            "steps": random.randint(1, 9),
        } | fixed
        f.setdefault("in_block", random.randrange(3))
        f.setdefault("window", random.randint(0, f["in_block"]))
        block = 1 << f["in_block"]
        if "in_lines" not in f:
            f["in_lines"] = random.randint(1, self.capacity // (9 if f["kernel3"] else 1))
        total = f["in_lines"] * self.line_words // block  # words of a step, could it have all
        f["steps"] = min(f["steps"], total * block)
        blocks = 1 if f["repeat_drain"] else -(-f["steps"] // block)
        f.setdefault("in_step", random.randint(1, min(255, total // blocks)))
        room = min(255, f["in_step"])
        f.setdefault("in_words", random.randint(1, room))
        spare = total - (blocks - 1) * f["in_step"] - f["in_words"]
        f.setdefault("in_first", random.randint(0, min(255, spare)))
        if coin(0.8):  # mostly inside the table, up to its last entry
            f.setdefault("row_base", random.randrange(self.rows))
            f.setdefault("tap_rows", random.randrange(self.rows // 40))
            f.setdefault("step_rows", random.randrange(self.rows // 20))
        return layer.random_fields(**f)

    def taps(self, f: dict[str, int]) -> int:
        """Every border of an image comes up: the first or last row, column, both."""
        if not f["kernel3"]:
            return 1
        rows, columns = (random.choice((0b111, 0b110, 0b011, 0b010)) for _ in range(2))
        return sum(columns << 3 * y for y in range(3) if rows >> y & 1)

    async def start(self, f: dict[str, int]) -> None:
        self.set(start_i=1, layer_i=layer.pack_layer(f))
        await self.tick()
        self.set(start_i=0)
        await self.tick()

    async def run(
        self, f: dict[str, int], patches: list[Patch], stall: float, wait: int = 0
    ) -> int:
        """One layer; returns the cycles from its first line read to its last word. ``wait``: cycles
        before the first word is taken."""
        await self.start(f)
        items = deque(item for p in patches for item in p.items)
        todo, current, filled, wanted = deque(patches), None, 0, deque()
        read, line = None, None  # the line at the output of the RAM, and that of its register
        stalled, first, faults = None, None, (0, 0)
        await self.settle()
        while items or todo or current:
            if current is None and todo and coin(1 - stall):
                current = todo.popleft()
                filled, wanted = 0, deque(current.reads)
            self.noise("filled_i", "patch_taps_i")
            self.set(patch_valid_i=int(current is not None))
            if current:
                if stall == 0.0:
                    filled = len(current.lines)
                elif filled < len(current.lines) and coin(1 - stall):
                    filled += 1
                self.set(filled_i=filled, patch_taps_i=current.taps)
            ready = coin(1 - stall) and (not wait or (bool(first) and self.now - first >= wait))
            self.set(word_ready_i=int(ready))
            if line is None:
                self.noise("patch_line_i")
            else:
                self.set(patch_line_i=line)
            await self.settle()
            self.equal("parity_o, overrun_o", (self.get("parity_o"), self.get("overrun_o")), faults)
            faults = (0, 0)
            release = self.get("patch_release_o")
            if self.get("patch_advance_o"):
                self.check(read is not None, "a line moves on that was not read")
                line, read = read, None
            if self.get("patch_read_o"):
                self.check(read is None, "a line is read over one that has not moved on")
                self.check(current and wanted, "a line is read that is not needed")
                index = self.get("patch_index_o")
                self.equal("patch_index_o", index, wanted.popleft())
                self.check(index < filled, f"line {index} is read, {filled} are there")
                read = current.lines[index]
                first = first or self.now
                self.equal("patch_release_o", release, int(not wanted))
            elif release:
                self.check(False, "patch_release_o without the last read")
            if release:
                current = None
            if self.get("word_valid_o"):
                got = tuple(self.get(f"word_{n}_o") for n in ("bits", "row", "skew", "last"))
                self.check(stalled is None or stalled == got, "a word changed while it waited")
                stalled = None if ready else got
                if ready:
                    self.check(items, f"a word too many: {got}")
                    expected = items.popleft()
                    expected, faults = expected[:4], expected[4:]
                    if expected[1] is None:
                        got = (got[0], None, expected[2] and got[2], got[3])
                        self.empty += 1
                    self.equal("word (bits, row, skew, last)", got, expected)
                    self.wrong += faults[0]
                    self.beyond += faults[1]
                    self.words += 1
                    ended = self.now
            else:
                self.check(stalled is None, "a word that waited is gone")
            await self.tick()
        self.set(patch_valid_i=0, word_ready_i=1)
        for _ in range(4):
            self.noise("filled_i", "patch_taps_i", "layer_i", "patch_line_i")
            await self.settle()
            self.equal("word_valid_o after the last word", self.get("word_valid_o"), 0)
            self.equal("parity_o, overrun_o", (self.get("parity_o"), self.get("overrun_o")), faults)
            faults = (0, 0)
            self.equal("patch_read_o without a patch", self.get("patch_read_o"), 0)
            self.equal("patch_release_o without a patch", self.get("patch_release_o"), 0)
            await self.tick()
        return ended - first + 1


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, density=(0.05, 0.5, 1.0))
async def layers(dut, stall: float, density: float) -> None:
    """Layers of all kinds in turn; words before, after and between the steps must not count."""
    bench = await ScannerBench(dut).begun()
    for fixed in (
        {},
        {"merge": 1},
        {"repeat_drain": 1},
        {"kernel3": 1, "repeat_drain": 1, "steps": 4},
        {"kernel3": 1},
        {"kernel3": 0, "merge": 1, "mode": layer.MODE_HEAD},
        {"in_words": 1, "in_step": 1},
        {"in_block": 2, "window": 2, "steps": 4},
        {"in_block": 2, "window": 2, "steps": 7},
        {"in_block": 2, "window": 1, "steps": 7},
        {"in_block": 2, "window": 0, "steps": 6},
        {"in_block": 2, "window": 2, "steps": 1},
        {"kernel3": 0, "in_block": 0, "steps": 255, "in_step": 1, "in_lines": bench.capacity},
    ):
        f = bench.layer(**fixed)
        patches = [Patch(f, bench, bench.taps(f), density) for _ in range(3)]
        await bench.run(f, patches, stall)
    bench.check(bench.words > 20, "hardly a word")
    bench.equal("words with wrong parity", bench.wrong, 0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, density=(0.0, 0.2))
async def flips(dut, stall: float, density: float) -> None:
    """A flipped bit of a word or of its parity is reported, in silent words as well."""
    bench = await ScannerBench(dut).begun()
    for fixed in ({}, {"kernel3": 1}, {"merge": 1}, {"repeat_drain": 1}):
        f = bench.layer(**fixed)
        await bench.run(f, [Patch(f, bench, bench.taps(f), density, 1) for _ in range(4)], stall)
    bench.equal("words with wrong parity", bench.wrong, 16)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def beyond_the_table(dut) -> None:
    """The last row, the next, and sums of more than 16 bits; silent words have no row."""
    bench = await ScannerBench(dut).begun()
    fold, last = bench.lanes // bench.banks, bench.rows - 1
    plain = {"kernel3": 0, "steps": 1, "in_words": 2, "in_step": 2, "in_lines": 1, "in_first": 0}
    plain |= {"tap_rows": 0, "step_rows": 0, "in_block": 0, "window": 0}
    for fixed, taps, beyond in (
        ({"row_base": last + 1 - 2 * fold}, 1, 0),
        ({"row_base": last + 1 - fold}, 1, 1),
        ({"row_base": last + 1}, 1, 2),
        ({"row_base": 65535}, 1, 2),
        ({"row_base": 65536 - fold}, 1, 2),
        ({"row_base": 65535, "step_rows": 65535, "steps": 3, "in_step": 1}, 1, 6),
        ({"step_rows": 32768, "steps": 3, "in_step": 1, "row_base": 0}, 1, 4),
        ({"row_base": 0, "tap_rows": 16384, "kernel3": 1}, 511, 16),
        ({"row_base": 65535, "tap_rows": 65535, "kernel3": 1}, 511, 18),
    ):
        f = bench.layer(**plain | {"merge": 0, "repeat_drain": 0} | fixed)
        before = bench.beyond
        await bench.run(f, [Patch(f, bench, taps, 2.0)], 0.0)  # every bit set
        bench.equal(f"rows beyond, {fixed}", bench.beyond - before, beyond)
    f = bench.layer(**plain | {"row_base": 65535, "merge": 0, "repeat_drain": 0})
    await bench.run(f, [Patch(f, bench, 1, 0.0) for _ in range(3)], 0.0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=(0.0, 0.5))
async def every_border(dut, stall: float) -> None:
    """All sixteen masks of a 3x3 window at the borders; silent patches give one empty word each."""
    bench = await ScannerBench(dut).begun()
    f = bench.layer(kernel3=1, in_lines=bench.capacity // 9, steps=2, window=0)
    masks = [
        sum(columns << 3 * y for y in range(3) if rows >> y & 1)
        for rows in (0b111, 0b110, 0b011, 0b010)
        for columns in (0b111, 0b110, 0b011, 0b010)
    ]
    await bench.run(f, [Patch(f, bench, taps, 0.4) for taps in masks], stall)
    await bench.run(f, [Patch(f, bench, taps, 0.0) for taps in masks], stall)
    bench.check(bench.empty >= 32, "no empty words")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_word_per_cycle(dut) -> None:
    """Nothing stalls: one word, one line read per cycle, one cycle for a tap outside."""
    bench = await ScannerBench(dut).begun()
    words = min(250, bench.capacity * bench.line_words)
    plain = {"kernel3": 0, "in_lines": bench.capacity, "merge": 0, "repeat_drain": 0}
    for block in (0, 1, 2):  # of a block of steps all, or one after the other
        for window in range(block + 1):
            fixed = {"steps": 1 << block, "in_block": block, "window": window}
            n = words >> block
            f = bench.layer(**plain, **fixed, in_step=n, in_words=n)
            took = await bench.run(f, [Patch(f, bench, 1, 1.0) for _ in range(3)], 0.0)
            bench.equal("cycles of three patches: latency 5", took, 3 * (n << block - window) + 4)
            took = await bench.run(f, [Patch(f, bench, 1, 1.0)], 0.0, wait=12)
            bench.equal("cycles of a patch that has waited", took, 12 + (n << block - window))
    f = bench.layer(kernel3=1, steps=1, in_lines=1, in_step=1, in_words=1, in_block=0)
    for taps, cycles in ((0b111111111, 9), (0b000011011, 5), (0b110110000, 5)):
        took = await bench.run(f, [Patch(f, bench, taps, 1.0)], 0.0)
        bench.equal(f"cycles of taps {taps:09b}", took, cycles + 4)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def lines_wait_in_every_stage(dut) -> None:
    """Nobody takes a word: the line with the first word and one for each of the stages in front of
    it are read, also when each comes so late that the one before has long stopped."""
    bench = await ScannerBench(dut).begun()
    words = bench.line_words
    assert words >= 2, "a line with one word would leave the picker"
    f = bench.layer(kernel3=0, in_lines=8, steps=1, in_block=0, window=0, in_step=8 * words,
                    in_words=8 * words, in_first=0, merge=0, repeat_drain=0)  # fmt: skip
    await bench.start(f)
    bench.set(
        patch_valid_i=1,
        patch_taps_i=1,
        word_ready_i=0,
        patch_line_i=(1 << words * (bench.lanes + 1)) - 1,
    )
    read = 0
    for filled in range(6):
        bench.set(filled_i=filled)
        for _ in range(8):
            await bench.settle()
            read += bench.get("patch_read_o")
            await bench.tick()
        bench.equal(f"lines read of {filled}", read, min(filled, 3))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """Lines and words on their way are forgotten at once, and what they reported with them."""
    bench = await ScannerBench(dut).begun()
    for i in range(48):
        await bench.start(bench.layer(mode=layer.MODE_SPIKE))
        bench.set(patch_valid_i=1, filled_i=bench.capacity, patch_taps_i=511, word_ready_i=i % 2)
        for _ in range(1 + i % 8):
            bench.noise("patch_line_i")
            await bench.tick()
        await bench.check_reset("word_valid_o", "patch_advance_o", "parity_o", "overrun_o",
                                patch_valid_i=0)  # fmt: skip
        if i % 6 == 0:
            f = bench.layer(mode=layer.MODE_SPIKE)
            await bench.run(f, [Patch(f, bench, bench.taps(f), 0.5)], 0.0)
    bench.check("parity_o" in bench.fell, "nothing was reported")
    bench.check("word_valid_o" in bench.fell, "no word was there")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def key_value_is_not_its_business(dut) -> None:
    """Key-value patches belong to psf_key_value: no read, no word, no release."""
    bench = await ScannerBench(dut).begun()
    await bench.start(bench.layer() | {"mode": layer.MODE_KEY_VALUE})
    bench.set(patch_valid_i=1, filled_i=bench.capacity, patch_taps_i=511, word_ready_i=1)
    for _ in range(20):
        await bench.settle()
        for name in ("patch_read_o", "patch_advance_o", "patch_release_o", "word_valid_o"):
            bench.equal(name, bench.get(name), 0)
        await bench.tick()


@pytest.mark.long
@cases(
    {"Lanes": 8, "Banks": 4, "LineWords": 4, "PatchLines": 64, "RowDepth": 1024},
    {"Lanes": 4, "Banks": 4, "LineWords": 8, "PatchLines": 16, "RowDepth": 3000},
)
def test_scanner(parameters: dict[str, int]) -> None:
    run("psf_scanner", __name__, parameters)
