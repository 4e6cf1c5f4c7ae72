# SPDX-License-Identifier: Apache-2.0
"""psf_issue against a greedy matching in Python whose grants come a cycle later.

The groups hold numbers of spikes per bank. What they show is a cycle old for the matching, as it is
for the hardware: a request that is being granted counts only if there is a second spike.
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
        await self.reset(req_i=0, many_i=0, bank_ready_i=0, cost_i=1)

    def flags(self, least: int) -> list[int]:
        """Of every group, the banks with ``least`` spikes or more."""
        return [sum((n >= least) << b for b, n in enumerate(group)) for group in self.left]

    async def run(self, cost: int, ready: int) -> None:
        req, many = self.flags(1), self.flags(2)
        self.put("req_i", req, self.banks)
        self.put("many_i", many, self.banks)
        self.set(cost_i=cost, bank_ready_i=ready)
        await self.settle()
        self.equal("grant_o", self.elements("grant_o", self.banks, self.groups), self.grant)
        for g, bank in enumerate(self.grant):
            if bank:
                b = bank.bit_length() - 1
                self.check(self.left[g][b], f"group {g} has no spike left for bank {b}")
                self.left[g][b] -= 1
                self.issued += 1
        seen = [r & (m | ~g) for r, m, g in zip(req, many, self.grant, strict=True)]
        self.grant = self.matching.step(self.now, cost, seen, ready)
        await self.tick()


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, density=[0.02, 0.3])
async def random_spikes(dut, stall: float, density: float) -> None:
    """Spikes come at random; all of them leave in the end, each once."""
    bench = await IssueBench(dut).begun()
    cost, came, every = 1, 0, (1 << bench.banks) - 1
    t = -1
    while t < 400 or came <= 50:
        t += 1
        if t % 50 == 0:
            cost = random.choice([1, 2, 3, 5])
        await bench.run(cost, sum((random.random() >= stall) << b for b in range(bench.banks)))
        for group in bench.left:
            for b in range(bench.banks):
                if random.random() < density and group[b] < 3:
                    group[b] += 1
                    came += 1
    for _ in range(3 * 5 * bench.groups * bench.banks):
        await bench.run(1, every)
    bench.equal("issued", bench.issued, came)


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
