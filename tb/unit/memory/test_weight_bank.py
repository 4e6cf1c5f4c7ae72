# SPDX-License-Identifier: Apache-2.0
"""psf_weight_bank: rows come out whole and in order, at full rate, and the grant promise holds."""

import random
from collections import deque

import cocotb
import pytest

from tb.lib.bench import HIDDEN, Bench
from tb.lib.memories import stored_words
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

LATENCY = 5


class WeightBankBench(Bench):
    """Memories as Python lists; expected words per request, in order."""

    async def begin(self, lengths) -> None:
        self.groups = PARAMETERS["Groups"]
        self.depth = PARAMETERS["BankDepth"]
        self.row_depth = PARAMETERS["RowDepth"]
        d = len(self.dut.word_waddr_i)
        self.word_bits, self.data_bits = d, len(self.dut.word_wdata_i)
        self.noise("req_group_i", "req_row_i", "req_tag_i", "row_wdata_i", "word_wdata_i")
        await self.reset(req_valid_i=0, row_we_i=0, word_we_i=0, out_ready_i=0)
        self.rows, self.words = [], [random.getrandbits(self.data_bits) for _ in range(self.depth)]
        for a in range(max(self.depth, self.row_depth)):
            if a < self.depth:
                self.set(word_waddr_i=a, word_wdata_i=self.words[a])
            if a < self.row_depth:
                length = random.choice(lengths)
                start = random.choice(
                    [0, self.depth - length, random.randint(0, self.depth - length)]
                )
                shift = random.randrange(16)
                self.rows.append((start, length, shift))
                self.set(row_waddr_i=a, row_wdata_i=shift << (d + 8) | length << d | start)
            self.set(word_we_i=int(a < self.depth), row_we_i=int(a < self.row_depth))
            await self.tick()
        self.set(word_we_i=0, row_we_i=0)
        self.expect, self.held, self.taken = [], None, 0
        self.granted: deque[tuple[int, ...]] = deque()  # cycle of the request; group, row, tag
        self.delays, self.parities = (1, 2), 0

    def row_words(self, row: int) -> list[int]:
        """The words that a row gives, whatever is in its entry."""
        start, length, _ = self.rows[row if row < self.row_depth else 0]
        addresses = [start]
        while len(addresses) < (length or 256):
            last = addresses[-1] == self.depth - 1
            addresses.append(0 if last else (addresses[-1] + 1) % (1 << self.word_bits))
        return [self.words[a if a < self.depth else 0] for a in addresses]

    async def write_row(self, row: int, start: int, length: int, shift: int) -> None:
        self.rows[row] = (start, length, shift)
        d = self.word_bits
        self.set(row_waddr_i=row, row_wdata_i=shift << (d + 8) | length << d | start, row_we_i=1)
        await self.tick()
        self.set(row_we_i=0)

    async def row(self, row: int, stall: float = 0.0) -> int:
        """One row alone, to its last word; returns the number of parity errors."""
        before = self.parities
        while not await self.step(True, True, row):
            pass
        await self.step(False, False)
        while self.expect or self.granted:
            await self.step(False, random.random() >= stall)
        for _ in range(3):
            await self.step(False, True)
        return self.parities - before

    async def step(self, grant: bool, ready: bool, row: int | None = None) -> bool:
        """One cycle: maybe a grant (its request follows one or two later); True if granted."""
        self.noise("req_group_i", "req_row_i", "req_tag_i", "row_wdata_i", "word_wdata_i")
        request = bool(self.granted) and self.granted[0][0] == self.now
        self.set(req_valid_i=int(request))
        if request:
            _, group, asked, tag = self.granted.popleft()
            self.set(req_group_i=group, req_row_i=asked, req_tag_i=tag)
            shift = self.rows[asked if asked < self.row_depth else 0][2]
            words = self.row_words(asked)
            for i, word in enumerate(words):
                self.expect.append((self.now, group, tag, shift, i == len(words) - 1, word))
        self.set(out_ready_i=int(ready))
        await self.settle()
        self.parities += self.get("parity_o")
        out = None
        if self.get("out_valid_o"):
            names = ("out_group_o", "out_tag_o", "out_shift_o", "out_last_o", "out_data_o")
            out = tuple(self.get(n) for n in names)
            assert self.expect, f"a word that nobody requested, {self.where()}"
            cycle, *want = self.expect[0]
            assert out == tuple(want), f"expected {want}, got {out}, {self.where()}"
            assert self.now >= cycle + LATENCY
            if ready:
                self.expect.pop(0)
                self.taken += 1
        if self.held is not None:
            assert out == self.held, f"a word did not hold, {self.where()}"
        self.held = out if out is not None and not ready else None
        grant = bool(grant and self.get("ready_o"))
        if grant:
            if row is None:
                row = random.choice([0, self.row_depth - 1, random.randrange(self.row_depth)])
            tag = random.getrandbits(self.width("req_tag_i"))
            due = self.now + random.choice(self.delays)
            if self.granted:
                due = max(due, self.granted[-1][0] + 1)
            self.granted.append((due, random.randrange(self.groups), row, tag))
        await self.tick()
        return grant

    async def drain(self) -> None:
        for _ in range(200):
            await self.step(False, True)
        assert not self.expect, f"{len(self.expect)} words are missing, {self.where()}"
        assert self.parities == 0, f"parity error without a cause, {self.where()}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(idle=STALLS, stall=STALLS)
