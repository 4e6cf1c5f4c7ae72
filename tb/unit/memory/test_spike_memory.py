# SPDX-License-Identifier: Apache-2.0
"""psf_spike_memory with psf_pool: reads are right, writes are there when busy_o falls.

Lines are in three parts: groups read the first, write the second, the loader writes the third.
"""

import random

import cocotb
import pytest

from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import pack, unpack
from tb.lib.load import spread_lines
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run


class SpikeMemoryBench(Bench):
    """The memory as a list of lines; what is accepted is applied at once."""

    async def begin(self) -> None:
        self.groups = PARAMETERS["Groups"]
        self.lanes = PARAMETERS["Lanes"]
        self.line_words = PARAMETERS["LineWords"]
        self.depth = PARAMETERS["SpikeLines"]
        self.spread = spread_lines(PARAMETERS)
        self.addr_bits, self.line_bits = len(self.dut.ld_addr_i), len(self.dut.ld_data_i)
        self.payload = [
            "rd_addr_i", "wr_addr_i", "wr_words_i", "wr_data_i", "wr_right_i", "wr_down_i",
            "ld_spread_i", "ld_addr_i", "ld_words_i", "ld_data_i", "clear_base_i", "clear_count_i",
        ]  # fmt: skip
        self.noise(*self.payload)
        await self.reset(rd_valid_i=0, wr_valid_i=0, ld_valid_i=0, clear_start_i=0, pool_i=0,
                         pair_i=0)  # fmt: skip
        self.lines = [0] * self.depth
        self.pool, self.pool_lines, self.row_lines = 0, 0, 0
        self.pair = 0
        self.asked = {}  # group: (address, line) of the reads accepted in the last cycle
        self.must_be_busy, self.served, self.written = False, [0] * self.groups, [0] * self.groups
        self.overruns = self.parities = 0  # pulses seen
        self.skipped = False  # a target or a line to clear was beyond the end
        self.flip = {}  # address: stored bits that the bench has changed
        for a in range(self.depth):
            line = random.getrandbits(self.line_bits)
            while not (await self.cycle_with(load=(a, (1 << self.line_words) - 1, line)))[2]:
                pass

    def mask(self, words: int) -> int:
        ones = (1 << self.lanes) - 1
        return sum(ones << (w * self.lanes) for w in range(self.line_words) if words >> w & 1)

    def stored(self, line: int) -> int:
        """The line with a parity bit above every word."""
        words = unpack(line, self.lanes, self.line_words)
        return pack([w | (w.bit_count() & 1) << self.lanes for w in words], self.lanes + 1)

    def expected(self, addr: int) -> int | None:
        """What a read gives; beyond the end something that is not compared."""
        if addr >= self.depth:
            return None
        return self.stored(self.lines[addr]) ^ self.flip.get(addr, 0)

    def targets(self, addr: int, right: int, down: int) -> list[int]:
        if not self.pool:
            return [addr]
        if self.pair:
            right, down = 1, 0
        every = [
            addr + x * self.pool_lines + y * self.row_lines
            for x in range(1 + right)
            for y in range(1 + down)
        ]
        inside = [a for a in every if a < self.depth]
        self.skipped |= inside != every
        return inside

    def half(self, data: int, upper: bool) -> int:
        """The lower half of the lanes of every word, or the upper half in its place."""
        half = self.lanes // 2
        words = unpack(data, self.lanes, self.line_words)
        return pack([w >> half * upper & (1 << half) - 1 for w in words], self.lanes)

    async def cycle_with(self, reads=None, writes=None, load=None, clear=None):
        """reads {g: addr}, writes {g: (addr, words, data, right, down)}, load (addr, words, data,
        and 1 if it is spread), clear (base, count). Returns accepted (reads, writes, load)."""
        reads, writes = reads or {}, writes or {}
        self.noise(*self.payload)
        self.set(pool_i=self.pool, pool_lines_i=self.pool_lines, pool_row_lines_i=self.row_lines)
        self.set(pair_i=self.pair if self.pool else random.getrandbits(1))
        self.set(rd_valid_i=sum(1 << g for g in reads))
        if reads:
            junk = [random.getrandbits(self.addr_bits) for _ in range(self.groups)]
            self.put(
                "rd_addr_i", [reads.get(g, junk[g]) for g in range(self.groups)], self.addr_bits
            )
        self.set(wr_valid_i=sum(1 << g for g in writes))
        if writes:
            sizes = (self.addr_bits, self.line_words, self.line_bits, 1, 1)
            full = [
                writes.get(g) or [random.getrandbits(n) for n in sizes] for g in range(self.groups)
            ]
            names = ("wr_addr_i", "wr_words_i", "wr_data_i", "wr_right_i", "wr_down_i")
            for k, name in enumerate(names):
                self.put(name, [f[k] for f in full], sizes[k])
        self.set(ld_valid_i=int(load is not None))
        if load:
            addr, words, data, *spread = load
            self.set(ld_spread_i=sum(spread), ld_addr_i=addr, ld_words_i=words, ld_data_i=data)
        self.set(clear_start_i=int(clear is not None))
        if clear:
            self.set(clear_base_i=clear[0], clear_count_i=clear[1])
        await self.settle()

        valid = self.get("rsp_valid_o")
        assert valid == sum(1 << g for g in self.asked), f"{valid:b} {self.asked} {self.where()}"
        data = self.dut.rsp_data_o.value  # of groups that did not ask it may be undefined
        for group, (addr, line) in self.asked.items():
            bits = self.line_words * (self.lanes + 1)
            if line is None:
                continue
            got = int(data[(group + 1) * bits - 1 : group * bits])
            assert got == line, (
                f"group {group} line {addr}: expected {line:x}, got {got:x}, {self.where()}"
            )
        overrun, parity = self.get("overrun_o"), self.get("parity_o")
        self.overruns, self.parities = self.overruns + overrun, self.parities + parity
        assert self.skipped or not overrun, f"overrun without a cause, {self.where()}"
        assert self.flip or not parity, f"parity without a cause, {self.where()}"
        busy = self.get("busy_o")
        assert busy or not self.must_be_busy, f"not busy after a write, {self.where()}"

        read = self.get("rd_ready_o") & sum(1 << g for g in reads)
        wrote = self.get("wr_ready_o") & sum(1 << g for g in writes)
        loaded = bool(load and self.get("ld_ready_o"))
        assert wrote & (wrote - 1) == 0
        banks = [addr % self.groups for g, addr in reads.items() if read >> g & 1]
        assert len(banks) == len(set(banks)), f"two reads of one bank, {self.where()}"
        if self.pair or not self.pool:  # nobody else reads: every bank that is asked for serves one
            assert set(banks) == {addr % self.groups for addr in reads.values()}
        self.asked = {}
        for g in reads:
            if read >> g & 1:
                self.asked[g] = reads[g], self.expected(reads[g])
                self.served[g] += 1
        for g in writes:
            if wrote >> g & 1:
                self.written[g] += 1
                addr, words, data, right, down = writes[g]
                m = self.mask(words)
                for a in self.targets(addr, right, down):
                    old, new = self.lines[a], data
                    if self.pair:
                        new = self.half(data, a != addr)
                    kept = old & m if self.pool and not self.pair else 0
                    self.lines[a] = (old & ~m) | kept | (new & m)
        if loaded and len(load) == 4:
            m = self.mask(1)
            for i, word in enumerate(unpack(load[2], self.lanes, self.spread)):
                self.lines[load[0] + i] = (self.lines[load[0] + i] & ~m) | word
        elif loaded:
            m = self.mask(load[1])
            self.lines[load[0]] = (self.lines[load[0]] & ~m) | (load[2] & m)
        if clear:
            assert not busy
            for a in range(clear[0], min(clear[0] + clear[1], self.depth)):
                self.lines[a] = 0
            self.skipped |= clear[1] > 0 and clear[0] + clear[1] > self.depth
        self.must_be_busy = bool(wrote or (clear and clear[1]))
        await self.tick()
        return read, wrote, loaded

    async def quiet(self) -> int:
        """Wait until busy_o is low at the start of a cycle; returns the cycles waited."""
        for n in range(4 * self.depth):
            await self.settle()
            if not self.get("busy_o"):
                return n
            await self.cycle_with()
        raise AssertionError(f"busy_o stays high, {self.where()}")

    async def compare(self, first=()) -> None:
        """Read every line, those in ``first`` first, beginning in this very cycle."""
        todo = [*first, *range(self.depth)]
        while todo:
            g = random.randrange(self.groups)
            if (await self.cycle_with(reads={g: todo[0]}))[0]:
                todo.pop(0)
        await self.cycle_with()


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(kind=["plain", "pool", "pair"], idle=STALLS)
async def random_traffic(dut, kind: str, idle: float) -> None:
    bench = await SpikeMemoryBench(dut).begun()
    pool, bench.pair = int(kind != "plain"), int(kind == "pair")
    third = bench.depth // 3
    bench.pool, bench.pool_lines, bench.row_lines = pool, random.choice([1, 2]), 3
    reach = bench.pool_lines + bench.row_lines if pool else 0
    if pool:
        await bench.cycle_with(clear=(third, third - 1))
    reads, writes, load, recent = {}, {}, None, []
    cycles = 0
    while cycles < 200 or sum(bench.written) <= 15 or sum(bench.served) <= 60:
        cycles += 1
        for g in range(bench.groups):
            if g not in reads and random.random() >= idle:
                reads[g] = random.randrange(third)
            if g not in writes and random.random() >= idle:
                addr = third + random.randrange(random.choice([2, third - reach]))
                words = random.choice(
                    [1 << random.randrange(bench.line_words), random.getrandbits(bench.line_words)]
                )
                data = random.getrandbits(bench.line_bits) & random.getrandbits(bench.line_bits)
                writes[g] = (addr, words, data, random.getrandbits(1), random.getrandbits(1))
        if load is None and random.random() >= idle:
            words = random.getrandbits(bench.line_words)
            load = (2 * third + random.randrange(third), words, random.getrandbits(bench.line_bits))
            if random.random() < 0.4:
                row = random.randrange(-(-2 * third // bench.spread), bench.depth // bench.spread)
                load = (row * bench.spread, 1, load[2], 1)
        read, wrote, loaded = await bench.cycle_with(reads, writes, load)
        reads = {g: a for g, a in reads.items() if not read >> g & 1}
        recent = [w[0] for g, w in writes.items() if wrote >> g & 1] or recent
        writes = {g: w for g, w in writes.items() if not wrote >> g & 1}
        load = None if loaded else load
    served = list(bench.served)
    await bench.quiet()
    await bench.compare(recent)
    if idle == 0.0:  # fair
        assert max(bench.written) - min(bench.written) <= 1, bench.written
        assert min(served) > 0.7 * max(served), served


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(same=[True, False])
async def pool_back_to_back(dut, same: bool) -> None:
    """Four targets a line: one cycle each if they differ, three each on one and the same word."""
    bench = await SpikeMemoryBench(dut).begun()
    bench.pool, bench.pool_lines, bench.row_lines = 1, (0 if same else 1), (0 if same else 2)
    await bench.cycle_with(clear=(0, 4))
    await bench.quiet()
    begin = bench.now
    for i in range(12):
        word = 0 if same else i % bench.line_words
        write = (0, 1 << word, 1 << (word * bench.lanes + i % bench.lanes), 1, 1)
        while not (await bench.cycle_with(writes={i % bench.groups: write}))[1]:
            pass
    await bench.quiet()
    spent = bench.now - begin
    assert spent <= 12 * 4 * (3 if same else 1) + 4, spent
    await bench.compare([0, 1, 2, 3])
    assert bench.lines[0] != 0


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def pairs_back_to_back(dut) -> None:
    """Two cycles a line, however often the same lines come, and nothing is read for it."""
    bench = await SpikeMemoryBench(dut).begun()
    bench.pool, bench.pair, bench.pool_lines = 1, 1, 1
    begin, whole = bench.now, (1 << bench.line_words) - 1
    for i in range(12):
        write = (2 * i, whole, random.getrandbits(bench.line_bits), 0, 0)
        while not (await bench.cycle_with(writes={i % bench.groups: write}))[1]:
            pass
    await bench.quiet()
    assert bench.now - begin <= 12 * 2 + 4, bench.now - begin
    await bench.compare(list(range(24)))


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def clear_first(dut) -> None:
    """Lines are zeroed one per cycle, none too many; writes in the next cycle wait for that."""
    bench = await SpikeMemoryBench(dut).begun()
    bench.pool, bench.pool_lines, bench.row_lines = 1, 1, 3
    for base, count in ((0, bench.depth), (5, 1), (bench.depth - 1, 1), (2, 0), (7, 4)):
        before = list(bench.lines)
        await bench.cycle_with(clear=(base, count))
        waited = await bench.quiet()
        assert waited <= count + 2, (waited, count)
        assert bench.lines[:base] == before[:base]
        for a in range(bench.depth):
            line = random.getrandbits(bench.line_bits) | 1
            load = (a, (1 << bench.line_words) - 1, line)
            while not (await bench.cycle_with(load=load))[2]:
                pass
        await bench.cycle_with()
    for last in (4, 5, 9):  # the line that is cleared last is also the first to be written
        await bench.cycle_with(clear=(4, last - 3))
        write = (last, 1, random.getrandbits(bench.line_bits) | 1, 0, 0)
        while not (await bench.cycle_with(writes={0: write}))[1]:
            pass
        await bench.quiet()
        await bench.compare([last])


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def targets_beyond_the_end(dut) -> None:
    """Any address and any distance: targets in the memory are pooled, the others reported."""
    bench = await SpikeMemoryBench(dut).begun()
    bench.pool = 1
    every = (1 << bench.line_words) - 1
    for i in range(60):
        bench.pool_lines = random.choice([1, 255, random.randrange(256), bench.depth])
        rows = [1, 0xFFFF, 0xFFFF + 1 - bench.depth, random.randrange(bench.depth), bench.depth]
        bench.row_lines = random.choice([*rows, 0x10000 - random.randrange(1, 300)])
        addr = random.randrange(1 << bench.addr_bits)
        if i == 0:  # the last line and the one behind it
            addr, bench.pool_lines, bench.row_lines = bench.depth - 2, 1, 2
        elif i == 1:  # 16 bits come back to the first lines
            addr, bench.pool_lines, bench.row_lines = 4, 1, 0xFFFD
        bench.skipped, before = False, bench.overruns
        write = (addr, every, random.getrandbits(bench.line_bits), 1, 1)
        while not (await bench.cycle_with(writes={i % bench.groups: write}))[1]:
            pass
        await bench.quiet()
        await bench.cycle_with()
        assert (bench.overruns > before) == bench.skipped, bench.where()
        assert bench.skipped or i > 1
    bench.skipped = True
    await bench.compare()


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def clears_beyond_the_end(dut) -> None:
    """Up to the last line; what lies behind is reported and the first lines stay."""
    bench = await SpikeMemoryBench(dut).begun()
    bench.pool = 1
    d = bench.depth
    ranges = [(d - 1, 2), (d, 1), (0xFFFF, 0xFFFF), (d - 2, 0xFFFF), (d - 2, 2), (0xFFFF, 0)]
    for base, count in [*ranges, (0x10000 - 1, 3), (random.randrange(d), d)]:
        for a in range(d):
            line = random.getrandbits(bench.line_bits) | 1
            while not (await bench.cycle_with(load=(a, (1 << bench.line_words) - 1, line)))[2]:
                pass
        await bench.cycle_with()
        bench.skipped, before = False, bench.overruns
        await bench.cycle_with(clear=(base, count))
        await bench.quiet()
        await bench.cycle_with()
        assert (bench.overruns > before) == bench.skipped, (base, count, bench.where())
        await bench.compare()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def accesses_beyond_the_end(dut) -> None:
    """Where the depth is no power of two: a read is answered, a write is lost."""
    bench = await SpikeMemoryBench(dut).begun()
    every = (1 << bench.line_words) - 1
    for a in range(bench.depth, 1 << bench.addr_bits):
        line = random.getrandbits(bench.line_bits)
        bench.lines += [0] * (a + 1 - len(bench.lines))  # the model's; the memory has none
        assert (await bench.cycle_with(reads={0: a}))[0]
        assert (await bench.cycle_with(writes={1: (a, every, line, 0, 0)}))[1]
        while not (await bench.cycle_with(load=(a, every, line)))[2]:
            pass
    bench.lines = bench.lines[: bench.depth]
    await bench.compare()


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """Every bit of a line: seen by a reader, and by the pool if its word is enabled."""
    bench = await SpikeMemoryBench(dut).begun()
    await bench.cycle_with()  # the last line is written
    for bit in range(bench.line_words * (bench.lanes + 1)):
        addr = random.randrange(bench.depth)
        at = dut.gen_bank[addr % bench.groups].u_ram.mem[addr // bench.groups]
        word = bit // (bench.lanes + 1)
        bench.pool, bench.pool_lines, bench.row_lines = 1, 1, 1
        at.value = int(at.value) ^ 1 << bit
        bench.flip = {addr: 1 << bit}
        await bench.compare([addr])
        for words in (((1 << bench.line_words) - 1) ^ 1 << word, 1 << word):
            before = bench.parities
            if words >> word & 1:  # the pool takes what it reads
                bench.flip = {addr: 0}
                if bit % (bench.lanes + 1) < bench.lanes:
                    bench.lines[addr] ^= 1 << word * bench.lanes + bit % (bench.lanes + 1)
            write = (addr, words, random.getrandbits(bench.line_bits), 0, 0)
            while not (await bench.cycle_with(writes={1: write}))[1]:
                pass
            await bench.quiet()
            for _ in range(2):
                await bench.cycle_with()
            assert bench.parities - before == words >> word & 1, (bit, words, bench.where())
    bench.flip = {}
    await bench.compare()


@pytest.mark.long
@cases(
    {"Groups": 4, "Lanes": 8, "LineWords": 4, "SpikeLines": 60},
    {"Groups": 2, "Lanes": 4, "LineWords": 8, "SpikeLines": 32},
    {"Groups": 4, "Lanes": 32, "LineWords": 2, "SpikeLines": 32},  # two lines of four are spread
)
def test_spike_memory(parameters: dict[str, int]) -> None:
    run("psf_spike_memory", __name__, parameters)
