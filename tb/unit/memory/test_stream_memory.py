# SPDX-License-Identifier: Apache-2.0
"""psf_stream_memory: groups read any bank and write back a fixed time later, as PE groups do."""

import random

import cocotb

from tb.lib.bench import HIDDEN, Bench
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run

WRITE_AFTER = 3  # cycles from an accepted read to its write


class StreamMemoryBench(Bench):
    """The banks as lists; ``None`` was never written and is not compared."""

    async def begin(self) -> None:
        self.groups = PARAMETERS["Groups"]
        self.depth = PARAMETERS["StreamDepth"]
        self.addr_bits = len(self.dut.rd_addr_i) // self.groups
        self.bank_bits = len(self.dut.rd_bank_i) // self.groups
        self.data_bits = len(self.dut.rd_data_o) // self.groups
        self.noise(*["rd_bank_i", "rd_addr_i", "wr_bank_i", "wr_addr_i", "wr_data_i"])
        await self.reset(rd_valid_i=0, wr_valid_i=0)
        self.banks = [[None] * self.depth for _ in range(self.groups)]
        self.asked, self.compared, self.served = {}, 0, [0] * self.groups
        self.bad: dict[int, bool] = {}  # group: the word that it read a cycle ago is wrong
        self.flip = {}  # (bank, address): data bits that the bench has changed

    async def cycle_with(self, reads=None, writes=None) -> int:
        """reads {g: (bank, addr)}, writes {g: (bank, addr, data)}; returns the accepted reads."""
        reads, writes = reads or {}, writes or {}
        sizes = (self.bank_bits, self.addr_bits, self.data_bits)
        self.set(rd_valid_i=sum(1 << g for g in reads), wr_valid_i=sum(1 << g for g in writes))
        for given, prefix, names in (
            (reads, "rd", ("bank", "addr")),
            (writes, "wr", ("bank", "addr", "data")),
        ):
            full = [
                given.get(g) or [random.getrandbits(n) for n in sizes] for g in range(self.groups)
            ]
            for k, name in enumerate(names):
                self.put(f"{prefix}_{name}_i", [f[k] for f in full], sizes[k])
        await self.settle()
        data = self.dut.rd_data_o.value  # undefined in parts
        error = str(self.dut.rd_error_o.value)[::-1]
        for g, (bank, addr, want) in self.asked.items():
            if want is not None:
                want ^= self.flip.get((bank, addr), 0)
                got = int(data[(g + 1) * self.data_bits - 1 : g * self.data_bits])
                assert got == want, (
                    f"group {g} bank {bank} word {addr}: expected {want:x}, got {got:x}, "
                    f"{self.where()}"
                )
                self.compared += 1
        for g, bad in self.bad.items():  # of the cycle before
            assert error[g] == str(int(bad)), f"error {error} group {g}, {self.where()}"
        known = {g: w[:2] for g, w in self.asked.items() if w[2] is not None}
        self.bad = {g: where in self.flip for g, where in known.items()}
        taken = self.get("rd_ready_o") & sum(1 << g for g in reads)
        self.asked = {g: (b, a, self.banks[b][a]) for g, (b, a) in reads.items() if taken >> g & 1}
        for bank in range(self.groups):  # one of those that want a bank gets it
            wanting = [g for g, r in reads.items() if r[0] == bank]
            got = [g for g in wanting if g in self.asked]
            assert len(got) == bool(wanting), f"bank {bank}: {wanting} got {got}, {self.where()}"
        for where in {(b, a) for b, a, _ in writes.values()}:  # undefined in the same cycle
            for g, (bank, addr, _) in self.asked.items():
                if (bank, addr) == where:
                    self.asked[g] = (bank, addr, None)
        for g in self.asked:
            self.served[g] += 1
        for b, a, value in writes.values():
            self.banks[b][a] = value
        await self.tick()
        return taken


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(idle=STALLS)
async def read_then_write(dut, idle: float) -> None:
    bench = await StreamMemoryBench(dut).begun()
    for a in range(bench.depth):  # fill, all banks at once
        order = random.sample(range(bench.groups), bench.groups)
        await bench.cycle_with(
            {}, {g: (b, a, random.getrandbits(bench.data_bits)) for g, b in enumerate(order)}
        )
    reads, pending = {}, [{} for _ in range(WRITE_AFTER)]
    for _ in range(300):
        for g in range(bench.groups):
            if g not in reads and random.random() >= idle:
                reads[g] = (
                    random.randrange(bench.groups),
                    random.choice([0, bench.depth - 1, random.randrange(bench.depth)]),
                )
        taken = await bench.cycle_with(reads, pending.pop(0))
        done = {g: r for g, r in reads.items() if taken >> g & 1}
        pending.append({g: (*r, random.getrandbits(bench.data_bits)) for g, r in done.items()})
        reads = {g: r for g, r in reads.items() if g not in done}
    for writes in pending:
        await bench.cycle_with({}, writes)
    todo = [(b, a) for b in range(bench.groups) for a in range(bench.depth)]
    for where in todo:
        assert await bench.cycle_with({random.randrange(bench.groups): where})
    await bench.cycle_with()
    assert bench.compared >= len(todo)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def one_bank_is_shared(dut) -> None:
    """Everyone wants bank 0: each gets its turn; then a bank each: all every cycle."""
    bench = await StreamMemoryBench(dut).begun()
    for _ in range(6 * bench.groups):
        await bench.cycle_with({g: (0, g) for g in range(bench.groups)})
    assert bench.served == [6] * bench.groups, bench.served
    for t in range(10):
        await bench.cycle_with({g: ((g + t) % bench.groups, 0) for g in range(bench.groups)})
    assert bench.served == [16] * bench.groups, bench.served