async def random_rows(dut, idle: float, stall: float) -> None:
    bench = await WeightBankBench(dut).begun([1, 1, 1, 2, 3, 5])
    for _ in range(250):
        await bench.step(random.random() >= idle, random.random() >= stall)
    await bench.drain()
    assert bench.taken > 5


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(length=[1, 2, 3, 7], delay=[1, 2])
async def no_bubble(dut, length: int, delay: int) -> None:
    """A grant every `length` cycles: always ready, and after the latency a word every cycle."""
    bench = await WeightBankBench(dut).begun([length])
    bench.delays = (delay,)
    await bench.step(False, True)
    for t in range(20 * length):
        assert await bench.step(t % length == 0, True) == (t % length == 0), bench.where()
    await bench.step(False, True)  # the last request may still be on its way
    assert bench.taken == 20 * length - LATENCY - (delay - 1), (bench.taken, bench.where())
    await bench.drain()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def no_bubble_behind_a_stall(dut) -> None:
    """While the output waits the next word is read: then they come in consecutive cycles."""
    bench = await WeightBankBench(dut).begun([1])
    for waiting in (2, 3, 4):
        for _ in range(waiting):
            while not await bench.step(True, False):
                pass
            for _ in range(12):  # so that the next one comes amid the stall
                await bench.step(False, False)
        before = bench.taken
        for _ in range(waiting):
            await bench.step(False, True)
        assert bench.taken == before + waiting, bench.where()
    await bench.drain()


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def longest_row(dut) -> None:
    """A row over the whole memory (up to 255 words)."""
    longest = min(255, PARAMETERS["BankDepth"])
    bench = await WeightBankBench(dut).begun([longest])
    for _ in range(10):
        await bench.step(True, True)
    await bench.step(False, True)
    for _ in range(10 * bench.depth):
        await bench.step(False, True)
    await bench.drain()
    assert bench.taken >= 4 * longest


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def resets(dut) -> None:
    """Requests, rows and words on their way are forgotten at once."""
    bench = await WeightBankBench(dut).begun([1, 3])
    for i in range(16):
        for _ in range(2 + i % 9):
            await bench.step(True, i % 2 == 0)
        await bench.check_reset("out_valid_o", "parity_o", req_valid_i=0)
        bench.expect, bench.held = [], None
        bench.granted.clear()
    assert "out_valid_o" in bench.fell
    while not await bench.step(True, True):  # and it works as before
        pass
    await bench.drain()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def garbage_entries(dut) -> None:
    """Length 0, rows over the end of the bank, rows that the table does not have: bounded."""
    bench = await WeightBankBench(dut).begun([1, 3])
    d = 1 << bench.word_bits
    entries = [(0, 0), (d - 1, 0), (d - 1, 255), (bench.depth - 1, 2), (bench.depth // 2, 255)]
    entries += [(random.randrange(d), random.randrange(256)) for _ in range(5)]
    for i, (start, length) in enumerate(entries):
        await bench.write_row(i, start, length, i % 16)
        await bench.row(i, random.choice(STALLS))
    for row in range(bench.row_depth, 1 << len(dut.req_row_i)):
        await bench.row(row)
    assert bench.taken > 1000
    await bench.drain()


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
@cocotb.parametrize(stall=STALLS)
async def flips(dut, stall: float) -> None:
    """Every bit of a word or an entry: an error when it is used, and only then."""
    bench = await WeightBankBench(dut).begun([3])
    rows, words = stored_words(dut.u_rows), stored_words(dut.u_words)
    row, other, start = 1, 2, bench.depth // 2
    await bench.write_row(row, start, 3, 5)
    await bench.write_row(other, start - 4, 4, 6)  # up to the word before
    for bit in range(bench.data_bits + 1):
        addr = start + bit % 3
        good, plain = int(words[addr].value), bench.words[addr]
        words[addr].value = good ^ 1 << bit
        bench.words[addr] ^= (1 << bit) & ((1 << bench.data_bits) - 1)
        assert await bench.row(other, stall) == 0, (bit, bench.where())
        assert await bench.row(row, stall) == 1, (bit, bench.where())
        words[addr].value, bench.words[addr] = good, plain
    good, plain = int(rows[row].value), bench.rows[row]
    d = bench.word_bits
    for bit in range(d + 14):  # {parity, a single word, shift, length - 1, address}
        bad = good ^ 1 << bit
        rows[row].value = bad
        length = 1 if bad >> (d + 12) & 1 else bad >> d & 255 or 256
        length += not bad >> (d + 12) & 1  # of no words left: once around
        bench.rows[row] = (bad & ((1 << d) - 1), length, bad >> (d + 8) & 15)
        assert await bench.row(other, stall) == 0, (bit, bench.where())
        assert await bench.row(row, stall) == 1, (bit, bench.where())
    rows[row].value, bench.rows[row] = good, plain
    assert await bench.row(row, stall) == 0
    bench.parities = 0
    await bench.drain()


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def waiting_requests(dut) -> None:
    """A request whose parity flips while it waits: an error at its turn, the row as ever."""
    bench = await WeightBankBench(dut).begun([2])
    memory = dut.u_requests.u_words.mem
    for entry in range(len(memory)):
        while await bench.step(True, False) or bench.granted:  # until there is no room
            pass
        word = memory[entry]
        word.value = int(word.value) ^ 1 << len(word) - 1
        await bench.settle()
        before, waiting = bench.parities, int(dut.count_q.value)
        assert waiting > 2, bench.where()
        for _ in range(60):
            await bench.step(False, True)
        last = (int(dut.u_requests.read_q.value) - 1) % len(memory)
        used = (last - entry) % len(memory) < waiting  # whether it was one of those that waited
        assert bench.parities - before == used, bench.where()
        bench.parities = 0
    await bench.drain()


@pytest.mark.long
@cases(
    {"Groups": 4, "Lanes": 4, "AccDepth": 8, "BankDepth": 50, "RowDepth": 21, "TagWidth": 5},
    {"Groups": 2, "Lanes": 4, "AccDepth": 8, "BankDepth": 64, "RowDepth": 16, "TagWidth": 1},
)
def test_weight_bank(parameters: dict[str, int]) -> None:
    run("psf_weight_bank", __name__, parameters)
