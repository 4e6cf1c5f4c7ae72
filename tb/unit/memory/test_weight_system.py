# SPDX-License-Identifier: Apache-2.0
"""psf_weight_system: every granted row reaches its group whole, and every write is seen."""

import random
from collections import deque

import cocotb

from tb.lib.bench import HIDDEN, Bench
from tb.lib.load import row_entries
from tb.lib.memories import stored_words
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

LATENCY = 6  # from the row request to its first word


class WeightSystemBench(Bench):
    """Python copies of the memories, and the rows that are under way per bank, in order.

    A word for group g must continue the row that g is receiving, or be the first of the oldest
    row of some bank, and that row must be for g.
    """

    async def begin(self, lengths) -> None:
        self.groups = PARAMETERS["Groups"]
        self.lanes = PARAMETERS["Lanes"]
        self.banks = PARAMETERS["Banks"]
        self.entries = row_entries(PARAMETERS)  # of a row table that may be written at once
        self.depth = PARAMETERS["BankDepth"]
        self.row_depth = PARAMETERS["RowDepth"]
        self.slot = len(self.dut.weight_data_i) // self.lanes
        self.data_bits, self.bank_bits = self.lanes * self.slot, len(self.dut.weight_bank_i)
        self.tag_bits = len(self.dut.row_tag_i) // self.groups
        self.word_bits, self.row_bits = len(self.dut.weight_addr_i), len(self.dut.row_we_addr_i)
        self.payload = [
            "row_bank_i", "row_addr_i", "row_tag_i", "weight_bank_i", "weight_addr_i",
            "weight_data_i", "row_we_several_i", "row_we_bank_i", "row_we_addr_i", "row_we_data_i",
            "dump_bank_i", "dump_addr_i", "dump_data_i",
        ]  # fmt: skip
        self.noise(*self.payload)
        await self.reset(row_valid_i=0, weight_valid_i=0, row_we_i=0, dump_valid_i=0)
        self.words = [[0] * self.depth for _ in range(self.banks)]
        self.rows = [[None] * self.row_depth for _ in range(self.banks)]
        self.under_way = [[] for _ in range(self.banks)]
        self.receiving = [None] * self.groups  # (bank, words taken) of the row that g receives
        self.requests = {}  # group -> (bank, row, tag), granted in the last cycle
        self.taken, self.arrivals, self.dumped = 0, [], False
        self.flipped, self.parities = False, []  # a stored bit; the cycles with parity_o
        for a in range(self.row_depth):
            for b in range(self.banks):
                await self.cycle_with(row_write=(b, a, self.random_row(lengths)))
        for a in range(self.depth):
            for b in range(self.banks):
                await self.cycle_with(load=(b, a, random.getrandbits(self.data_bits)))

    def random_row(self, lengths, half=0):
        """{start, length, shift}, within the lower or the upper half of the bank."""
        length, half_depth = random.choice(lengths), self.depth // 2
        start = half * half_depth + random.randint(0, half_depth - length)
        return start, length, random.randrange(16)

    async def cycle_with(self, requests=None, load=None, row_write=None, dumps=None):
        """One cycle; returns (bank_ready, loader accepted, accepted dumps as a mask)."""
        requests, dumps = requests or {}, dumps or {}
        self.noise(*self.payload)
        bank, addr, tag = (
            [random.getrandbits(n) for _ in range(self.groups)] for n in (8, 16, self.tag_bits)
        )
        for g, (b, row, t) in requests.items():
            bank[g], addr[g], tag[g] = 1 << b, row, t
        self.set(row_valid_i=sum(1 << g for g in requests))
        self.put("row_bank_i", bank, self.banks)
        self.put("row_addr_i", addr, self.row_bits)
        self.put("row_tag_i", tag, self.tag_bits)
        self.set(weight_valid_i=int(load is not None))
        if load:
            self.set(weight_bank_i=load[0], weight_addr_i=load[1], weight_data_i=load[2])
        self.set(row_we_i=int(row_write is not None))
        if row_write:
            rows = row_write[2]
            rows = rows if isinstance(rows, list) else [rows]  # several: of bank b and behind it
            self.set(row_we_bank_i=row_write[0], row_we_addr_i=row_write[1])
            self.set(row_we_several_i=int(len(rows) > 1))
            data = [
                random.getrandbits(4) << 28 | shift << 24 | length << 16 | start
                for start, length, shift in rows
            ]
            data += [random.getrandbits(32)] * (self.entries - len(rows))
            self.put("row_we_data_i", data, 32)
        full = [
            dumps.get(g) or [random.getrandbits(n) for n in (4, 8, 16)] for g in range(self.groups)
        ]
        self.set(dump_valid_i=sum(1 << g for g in dumps))
        self.put("dump_bank_i", [f[0] for f in full], self.bank_bits)
        self.put("dump_addr_i", [f[1] for f in full], self.word_bits)
        self.put("dump_data_i", [f[2] for f in full], self.data_bits)
        await self.settle()

        ready, loaded = self.get("bank_ready_o"), load is not None and self.get("weight_ready_o")
        dumped = self.get("dump_ready_o") & sum(1 << g for g in dumps)
        assert bin(dumped).count("1") == (1 if dumps else 0), f"dumps {dumps}: {dumped:b}"
        assert not (loaded and dumps), f"the loader writes before a group, {self.where()}"
        assert self.get("dump_idle_o") == (not self.dumped), self.where()
        self.dumped = bool(dumped)
        if self.get("parity_o"):
            self.parities.append(self.now)
            assert self.flipped, f"parity error without a cause, {self.where()}"
        if loaded:
            self.words[load[0]][load[1]] = load[2]
        for g in dumps:
            if dumped >> g & 1:
                b, a, data = dumps[g]
                self.words[b][a] = data
        for g, (b, row, t) in requests.items():  # sees the writes of this cycle
            start, length, shift = self.rows[b][row]
            data = self.words[b][start : start + length]
            self.under_way[b].append((g, t, shift, data, self.now))
        if row_write:
            for i, row in enumerate(rows):
                self.rows[row_write[0] + i][row_write[1]] = row
        self.arrivals = self.check_words()
        await self.tick()
        return ready, loaded, dumped

    def check_words(self) -> list[int]:
        valid = self.get("word_valid_o")
        data = self.elements("word_data_o", self.data_bits, self.groups)
        shift = self.elements("word_shift_o", 4, self.groups)
        tag = self.elements("word_tag_o", self.tag_bits, self.groups)
        last = self.get("word_last_o")
        arrived = [g for g in range(self.groups) if valid >> g & 1]
        for g in arrived:
            got = (data[g], shift[g], tag[g], last >> g & 1)
            if self.receiving[g] is None:
                fits = [
                    b
                    for b, rows in enumerate(self.under_way)
                    if rows and rows[0][0] == g and rows[0][3][0] == got[0]
                ]
                assert fits, f"group {g} got a word that no bank had for it, {self.where()}"
                self.receiving[g] = (fits[0], 0)
            b, i = self.receiving[g]
            _, row_tag, row_shift, words, since = self.under_way[b][0]
            want = (words[i], row_shift, row_tag, int(i == len(words) - 1))
            assert got == want, (
                f"group {g} bank {b} word {i}: expected {want}, got {got}, {self.where()}"
            )
            assert self.now >= since + LATENCY + i, self.where()
            self.receiving[g] = (b, i + 1)
            if i + 1 == len(words):
                self.under_way[b].pop(0)
                self.receiving[g] = None
            self.taken += 1
        return arrived

    def grant(self, ready: int, idle: float, half=0) -> dict:
        """Requests of the next cycle: some groups, each another ready bank."""
        half_rows = self.row_depth // 2
        banks = [b for b in range(self.banks) if ready >> b & 1]
        random.shuffle(banks)
        groups = [g for g in range(self.groups) if random.random() >= idle]
        return {
            g: (
                b,
                half * half_rows + random.randrange(half_rows),
                random.getrandbits(self.tag_bits),
            )
            for g, b in zip(groups, banks, strict=False)
        }

    async def drain(self) -> None:
        """Until all rows must have come, if only one of their words came in a cycle."""
        words = sum(len(row[3]) for rows in self.under_way for row in rows)
        for _ in range(words + 60):
            await self.cycle_with()
        assert not any(self.under_way), f"rows are missing, {self.where()}"


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(idle=STALLS, delay=[1, 2])  # from a grant to its request
async def random_rows_and_writes(dut, idle: float, delay: int) -> None:
    """Mixed rows from the lower halves while everyone writes the upper ones; then those."""
    bench = WeightSystemBench(dut)
    lengths = [1, 1, 2, 3, 6]
    await bench.begin(lengths)
    half, half_rows = bench.depth // 2, bench.row_depth // 2
    granted = deque({} for _ in range(delay))
    load, dumps, loads, dump_count = None, {}, 0, 0

    def target():
        return (
            random.randrange(bench.banks),
            half + random.randrange(half),
            random.getrandbits(bench.data_bits),
        )

    for _ in range(150):
        if load is None and random.random() >= idle:
            load = target()
        for g in range(bench.groups):
            if g not in dumps and random.random() < 0.15:
                dumps[g] = target()
        row = None
        if random.random() >= idle:
            entry = half_rows + random.randrange(half_rows)
            row = random.randrange(bench.banks), entry, bench.random_row(lengths, 1)
            if bench.entries > 1 and random.getrandbits(1):
                rows = [bench.random_row(lengths, 1) for _ in range(bench.entries)]
                row = row[0] // bench.entries * bench.entries, entry, rows
        ready, loaded, dumped = await bench.cycle_with(granted.popleft(), load, row, dumps)
        loads, dump_count = loads + bool(loaded), dump_count + bool(dumped)
        load = None if loaded else load
        dumps = {g: d for g, d in dumps.items() if not dumped >> g & 1}
        granted.append(bench.grant(ready, idle))
    for requests in granted:
        await bench.cycle_with(requests)
    await bench.drain()
    assert loads > 0 and dump_count > 3 and bench.taken > 10, (loads, dump_count, bench.taken)

    for b in range(0, bench.banks, bench.entries):  # all anew, as many at once as may be
        for a in range(half_rows, bench.row_depth):
            rows = [bench.random_row(lengths, 1) for _ in range(bench.entries)]
            await bench.cycle_with(row_write=(b, a, rows))
    granted = deque({} for _ in range(delay))
    for _ in range(150):
        ready, *_ = await bench.cycle_with(granted.popleft())
        granted.append(bench.grant(ready, idle, 1))
    for requests in granted:
        await bench.cycle_with(requests)
    await bench.drain()


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(length=[1, 3])
async def full_rate(dut, length: int) -> None:
    """Equal rows, a matching every `length` cycles: every group has a word every cycle."""
    bench = await WeightSystemBench(dut).begun([length])
    await bench.drain()
    every = (1 << bench.groups) - 1
    for t in range(15 * length + LATENCY):
        requests = {}
        if t % length == 0 and t < 15 * length:
            turn = random.randrange(bench.banks)
            requests = {
                g: ((g + turn) % bench.banks, random.randrange(bench.row_depth), g & 1)
                for g in range(bench.groups)
            }
        ready, *_ = await bench.cycle_with(requests)
        assert ready == (1 << bench.banks) - 1, bench.where()
        got = sum(1 << g for g in bench.arrivals)
        assert got == (every if t >= LATENCY else 0), f"words for {got:b} at {t}, {bench.where()}"
    assert not any(bench.under_way)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def written_words_are_read(dut) -> None:
    """A row sees words written in its request's cycle, and a table entry of the cycle before."""
    bench = await WeightSystemBench(dut).begun([1])
    last = None  # its row may be reading that word while the next one is written
    for i in range(40):
        b, a, row = (random.randrange(n) for n in (bench.banks, bench.depth, bench.row_depth))
        a = (a + 1) % bench.depth if (b, a) == last else a
        last = b, a
        await bench.cycle_with(row_write=(b, row, (a, 1, i % 16)))
        word = (b, a, random.getrandbits(bench.data_bits))
        g = random.randrange(bench.groups)
        request = {random.randrange(bench.groups): (b, row, i & 1)}
        if i & 1:
            await bench.cycle_with(request, load=word)
        else:
            await bench.cycle_with(request, dumps={g: word})
    await bench.drain()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def dumps_take_turns(dut) -> None:
    """All groups dump all the time: each gets its share, the loader nothing."""
    bench = await WeightSystemBench(dut).begun([1])
    taken = [0] * bench.groups
    load = (0, 0, random.getrandbits(bench.data_bits))

    def target():
        return (
            random.randrange(bench.banks),
            random.randrange(bench.depth),
            random.getrandbits(bench.data_bits),
        )

    dumps = {g: target() for g in range(bench.groups)}
    for _ in range(8 * bench.groups):
        _, loaded, dumped = await bench.cycle_with(load=load, dumps=dumps)
        assert not loaded
        for g in range(bench.groups):
            if dumped >> g & 1:
                taken[g] += 1
                dumps[g] = target()
    assert taken == [8] * bench.groups, taken


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A flipped bit in each bank: parity_o two cycles after the word, or one before it (entry)."""
    bench = await WeightSystemBench(dut).begun([1])
    await bench.drain()  # the last word is written
    for b in range(bench.banks):
        g, row = random.randrange(bench.groups), random.randrange(bench.row_depth)
        start = bench.rows[b][row][0]
        bank = dut.gen_bank[b].u_bank
        word, entry = stored_words(bank.u_words)[start], stored_words(bank.u_rows)[row]
        bit = random.choice([0, bench.data_bits, random.randrange(bench.data_bits)])
        for at, flip, late in ((word, 1 << bit, 2), (entry, 1 << bench.word_bits + 13, -1)):
            good, bench.parities, bench.flipped = int(at.value), [], True
            at.value = good ^ flip
            if at is word:
                bench.words[b][start] ^= flip & ((1 << bench.data_bits) - 1)
            since = bench.now
            await bench.cycle_with({g: (b, row, 0)})
            for _ in range(12):
                await bench.cycle_with()
            assert bench.parities == [since + LATENCY + late], (bench.parities, since)
            at.value = good
            if at is word:
                bench.words[b][start] ^= flip & ((1 << bench.data_bits) - 1)
    bench.flipped = False
    await bench.drain()


@cases(
    {"Groups": 2, "Lanes": 4, "Banks": 4, "AccDepth": 16, "BankDepth": 32, "RowDepth": 16},
    {
        "Groups": 4,
        "Lanes": 2,
        "Banks": 8,
        "AccDepth": 16,
        "BankDepth": 26,
        "RowDepth": 10,
        "BusBytes": 32,
    },
)
def test_weight_system(parameters: dict[str, int]) -> None:
    run("psf_weight_system", __name__, parameters)
