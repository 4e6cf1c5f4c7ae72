# SPDX-License-Identifier: Apache-2.0
"""One image on psf_top between the bus models of cocotbext-axi: forty lines for your own bench.

Write what it reads with ``psf compile --config 2x8 --images 1 --format bin --out vectors``, name
``vectors/network.bin`` in PSF_PACKAGE, and run this module with cocotb on ``psf_top`` with the
parameters of that configuration. The header of the package is ``struct psf_package`` of sw/psf.h.
"""

import os
import struct
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, Timer, with_timeout
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

PACKAGE, SIZE = 0x1000, 1 << 20  # where the package lies in memory, and how large that is


@cocotb.test()
async def classifies(dut) -> None:
    """Load a package, classify its first image, compare class and logits."""
    clock, reset = dut.clk_i, dut.rst_ni
    reset.value = 0
    await Timer(1, "ns")  # no edge before the reset
    cocotb.start_soon(Clock(clock, 10, "ns").start())
    host = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), clock, reset, False)
    memory = AxiRam(AxiBus.from_prefix(dut, "m_axi"), clock, reset, False, size=SIZE)
    await ClockCycles(clock, 4)
    reset.value = 1

    package = Path(os.environ["PSF_PACKAGE"]).read_bytes()
    word = struct.unpack_from("<24I", package)
    program, count, weights, images, expected = (word[i] for i in (11, 12, 13, 15, 19))
    classes, result = word[20], PACKAGE + len(package)
    memory.write(PACKAGE, package)

    for offset, value in {
        0x80: 0, 0x84: result - 1, 0x88: result, 0x8C: SIZE - 1,  # may be read, may be written
        0x40: PACKAGE + program, 0x44: PACKAGE + weights, 0x60: count,
        0x48: PACKAGE + images, 0x4C: result,
        0x28: 3, 0x20: 1,  # interrupts, start
    }.items():  # fmt: skip
        await host.write_dword(offset, value)
    await with_timeout(RisingEdge(dut.irq_o), 10, "ms")

    done, cause, where = [await host.read_dword(offset) for offset in (0x2C, 0x30, 0x34)]
    assert done == 1, f"error cause {cause} at descriptor {where}"
    answer = struct.unpack(f"<2I{classes}i", memory.read(result, 8 + 4 * classes))
    right = struct.unpack_from(f"<{1 + classes}i", package, expected)
    assert (answer[0], *answer[2:]) == right, f"{answer} instead of {right}"
    dut._log.info(f"class {answer[0]} after {answer[1]} cycles, as expected")
