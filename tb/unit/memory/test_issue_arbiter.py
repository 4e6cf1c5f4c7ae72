# SPDX-License-Identifier: Apache-2.0
"""psf_issue_arbiter against a greedy matching in Python, cycle by cycle."""

import random

import cocotb

from tb.lib.bench import Bench
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases, refused
from tb.run.runner import run
from tb.unit.memory.matching import Matching


class IssueArbiterBench(Bench):
    """Drives requests; every grant must equal the reference's."""

    async def begin(self) -> None:
        self.groups = PARAMETERS["Groups"]
        self.banks = PARAMETERS["Banks"]
        self.grants = [0] * self.groups
        self.matching = Matching(self.groups, self.banks)
        await self.reset(req_i=0, bank_ready_i=0, cost_i=1)

    async def run(self, cost: int, req: list[int], ready: int) -> list[int]:
        self.set(cost_i=cost)
        self.put("req_i", req, self.banks)
        self.set(bank_ready_i=ready)
        await self.settle()
        want = self.matching.step(self.now, cost, req, ready)
        got = self.elements("grant_o", self.banks, self.groups)
        assert got == want, (
            f"req {req} ready {ready:b} cost {cost}: expected {want}, got {got}, {self.where()}"
        )
        for g in range(self.groups):
            self.grants[g] += got[g] != 0
        await self.tick()
        return got


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, density=[0.1, 0.6])
async def random_requests(dut, stall: float, density: float) -> None:
    bench = await IssueArbiterBench(dut).begun()
    cost = 1
    for t in range(300):
        if t % 50 == 0:
            cost = random.choice([1, 2, 3, 5, 9])
        req = [
            sum((random.random() < density) << b for b in range(bench.banks))
            for _ in range(bench.groups)
        ]
        await bench.run(cost, req, sum((random.random() >= stall) << b for b in range(bench.banks)))
    assert all(bench.grants), bench.grants


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(cost=[1, 2, 7, 255])
async def full_rate(dut, cost: int) -> None:
    """Everything requested: every group is granted every `cost` cycles, from the first on."""
    bench = await IssueArbiterBench(dut).begun()
    every = (1 << bench.banks) - 1
    for _ in range(3 * cost):
        await bench.run(cost, [every] * bench.groups, every)
    assert bench.grants == [3] * bench.groups, bench.grants


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(cost=[1, 3, 4])
async def one_hot_bank(dut, cost: int) -> None:
    """All groups want one bank: it is never idle, and nobody starves."""
    bench = await IssueArbiterBench(dut).begun()
    for _ in range(24 * bench.groups * cost):
        await bench.run(cost, [1] * bench.groups, (1 << bench.banks) - 1)
    assert sum(bench.grants) == 24 * bench.groups
    assert max(bench.grants) - min(bench.grants) <= 2, bench.grants


@cases({"Groups": 2, "Banks": 4}, {"Groups": 4, "Banks": 8})
def test_issue_arbiter(parameters: dict[str, int]) -> None:
    run("psf_issue_arbiter", __name__, parameters)


def test_bad_size_is_refused() -> None:
    refused("psf_issue_arbiter", {"Groups": 3}, "Groups must be a power of two")
