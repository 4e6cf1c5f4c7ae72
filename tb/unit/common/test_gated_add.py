# SPDX-License-Identifier: Apache-2.0
"""Adders with an OR and a gate, modulo 2^Width: (a | b) + kept c, and a + (b | kept c)."""

import random

import cocotb
from cocotb.triggers import Timer

from tb.lib.bench import SEED
from tb.lib.bits import coin
from tb.lib.parameters import PARAMETERS
from tb.run.cases import cases
from tb.run.runner import run


@cocotb.test()
async def sums(dut) -> None:
    """Random words, and those that carry through all bits; kept or not."""
    top = (1 << PARAMETERS["Width"]) - 1
    corners = (0, 1, top, top >> 1, top - (top >> 1))
    merging = dut._name == "psf_merge_add"
    seen = [0, 0]
    for _ in range(2000):
        a, b, c = (
            random.choice(corners) if coin(0.3) else random.randint(0, top) for _ in range(3)
        )
        keep = int(coin(0.5))
        dut.a_i.value, dut.b_i.value, dut.c_i.value, dut.keep_i.value = a, b, c, keep
        await Timer(1, "ns")
        kept = c if keep else 0
        want = (a + (b | kept) if merging else (a | b) + kept) & top
        got = int(dut.sum_o.value)
        what = f"a={a:#x}, b={b:#x}, c={c:#x}, keep={keep}"
        assert got == want, f"{what}: {got:#x} for {want:#x}, SEED={SEED}"
        seen[keep] += want != 0
    assert min(seen) > 200, seen


@cases({"Width": 20, "OrFirst": 1}, {"Width": 20, "OrFirst": 0}, {"Width": 1, "OrFirst": 1})
def test_gated_add(parameters: dict[str, int]) -> None:
    run("psf_gated_add", __name__, parameters)


@cases({"Width": 20}, {"Width": 1})
def test_merge_add(parameters: dict[str, int]) -> None:
    run("psf_merge_add", __name__, parameters)
