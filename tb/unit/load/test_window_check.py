# SPDX-License-Identifier: Apache-2.0
"""psf_window_check against whole numbers: at, one beside and far from each border."""

import random

import cocotb
import pytest
from cocotb.triggers import Timer

from tb.lib.bench import SEED
from tb.run.runner import run

TOP = (1 << 61) - 1  # the last beat of all addresses


@cocotb.test()
async def bursts(dut) -> None:
    seen = [0, 0]
    for _ in range(4000):
        base, limit = random.randrange(TOP + 1), random.randrange(TOP + 1)
        base, limit = random.choice(
            ((base, limit), (min(base, limit), max(base, limit)), (0, limit), (base, TOP),
             (0, TOP), (TOP, 0), (base, min(base + random.randrange(300), TOP)))
        )  # fmt: skip
        length = random.choice((0, 1, 255, 1023, random.randrange(1024)))
        near = random.choice((base, limit, limit - length, base - length, 0, TOP, TOP - length))
        address = near + random.choice((-1, 0, 0, 0, 1))
        if not 0 <= address <= TOP:
            address = random.randrange(TOP + 1)
        dut.addr_i.value, dut.beats_i.value = address, length
        dut.base_i.value, dut.limit_i.value = base, limit
        await Timer(1, "ns")
        want = int(base <= address and address + length <= limit)
        assert int(dut.inside_o.value) == want, (
            f"{address:#x} + {length} in {base:#x}..{limit:#x}, SEED={SEED}"
        )
        seen[want] += 1
    assert min(seen) > 200, seen


@pytest.mark.smoke
def test_window_check() -> None:
    run("psf_window_check", __name__)
