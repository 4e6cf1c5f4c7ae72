# SPDX-License-Identifier: Apache-2.0
"""psf_crc32 against zlib, chained over messages of whole words."""

import random
import zlib

import cocotb
import pytest
from cocotb.triggers import Timer

from tb.lib.bench import SEED
from tb.run.cases import cases, refused
from tb.run.runner import run

ONES = 0xFFFF_FFFF


async def crc(dut, message: bytes, before: int = 0) -> int:
    """zlib.crc32(message, before), by the module."""
    step = len(dut.data_i) // 8
    register = before ^ ONES
    for at in range(0, len(message), step):
        dut.crc_i.value = register
        dut.data_i.value = int.from_bytes(message[at : at + step], "little")
        await Timer(1, "ns")
        register = int(dut.crc_o.value)
    return register ^ ONES


@cocotb.test()
async def messages(dut) -> None:
    step = len(dut.data_i) // 8
    check = b"12345678" * 8
    assert await crc(dut, check) == zlib.crc32(check)
    single = [(1 << i).to_bytes(step, "little") for i in range(8 * step)]
    for message in (bytes(step), b"\xff" * step, *single):
        assert await crc(dut, message) == zlib.crc32(message), message.hex()
    for _ in range(300):
        message, before = random.randbytes(step * random.randrange(1, 9)), random.getrandbits(32)
        got, want = await crc(dut, message, before), zlib.crc32(message, before)
        assert got == want, f"{message.hex()} after {before:#x}, SEED={SEED}"


@pytest.mark.smoke
@cases({"DataWidth": 64}, {"DataWidth": 32})
def test_crc32(parameters: dict[str, int]) -> None:
    run("psf_crc32", __name__, parameters)


def test_short_words_are_refused() -> None:
    refused("psf_crc32", {"DataWidth": 16}, "DataWidth must be at least 32")
