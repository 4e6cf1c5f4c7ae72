# SPDX-License-Identifier: Apache-2.0
"""The scanner against three nested loops: which words leave, with which row, skew and last flag."""

import random
from collections import deque

import cocotb

from tb.lib import layer
from tb.lib.clocked import STALLS, Clocked, coin, word


class Patch:
    """The lines of one token as patch_fetch stores them, and what must come out of them."""

    def __init__(self, f: dict[str, int], bench: "Bench", taps: int, density: float) -> None:
        self.taps = taps
        lanes, line_words = bench.lanes, bench.line_words
        pixels = taps.bit_count() if f["kernel3"] else 1
        words = [
            [
                word(lanes, 0.4) or 1 if coin(density) else 0
                for _ in range(f["in_lines"] * line_words)
            ]
            for _ in range(pixels)
        ]
        self.lines = [
            sum(w << i * lanes for i, w in enumerate(pixel[line : line + line_words]))
            for pixel in words
            for line in range(0, len(pixel), line_words)
        ]
        # (bits, row, skew, last); row and skew of an empty word do not matter
        self.items: list[tuple[int, int | None, int | None, int]] = []
        self.reads: list[int] = []
        accumulation: list[tuple[int, int, int]] = []
        scanned = 1 if f["repeat_drain"] else f["steps"]
        for t in range(scanned):
            first = f["in_first"] + t * f["in_step"]
            last = first + f["in_words"] - 1
            for place, tap in enumerate(i for i in range(9) if taps >> i & 1):
                base = place * f["in_lines"]
                self.reads += range(base + first // line_words, base + last // line_words + 1)
                for j in range(f["in_words"]):
                    row = f["row_base"] + t * f["step_rows"] + tap * f["tap_rows"]
                    row += j * (lanes // bench.banks)
                    if bits := words[place][first + j]:
                        accumulation.append((bits, row % bench.rows, tap % bench.banks))
            if not f["merge"] or t == scanned - 1:
                if not accumulation:
                    self.items.append((0, None, None, 1))
                for i, item in enumerate(accumulation):
                    self.items.append((*item, int(i == len(accumulation) - 1)))
                accumulation = []


class Bench(Clocked):
    async def begin(self) -> None:
        self.lanes = self.width("word_bits_o")
        self.banks = 1 << self.width("word_skew_o")
        self.line_words = self.width("patch_line_i") // self.lanes
        self.capacity = 1 << self.width("patch_index_o")
        self.rows = 1 << self.width("word_row_o")
        self.words = self.empty = 0
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
            "steps": random.randint(1, 5),
        } | fixed
        if "in_lines" not in f:
            f["in_lines"] = random.randint(1, self.capacity // (9 if f["kernel3"] else 1))
        total = f["in_lines"] * self.line_words
        f["steps"] = min(f["steps"], total)
        scanned = 1 if f["repeat_drain"] else f["steps"]
        f.setdefault("in_step", random.randint(1, min(255, total // scanned)))
        room = min(255, f["in_step"])
        f.setdefault("in_words", random.randint(1, room))
        spare = total - (scanned - 1) * f["in_step"] - f["in_words"]
        f.setdefault("in_first", random.randint(0, min(255, spare)))
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

    async def run(self, f: dict[str, int], patches: list[Patch], stall: float) -> int:
        """One layer; returns the cycles from its first line read to its last word."""
        await self.start(f)
        items = deque(item for p in patches for item in p.items)
        todo, current, filled, wanted = deque(patches), None, 0, deque()
        line, stalled, first = None, None, None
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
            ready = coin(1 - stall)
            self.set(word_ready_i=int(ready))
            if line is None:
                self.noise("patch_line_i")
            else:
                self.set(patch_line_i=line)
            await self.settle()
            release = self.get("patch_release_o")
            if self.get("patch_read_o"):
                self.check(current and wanted, "a line is read that is not needed")
                index = self.get("patch_index_o")
                self.equal("patch_index_o", index, wanted.popleft())
                self.check(index < filled, f"line {index} is read, {filled} are there")
                line = current.lines[index]
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
                    if expected[1] is None:
                        got = (got[0], None, None, got[3])
                        self.empty += 1
                    self.equal("word (bits, row, skew, last)", got, expected)
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
            self.equal("patch_read_o without a patch", self.get("patch_read_o"), 0)
            self.equal("patch_release_o without a patch", self.get("patch_release_o"), 0)
            await self.tick()
        return ended - first + 1


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, density=(0.05, 0.5, 1.0))
async def layers(dut, stall: float, density: float) -> None:
    """Layers of all kinds in turn; words before, after and between the steps must not count."""
    bench = Bench(dut)
    await bench.begin()
    for fixed in (
        {},
        {"merge": 1},
        {"repeat_drain": 1},
        {"kernel3": 1, "repeat_drain": 1, "steps": 4},
        {"kernel3": 1},
        {"kernel3": 0, "merge": 1, "mode": layer.MODE_HEAD},
        {"in_words": 1, "in_step": 1},
    ):
        f = bench.layer(**fixed)
        patches = [Patch(f, bench, bench.taps(f), density) for _ in range(3)]
        await bench.run(f, patches, stall)
    bench.check(bench.words > 20, "hardly a word")


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=(0.0, 0.5))
async def every_border(dut, stall: float) -> None:
    """All sixteen masks of a 3x3 window at the borders; silent patches give one empty word each."""
    bench = Bench(dut)
    await bench.begin()
    f = bench.layer(kernel3=1, in_lines=bench.capacity // 9, steps=2)
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
    bench = Bench(dut)
    await bench.begin()
    words = min(250, bench.capacity * bench.line_words)
    f = bench.layer(kernel3=0, steps=1, in_lines=bench.capacity, in_step=words, in_words=words)
    took = await bench.run(f, [Patch(f, bench, 1, 1.0) for _ in range(3)], 0.0)
    bench.equal("cycles of three patches: latency 3", took, 3 * words + 2)
    f = bench.layer(kernel3=1, steps=1, in_lines=1, in_step=1, in_words=1)
    for taps, cycles in ((0b111111111, 9), (0b000011011, 5), (0b110110000, 5)):
        took = await bench.run(f, [Patch(f, bench, taps, 1.0)], 0.0)
        bench.equal(f"cycles of taps {taps:09b}", took, cycles + 2)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def key_value_is_not_its_business(dut) -> None:
    """Key-value patches belong to psf_key_value: no read, no word, no release."""
    bench = Bench(dut)
    await bench.begin()
    await bench.start(bench.layer() | {"mode": layer.MODE_KEY_VALUE})
    bench.set(patch_valid_i=1, filled_i=bench.capacity, patch_taps_i=511, word_ready_i=1)
    for _ in range(20):
        await bench.settle()
        for name in ("patch_read_o", "patch_release_o", "word_valid_o"):
            bench.equal(name, bench.get(name), 0)
        await bench.tick()
