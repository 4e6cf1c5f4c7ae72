# SPDX-License-Identifier: Apache-2.0
"""The row-adds of K^T V, summed up as the lanes would, against numpy's K^T V per head.

Words that are not used (other blocks, V words of a token without K spike) have random parity.
"""

import random
from collections import deque

import cocotb
import numpy as np

from tb.lib import layer
from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

LANDING = 4  # cycles from an add until the drain may begin
QUIET = (
    "patch_read_o", "patch_advance_o", "patch_release_o", "add_valid_o", "complete_o", "parity_o",
    "overrun_o",
)  # fmt: skip


class Unit:
    """The patch of one unit: a line per token with m K words and m V words among garbage.

    A word of the unit is followed by those of the other timesteps that lie side by side.
    """

    def __init__(
        self, f: dict[str, int], bench: "KeyValueBench", density: float, flips: int = 0
    ) -> None:
        m, lanes, n = f["head_words"], bench.lanes, f["tokens"]
        block = 1 << f["in_block"]
        self.word = random.randrange(bench.line_words - (2 * m - 1) * block)
        at = slice(self.word, self.word + (2 * m - 1) * block + 1, block)
        words = np.array(
            [
                [[coin(0.5) for _ in range(lanes)] for _ in range(bench.line_words)]
                for _ in range(n)
            ],
            np.int64,
        )
        used = words[:, at]  # a view
        sparse = np.random.default_rng(random.getrandbits(32)).random(used.shape) < 2 * density
        used &= sparse
        if density == 1.0:
            used[:] = 1
        for token in range(n):
            if coin(0.2):
                used[token, : random.randint(1, m)] = 0  # silent K words
        parity = words.sum(2) & 1
        flipped = np.zeros((n, 2 * m), np.int64)
        for _ in range(flips):
            where = random.randrange(n), random.randrange(2 * m)
            flipped[where] ^= 1
            lane = random.randrange(lanes + 1)
            if lane < lanes:
                used[where][lane] ^= 1
            else:
                parity[where[0], self.word + where[1] * block] ^= 1
        k, v = used[:, :m].reshape(n, -1), used[:, m:].reshape(n, -1)
        # cycles with a wrong word: a K word in its first cycle, a V word in every one of its adds
        self.wrong = 0
        for token in range(n):
            for a in range(m):
                spikes = int(used[token, a].sum())
                bad = [flipped[token, m + b] for _ in range(spikes) for b in range(m)] or [0]
                bad[0] |= flipped[token, a]
                self.wrong += int(sum(bad))
            silent = not k[token].any()
            read = range(bench.line_words)[at][: m if silent else 2 * m]
            for i in set(range(bench.line_words)) - set(read):
                parity[token, i] = random.getrandbits(1)
        stored = np.concatenate((words, parity[:, :, None]), 2).reshape(n, -1)
        self.lines = [int("".join(map(str, line[::-1])), 2) for line in stored]
        self.nnz = int(k.sum())
        # accumulator i*m + b, lane p: sum over tokens of K[n, i] and V[n, b*P + p], same head only
        full = (k.T @ v).reshape(m * lanes, m, lanes)
        head = np.arange(lanes) >> f["head_lanes"]
        channel = np.arange(m * lanes) % lanes >> f["head_lanes"]
        self.counts = (full * (channel[:, None, None] == head)).reshape(-1, lanes)


