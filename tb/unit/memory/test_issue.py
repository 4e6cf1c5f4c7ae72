# SPDX-License-Identifier: Apache-2.0
"""psf_issue against a greedy matching in Python whose grants come a cycle later.

The groups hold numbers of spikes per bank. What they show is a cycle old for the matching, as it is
for the hardware: a request that is being granted counts only if there is a second spike. Rows that
were granted end at random, in order or not; a group with too many of them on their way asks for
nothing.
"""

import random

import cocotb

from tb.lib.bench import Bench
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run
from tb.unit.memory.matching import Matching


class IssueBench(Bench):
    async def begin(self) -> None:
        self.groups, self.banks = PARAMETERS["Groups"], PARAMETERS["Banks"]
        self.matching = Matching(self.groups, self.banks)
        self.left = [[0] * self.banks for _ in range(self.groups)]
        self.grant = [0] * self.groups
        self.issued = 0
        self.ahead = [0] * self.groups  # rows on their way
        self.room = [True] * self.groups
        self.limited = 0  # times that this kept a group from asking
        await self.reset(req_i=0, many_i=0, bank_ready_i=0, cost_i=1, ahead_i=0, done_i=0)

    def flags(self, least: int) -> list[int]:
        """Of every group, the banks with ``least`` spikes or more."""
        return [sum((n >= least) << b for b, n in enumerate(group)) for group in self.left]

    async def run(self, cost: int, ready: int, ahead: int = 0, end: float = 1.0) -> None:
        """A cycle; ``end``: how likely a row on its way ends in it."""
        done = [n > 0 and random.random() < end for n in self.ahead]
        self.limited += sum(
            not r and any(left) for r, left in zip(self.room, self.left, strict=True)
        )
        req, many = self.flags(1), self.flags(2)
        self.put("req_i", req, self.banks)
        self.put("many_i", many, self.banks)
        self.set(cost_i=cost, bank_ready_i=ready, ahead_i=ahead)
        self.set(done_i=sum(d << g for g, d in enumerate(done)))
        await self.settle()
        self.equal("grant_o", self.elements("grant_o", self.banks, self.groups), self.grant)
        for g, bank in enumerate(self.grant):
            if bank:
                b = bank.bit_length() - 1
                self.check(self.left[g][b], f"group {g} has no spike left for bank {b}")
                self.left[g][b] -= 1
                self.issued += 1
        seen = [r & (m | ~g) for r, m, g in zip(req, many, self.grant, strict=True)]
        seen = [s if r else 0 for s, r in zip(seen, self.room, strict=True)]
        self.grant = self.matching.step(self.now, cost, seen, ready)
        for g in range(self.groups):
            self.ahead[g] += (self.grant[g] != 0) - done[g]
        self.room = [n < (ahead or 15) for n in self.ahead]  # known in the next cycle
        await self.tick()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, density=[0.02, 0.3], ahead=[0, 1, 4])
async def random_spikes(dut, stall: float, density: float, ahead: int) -> None:
    """Spikes come at random; all of them leave in the end, each once."""
    bench = await IssueBench(dut).begun()
    cost, came, every = 1, 0, (1 << bench.banks) - 1
    t = -1
    while t < 400 or came <= 50:
        t += 1
        if t % 50 == 0:
            cost = random.choice([1, 2, 3, 5])
        ready = sum((random.random() >= stall) << b for b in range(bench.banks))
        await bench.run(cost, ready, ahead, 0.3)
        for group in bench.left:
            for b in range(bench.banks):
                if random.random() < density and group[b] < 3:
                    group[b] += 1
                    came += 1
    for _ in range(3 * 5 * bench.groups * bench.banks):
        await bench.run(1, every)
    bench.equal("issued", bench.issued, came)
    if ahead and density > 0.1:
        bench.check(bench.limited, "no group has had too many rows on their way")


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(ahead=range(16))
async def rows_on_their_way(dut, ahead: int) -> None:
    """Without an end of a row a group gets as many grants as are allowed (0: 15); with one, one."""
    bench = await IssueBench(dut).begun()
    every = (1 << bench.banks) - 1
    bench.left = [[9] * bench.banks for _ in range(bench.groups)]
    for _ in range(20):
        await bench.run(1, every, ahead, 0.0)
    bench.equal("rows on their way", bench.ahead, [ahead or 15] * bench.groups)
    await bench.run(1, every, ahead, 1.0)
    for _ in range(3):
        await bench.run(1, every, ahead, 0.0)
    bench.equal("issued", bench.issued, bench.groups * (1 + (ahead or 15)))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def one_bank_after_the_other(dut) -> None:
    """One spike more for each bank: a group is granted in every cycle."""
    bench = await IssueBench(dut).begun()
    every = (1 << bench.banks) - 1
    for _ in range(20):
        bench.left[0] = [n + 1 for n in bench.left[0]]
        for _ in range(bench.banks):
            await bench.run(1, every)
        bench.equal("waiting after as many cycles", sum(bench.left[0]) <= 1, True)
    await bench.run(1, every)
    bench.equal("issued", bench.issued, 20 * bench.banks)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def reset(dut) -> None:
    """Grants are forgotten at once."""
    bench = await IssueBench(dut).begun()
    bench.left = [[9] * bench.banks for _ in range(bench.groups)]
    for _ in range(3):
        await bench.run(1, (1 << bench.banks) - 1)
    bench.check(any(bench.grant), "no grant to forget")
    bench.set(rst_ni=0)  # while everything is still requested
    for _ in range(2):
        await bench.settle()
        bench.equal("grant_o in the reset", bench.get("grant_o"), 0)
        await bench.tick()


@cases({"Groups": 2, "Banks": 4}, {"Groups": 4, "Banks": 8})
def test_issue(parameters: dict[str, int]) -> None:
    run("psf_issue", __name__, parameters)