@cocotb.test(timeout_time=2, timeout_unit="ms", skip=HIDDEN)
async def flips(dut) -> None:
    """A flipped bit of each kind: rd_error_o for the group that reads it, for nobody else."""
    bench = await StreamMemoryBench(dut).begun()
    for a in range(bench.depth):
        words = {g: (g, a, random.getrandbits(bench.data_bits)) for g in range(bench.groups)}
        await bench.cycle_with({}, words)
    for bit in range(bench.data_bits + 1):
        bank, addr = random.randrange(bench.groups), random.randrange(bench.depth)
        word = dut.gen_bank[bank].u_ram.mem[addr]
        good = int(word.value)
        word.value = good ^ 1 << bit
        bench.flip = {(bank, addr): (1 << bit) & ((1 << bench.data_bits) - 1)}
        first = random.randrange(bench.groups)
        order = [(first + i) % bench.groups for i in range(bench.groups)]
        reads = {g: ((bank + i) % bench.groups, addr) for i, g in enumerate(order)}
        assert await bench.cycle_with(reads) == (1 << bench.groups) - 1
        before = bench.compared
        await bench.cycle_with()
        assert bench.compared == before + bench.groups
        word.value = good
        await bench.cycle_with()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def beyond_the_depth(dut) -> None:
    """Writes there are lost, reads are answered with word 0."""
    bench = await StreamMemoryBench(dut).begun()
    for a in range(bench.depth):
        words = {g: (g, a, random.getrandbits(bench.data_bits)) for g in range(bench.groups)}
        await bench.cycle_with({}, words)
    for bank in bench.banks:
        bank += [bank[0]] * ((1 << bench.addr_bits) - bench.depth)
    for a in range(bench.depth, 1 << bench.addr_bits):
        words = {g: (g, a, random.getrandbits(bench.data_bits)) for g in range(bench.groups)}
        await bench.cycle_with({g: (g, a) for g in range(bench.groups)}, words)
        for bank in bench.banks:
            bank[a] = bank[0]
    for a in range(1 << bench.addr_bits):
        await bench.cycle_with({g: (g, a) for g in range(bench.groups)})
    await bench.cycle_with()


@cases(
    {"Groups": 2, "Lanes": 4, "StreamWidth": 9, "StreamDepth": 16},
    {"Groups": 4, "Lanes": 4, "StreamWidth": 9, "StreamDepth": 12},
)
def test_stream_memory(parameters: dict[str, int]) -> None:
    run("psf_stream_memory", __name__, parameters)