class KeyValueBench(Bench):
    async def begin(self) -> None:
        self.lanes = self.width("add_bits_o")
        self.line_words = self.width("patch_line_i") // (self.lanes + 1)
        self.capacity = 1 << self.width("patch_index_o")
        self.accumulators = 1 << self.width("add_index_o")
        self.adds = self.both = self.wrong = self.overruns = 0
        await self.reset(
            start_i=0, layer_i=layer.garbage(), patch_valid_i=0, filled_i=0, patch_word_i=0,
            patch_line_i=0, reopen_i=0,
        )  # fmt: skip

    def layer(self, m: int, head_lanes: int, tokens: int) -> dict[str, int]:
        """With as many timesteps side by side as fit into a line, or fewer."""
        most = min(2, (self.line_words // (2 * m)).bit_length() - 1)
        return layer.random_fields(
            mode=layer.MODE_KEY_VALUE, head_words=m, head_lanes=head_lanes, tokens=tokens,
            in_block=random.randint(0, most),
        )  # fmt: skip

    async def start(self, f: dict[str, int]) -> None:
        self.set(start_i=1, layer_i=layer.pack_layer(f))
        await self.tick()
        self.set(start_i=0)

    async def run(self, f: dict[str, int], units: list[Unit], stall: float, slow: float) -> int:
        """One layer; returns the cycles from its first to its last row-add."""
        await self.start(f)
        todo, current, filled, wanted = deque(units), None, 0, 0
        acc = np.zeros((2, self.accumulators, self.lanes), np.int64)
        adds, added = [0, 0], [-LANDING, -LANDING]  # how many, the cycle of the last one
        done, first, last = 0, None, 0  # done: units drained
        read, line = None, None  # the line at the output of the RAM, and that of its register
        await self.settle()
        while done < len(units):
            complete = self.get("complete_o")
            for b in (0, 1):
                if complete >> b & 1:
                    unit = done + (done % 2 != b)
                    self.check(unit < len(units), f"buffer {b} complete after the last unit")
                    self.check(self.now - added[b] >= LANDING, f"buffer {b} complete too early")
                    u = units[unit]
                    self.equal(f"row-adds of unit {unit}", adds[b], u.nnz * f["head_words"])
                    n = len(u.counts)
                    wrong = np.argwhere(acc[b, :n] != u.counts)
                    self.check(not len(wrong), f"unit {unit}: accumulator, lane {wrong[:3]}")
                    self.check(not acc[b, n:].any(), f"unit {unit}: adds beyond {n}")
            self.both += complete == 3
            reopen = complete >> done % 2 & 1 and coin(1 - slow)
            self.set(reopen_i=1 << done % 2 if reopen else 0)
            if current is None and todo and coin(1 - stall):
                current, filled, wanted = todo.popleft(), 0, 0
            self.set(patch_valid_i=int(current is not None))
            self.noise("filled_i", "patch_word_i")
            if current:
                if stall == 0.0:
                    filled = f["tokens"]
                elif filled < f["tokens"] and coin(1 - stall):
                    filled += 1
                self.set(filled_i=filled, patch_word_i=current.word)
            if line is None:
                self.noise("patch_line_i")
            else:
                self.set(patch_line_i=line)
            await self.settle()
            release = self.get("patch_release_o")
            if self.get("patch_advance_o"):
                self.check(read is not None, "a line moves on that was not read")
                line, read = read, None
            if self.get("patch_read_o"):
                self.check(read is None, "a line is read over one that has not moved on")
                self.check(current, "a read without a patch")
                index = self.get("patch_index_o")
                self.equal("patch_index_o", index, wanted)
                self.check(index < filled, f"line {index} is read, {filled} are there")
                read, wanted = current.lines[index], wanted + 1
                self.equal("patch_release_o", release, int(wanted == f["tokens"]))
            else:
                self.equal("patch_release_o without a read", release, 0)
            if release:
                current = None
            # The lanes take an add at the end of this cycle; the drain must not be reading.
            if self.get("add_valid_o"):
                b, bits = self.get("add_buffer_o"), self.get("add_bits_o")
                self.check(not complete >> b & 1, f"an add to buffer {b}, which is complete")
                acc[b, self.get("add_index_o")] += [bits >> p & 1 for p in range(self.lanes)]
                adds[b], added[b] = adds[b] + 1, self.now
                self.adds += 1
                first, last = first or self.now, self.now
            if reopen:
                acc[done % 2], adds[done % 2] = 0, 0
                done += 1
            await self.tick()
            self.wrong += self.get("parity_o")
            self.overruns += self.get("overrun_o")
        self.check(not todo and current is None, "a unit is left")
        self.equal("cycles with wrong parity", self.wrong, sum(u.wrong for u in units))
        self.wrong = 0
        self.set(patch_valid_i=0, reopen_i=0)
        for _ in range(4):
            self.noise("filled_i", "patch_word_i", "patch_line_i")
            await self.settle()
            for name in QUIET:
                self.equal(f"{name} at the end", self.get(name), 0)
            await self.tick()
        return last - (first or 0) + 1

    def sizes(self) -> list[int]:
        """m for which a line and the accumulators suffice."""
        return [
            m
            for m in (1, 2, 4)
            if 2 * m <= self.line_words and m * m * self.lanes <= self.accumulators
        ]


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(
    (("stall", "slow"), [(0.0, 0.0), (0.5, 0.5), (0.9, 0.0), (0.0, 0.99)]),
)
async def units(dut, stall: float, slow: float) -> None:
    """Heads of less than, exactly and several words; odd and even numbers of units."""
    bench = await KeyValueBench(dut).begun()
    whole = bench.lanes.bit_length() - 1
    kinds = [(m, whole) for m in bench.sizes()] + [(1, h) for h in range(whole)]
    for count, (m, head_lanes) in enumerate(kinds, 2):
        tokens = random.choice((1, 2, 5, bench.capacity if stall < 0.9 else 6))
        f = bench.layer(m, head_lanes, tokens)
        density = random.choice((0.05, 0.2))
        await bench.run(f, [Unit(f, bench, density) for _ in range(count)], stall, slow)
    bench.check(bench.adds > 0, "not a single add")
    bench.check(bench.both or slow < 0.9, "never were both buffers complete")
    bench.equal("overruns", bench.overruns, 0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(density=(0.0, 0.2))
async def flips(dut, density: float) -> None:
    """A flipped bit of a K word is seen once, one of a V word in every add, else not at all."""
    bench = await KeyValueBench(dut).begun()
    wrong = 0
    for m in bench.sizes():
        f = bench.layer(m, bench.lanes.bit_length() - 1, 4)
        for flips in (1, 2, 3):
            units = [Unit(f, bench, density, flips) for _ in range(6)]
            await bench.run(f, units, 0.3, 0.3)
            wrong += sum(u.wrong for u in units)
    bench.check(wrong, "no flip counted")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def block_beyond_its_line(dut) -> None:
    """A block that fits exactly is fine; one that does not is reported for each of its lines."""
    bench = await KeyValueBench(dut).begun()
    for m in bench.sizes():
        for excess in range(min(3, 2 * m)):
            f = bench.layer(m, 0, 3)
            unit = Unit(f, bench, 0.0)
            size = ((2 * m - 1) << f["in_block"]) + 1
            unit.word, unit.lines, unit.wrong = bench.line_words - size + excess, [0, 0, 0], 0
            before = bench.overruns
            await bench.run(f, [unit], 0.0, 0.0)
            bench.equal(f"overruns, {excess} too far", bench.overruns - before, 3 * (excess > 0))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def silent(dut) -> None:
    """No K spike at all: every unit is completed all the same, with zeros."""
    bench = await KeyValueBench(dut).begun()
    for m in bench.sizes():
        f = bench.layer(m, bench.lanes.bit_length() - 1, 3)
        for slow in STALLS:
            await bench.run(f, [Unit(f, bench, 0.0) for _ in range(5)], 0.0, slow)
    bench.equal("row-adds", bench.adds, 0)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def one_add_per_cycle(dut) -> None:
    """A unit of K words that all fire: row-adds in consecutive cycles."""
    bench = await KeyValueBench(dut).begun()
    for m in bench.sizes():
        f = bench.layer(m, bench.lanes.bit_length() - 1, 6)
        unit = Unit(f, bench, 1.0)
        while unit.nnz != 6 * m * bench.lanes:
            unit = Unit(f, bench, 1.0)
        took = await bench.run(f, [unit], 0.0, 0.0)
        bench.equal("cycles", took, unit.nnz * m)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """Lines and adds on their way are forgotten at once."""
    bench = await KeyValueBench(dut).begun()
    for i in range(20):
        await bench.start(bench.layer(1, 0, bench.capacity))
        bench.set(patch_valid_i=1, filled_i=bench.capacity, patch_word_i=0)
        for _ in range(1 + i % 10):
            bench.noise("patch_line_i")
            await bench.tick()
        await bench.check_reset("add_valid_o", "complete_o", "patch_advance_o", "parity_o",
                                "overrun_o", patch_valid_i=0)  # fmt: skip
    bench.check({"add_valid_o", "patch_advance_o"} <= bench.fell, "nothing was on its way")


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def other_modes_are_not_its_business(dut) -> None:
    """Patches of other layers belong to psf_scanner."""
    bench = await KeyValueBench(dut).begun()
    for mode in (layer.MODE_SPIKE, layer.MODE_RESIDUAL, layer.MODE_HEAD):
        await bench.start(bench.layer(1, 0, 3) | {"mode": mode})
        bench.set(patch_valid_i=1, filled_i=bench.capacity)
        for _ in range(10):
            bench.noise("patch_word_i", "patch_line_i")
            await bench.settle()
            for name in QUIET:
                bench.equal(name, bench.get(name), 0)
            await bench.tick()


@cases(
    {"Lanes": 8, "LineWords": 8, "PatchLines": 16, "AccDepth": 128},
    {"Lanes": 16, "LineWords": 4, "PatchLines": 64, "AccDepth": 64},
)
def test_key_value(parameters: dict[str, int]) -> None:
    run("psf_key_value", __name__, parameters)
