# SPDX-License-Identifier: Apache-2.0
"""psf_skid: order, full rate, and no path from one side's inputs to the other side's outputs."""

import random
from collections import deque

import cocotb
import pytest

from tb.lib.bench import Bench
from tb.lib.bits import coin
from tb.lib.stream import STALLS
from tb.run.cases import cases
from tb.run.runner import run


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS)
async def traffic(dut, stall: float, sink_stall: float) -> None:
    bench = Bench(dut)
    await bench.reset(in_valid_i=0, in_data_i=0, out_ready_i=0)
    width, model, most = bench.width("in_data_i"), deque(), 0
    held = 0  # valid of the cycle before, which must stay
    for _ in range(500):
        outputs = ("in_ready_o", "out_valid_o", "out_data_o")
        if not model:
            outputs = outputs[:2]
        before = [bench.get(name) for name in outputs]
        valid, ready = not coin(stall), not coin(sink_stall)
        data = random.getrandbits(width)
        bench.set(in_valid_i=valid, in_data_i=data, out_ready_i=ready)
        await bench.settle()
        bench.equal("outputs before and after", [bench.get(name) for name in outputs], before)
        bench.equal("in_ready_o", before[0], int(len(model) < 2))
        bench.equal("out_valid_o", before[1], int(bool(model)))
        if model:
            bench.equal("out_data_o", before[2], model[0])
        room = len(model) < 2
        held = bool(model) and not ready
        if model and ready:
            model.popleft()
        if valid and room:
            model.append(data)
        most = max(most, len(model))
        await bench.tick()
        bench.check(not held or bench.get("out_valid_o"), "out_valid_o fell")
    if sink_stall == 0.0:
        bench.check(most <= 1, "a word a cycle without the second register")
    if (stall, sink_stall) == (0.0, 0.9):
        bench.equal("words inside", most, 2)


@pytest.mark.smoke
@cases({"Width": 1}, {"Width": 67})
def test_skid(parameters: dict[str, int]) -> None:
    run("psf_skid", __name__, parameters)
