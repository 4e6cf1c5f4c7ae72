# SPDX-License-Identifier: Apache-2.0
"""psf_fifo against a deque: order, fill level, clear, and the parity bit of each stored word."""

import random
from collections import deque

import cocotb
import pytest

from tb.lib.bench import HIDDEN, Bench
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.lib.stream import STALLS
from tb.run.cases import cases, refused
from tb.run.runner import run


class FifoBench(Bench):
    async def begin(self) -> None:
        self.depth = PARAMETERS["Depth"]
        await self.reset(clear_i=0, in_valid_i=0, in_data_i=0, out_ready_i=0)


async def fill_and_drain(
    bench: FifoBench, stall: float, sink_stall: float, cycles: int
) -> set[int]:
    """Random traffic with a few clears; returns the fill levels that were seen."""
    width, model, levels = bench.width("in_data_i"), deque(), set()
    for _ in range(cycles):
        clear, valid, ready = coin(0.02), not coin(stall), not coin(sink_stall)
        data = random.getrandbits(width)
        bench.set(clear_i=clear, in_valid_i=valid, in_data_i=data, out_ready_i=ready)
        await bench.settle()
        bench.equal("in_ready_o", bench.get("in_ready_o"), int(len(model) < bench.depth))
        bench.equal("out_valid_o", bench.get("out_valid_o"), int(bool(model)))
        bench.equal("error_o", bench.get("error_o"), 0)
        levels.add(len(model))
        room = len(model) < bench.depth
        if model:
            bench.equal("out_data_o", bench.get("out_data_o"), model[0])
            if ready:
                model.popleft()
        if valid and room:
            model.append(data)
        if clear:
            model.clear()
        await bench.tick()
    return levels


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(stall=STALLS, sink_stall=STALLS)
async def traffic(dut, stall: float, sink_stall: float) -> None:
    bench = await FifoBench(dut).begun()
    levels = await fill_and_drain(bench, stall, sink_stall, 400)
    assert 0 in levels
    if (stall, sink_stall) == (0.0, 0.9):
        assert levels == set(range(bench.depth + 1)), levels


@cocotb.test(timeout_time=1, timeout_unit="ms", skip=HIDDEN)
async def every_flip_is_seen(dut) -> None:
    """Each stored bit, the parity bit too; reported while that word is at the output, no longer.
    Without parity nothing is."""
    parity = PARAMETERS.get("Parity", 1)
    bench = await FifoBench(dut).begun()
    width, address = bench.width("in_data_i"), 0
    for bit in range(width + parity):
        words = [random.getrandbits(width) for _ in range(2)]
        for word in words:
            bench.set(in_valid_i=1, in_data_i=word)
            await bench.tick()
        bench.set(in_valid_i=0)
        cell = dut.u_words.mem[address]
        cell.value = int(cell.value) ^ 1 << bit
        await bench.tick()
        bench.equal(f"error_o, bit {bit}", bench.get("error_o"), parity)
        if bit < width:
            bench.equal("out_data_o", bench.get("out_data_o"), words[0] ^ 1 << bit)
        bench.set(out_ready_i=1)
        await bench.tick()
        bench.equal("error_o of the next word", bench.get("error_o"), 0)
        bench.equal("out_data_o", bench.get("out_data_o"), words[1])
        await bench.tick()
        bench.equal("error_o of no word", bench.get("error_o"), 0)
        bench.set(out_ready_i=0)
        address = (address + 2) % bench.depth


@pytest.mark.smoke
@cases({"Width": 1, "Depth": 2}, {"Width": 65, "Depth": 8}, {"Width": 9, "Depth": 4, "Parity": 0})
def test_fifo(parameters: dict[str, int]) -> None:
    run("psf_fifo", __name__, parameters)


def test_bad_depth_is_refused() -> None:
    refused("psf_fifo", {"Depth": 3}, "Depth must be a power of two and at least 2")
