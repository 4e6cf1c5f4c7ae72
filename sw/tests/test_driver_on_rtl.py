# SPDX-License-Identifier: Apache-2.0
"""The driver on the RTL: its register accesses are those of the bench's AXI4-Lite master."""

import ctypes
import random
import struct
import tempfile
from pathlib import Path

import cocotb
import pytest
from cocotb.task import bridge, resume

from golden.hardware import isa
from golden.hardware.compile.package import package
from sw.tests.library import STATUS, Driver, Window
from tb.lib.inference import Inference
from tb.system.run import run_small

BASE, PACKAGE, LOOKS = 0x1000_0000, 0x2000, 100_000


class OnRtl(Inference):
    """The bench, and in its memory a package and behind it a ring and results."""

    async def begin(self, **options) -> None:
        await self.start(**options)
        logits = [logits for ((_, logits),) in self.expected]
        self.whole = package(self.program, self.packed, logits)
        self.ring_at = PACKAGE + len(self.whole)
        self.result_at = self.ring_at + 64
        await self.load({PACKAGE: self.whole})
        self.ring = (ctypes.c_uint32 * 16)()
        with tempfile.TemporaryDirectory() as folder:  # once loaded, the library needs no file
            self.driver = Driver(Path(folder), resume(self._read32), resume(self._write32))

    async def _read32(self, address: int) -> int:
        assert await self.access(address - BASE, 0) == 0
        return int(self.dut.host_rdata_o.value)

    async def _write32(self, address: int, value: int) -> None:
        if address - BASE == 0x70:  # the doorbell: what the processor wrote is in memory
            await self.load({self.ring_at: bytes(self.ring)})
        assert await self.access(address - BASE, 1, value) == 0, hex(address)

    async def call(self, name: str, *arguments) -> str:
        """Status of a function of the driver, while the clock runs."""
        return await bridge(self.driver.call)(name, *arguments)

    async def value(self, name: str, *arguments):
        return await bridge(self.driver.value)(name, *arguments)

    async def ready(self) -> int:
        """The driver with the network loaded; the address of image 0, the stride in `stride`."""
        assert await self.call("psf_init", ctypes.c_size_t(BASE)) == "OK"
        buffer = ctypes.create_string_buffer(self.whole, len(self.whole))
        found = ctypes.c_void_p()
        opened = self.driver.lib.psf_package_open(buffer, len(self.whole), ctypes.byref(found))
        assert STATUS[opened] == "OK"
        network = self.driver.lib.psf_package_network(found, PACKAGE)
        reads = Window(PACKAGE, self.ring_at + 63)
        writes = Window(self.result_at, self.result_at + 4095)
        assert await self.call("psf_windows", reads, writes) == "OK"
        for name, window in (("read", reads), ("write", writes)):
            getattr(self.dut, f"{name}_base_i").value = window.first
            getattr(self.dut, f"{name}_limit_i").value = window.last
        assert await self.call("psf_load", ctypes.byref(network)) == "OK"
        header = struct.unpack_from("<24I", self.whole)
        self.stride = header[17]
        return PACKAGE + header[15]


@cocotb.test(timeout_time=2000, timeout_unit="ms")
async def drives_the_accelerator(dut) -> None:
    """Images one by one and in a ring, errors, an abort: results and causes are right."""
    bench = OnRtl(dut)
    await bench.begin(stalls=20, latency=20, seed=1)
    images = await bench.ready()
    await bench.value("psf_irq_enable", 3)
    count = len(bench.expected)
    for i in range(count):
        image = images + i * bench.stride
        assert await bench.call("psf_start", image, bench.result_at) == "OK"
        assert await bench.call("psf_wait", LOOKS) == "OK"
        assert await bench.stored(bench.result_at) == bench.expected[i]
        assert await bench.value("psf_label") == bench.expected[i][0][0]
        assert await bench.value("psf_cycles") > 1000
        assert await bench.value("psf_irq_take") == 1 and not int(dut.irq_o.value)

    assert await bench.call("psf_ring", bench.ring, bench.ring_at, 2) == "OK"
    size = -(-bench.program.result_bytes // 64) * 64
    for i in range(4):
        image, result = images + i % count * bench.stride, bench.result_at + i * size
        assert await bench.call("psf_push", image, result, 0) == "OK"
    assert await bench.call("psf_wait", LOOKS) == "OK"
    assert await bench.value("psf_pending") == 0
    for i in range(4):
        assert await bench.stored(bench.result_at + i * size) == bench.expected[i % count]

    assert await bench.call("psf_ring_checked", bench.ring, bench.ring_at, 1) == "OK"
    pixels = bench.packed[0]
    crc = bench.driver.lib.psf_crc(pixels, len(pixels), 0)
    for wrong, end in ((0, "OK"), (1 << 31, "FAILED"), (0, "OK")):
        push = "psf_push_checked"
        assert await bench.call(push, images, bench.result_at, 0, crc ^ wrong) == "OK"
        assert await bench.call("psf_wait", LOOKS) == end
    assert await bench.stored(bench.result_at) == bench.expected[0]
    assert (await bench.value("psf_irq_take")) == 3

    assert await bench.call("psf_start", images, PACKAGE) == "OK"  # may not be written
    assert await bench.call("psf_wait", LOOKS) == "FAILED"
    error = await bench.value("psf_error")
    assert (error.cause, error.address) == (isa.ERROR_WRITE_WINDOW, PACKAGE)
    assert await bench.call("psf_start", images, bench.result_at) == "OK"
    await bench.cycles(random.randrange(300, 2000))
    await bench.value("psf_abort")
    assert await bench.call("psf_wait", LOOKS) == "FAILED"
    assert (await bench.value("psf_error")).cause == isa.ERROR_ABORT
    assert await bench.call("psf_start", images, bench.result_at) == "OK"
    assert await bench.call("psf_wait", LOOKS) == "OK"
    assert await bench.stored(bench.result_at) == bench.expected[0]


@pytest.mark.long
def test_the_driver_on_the_rtl() -> None:
    run_small(__name__)
