# SPDX-License-Identifier: Apache-2.0
"""The driver, compiled for this machine, on the register model."""

import ctypes
import struct
import subprocess
from zlib import crc32

import numpy as np
import pytest

from golden.contract.model import forward
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware import isa
from golden.hardware.check import capabilities
from golden.hardware.compile.package import ALIGN, c_source, hexadecimal, package
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.interface import table
from golden.hardware.registers import driver_header
from sw.tests.library import SOURCES, STATUS, STRICT, Driver, Network, Window, compiler
from sw.tests.register_model import BASE, CYCLES, RegisterModel

HARDWARE = Hardware.named("2x8")
PACKAGE, RING, RESULT, MEMORY = 0x1000, 0x40000, 0x48000, 0x50000
COUNT = 3
CONFIG = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=2, height=5, width=4, mlp_ratio=1, classes=3,
    pooled_stages=(2,),
)  # fmt: skip


@pytest.fixture(scope="module")
def work():
    """(bytes of a package of three images, their logits)."""
    network = random_network(CONFIG, 3, lanes=HARDWARE.lanes)
    images = random_images(CONFIG, COUNT, 3)
    program = compile_network(network, HARDWARE)
    logits = forward(network, images).logits
    return package(program, [program.pack_image(x) for x in images], list(logits)), logits


@pytest.fixture
def bench(tmp_path, work):
    """(driver, model, package); nothing is initialised."""
    memory = bytearray(MEMORY)
    memory[PACKAGE : PACKAGE + len(work[0])] = work[0]
    assert PACKAGE + len(work[0]) <= RING
    model = RegisterModel(HARDWARE, memory)
    return Driver(tmp_path, model.read, model.write), model


class Header:
    """The header of the package in memory, as the C structure has it."""

    def __init__(self, data: bytes) -> None:
        words = struct.unpack("<24I", data[:96])
        (_, _, self.size, self.crc), self.capability = words[:4], words[4:11]
        (self.program, self.descriptors, self.weights, self.weight_bytes, self.images,
         self.image_bytes, self.stride, self.count, self.expected, self.classes,
         self.result_bytes, self.batch) = words[11:23]  # fmt: skip


def ready(driver, work, *, windows=True, at=0) -> tuple[Header, Network]:
    """Initialise, open the package, load the network; the memory lies at ``at``."""
    assert driver.call("psf_init", ctypes.c_size_t(BASE)) == "OK"
    data = ctypes.create_string_buffer(work[0], len(work[0]))
    found = ctypes.c_void_p()
    status = driver.lib.psf_package_open(data, len(work[0]), ctypes.byref(found))
    assert STATUS[status] == "OK" and found.value == ctypes.addressof(data)
    network = driver.lib.psf_package_network(found, at + PACKAGE)
    if windows:
        last = at + MEMORY - 1
        assert driver.call("psf_windows", Window(at, last), Window(at + RESULT, last)) == "OK"
    assert driver.call("psf_load", ctypes.byref(network)) == "OK"
    return Header(work[0]), network


def result(model, at: int, classes: int) -> tuple:
    return struct.unpack_from(f"<2I{classes}i", model.memory, at)


def test_an_image(bench, work):
    driver, model = bench
    header, _ = ready(driver, work)
    driver.value("psf_irq_enable", 0xFF)
    assert model.values["IRQ_ENABLE"] == 3
    for i, logits in enumerate(work[1]):
        image = PACKAGE + header.images + i * header.stride
        assert driver.call("psf_start", image, RESULT) == "OK"
        assert driver.call("psf_start", image, RESULT) == "BUSY"
        assert driver.call("psf_poll") == "BUSY"
        assert driver.call("psf_wait", 1) == "TIMEOUT"
        assert driver.call("psf_wait", 9) == "OK"
        assert driver.value("psf_label") == logits.argmax()
        assert driver.value("psf_cycles") == CYCLES
        assert driver.value("psf_error").cause == 0
        assert result(model, RESULT, 3) == (logits.argmax(), CYCLES, *logits)
        expected = struct.unpack_from("<4i", work[0], header.expected + 16 * i)
        assert expected == (logits.argmax(), *logits)
        assert driver.value("psf_irq_take") == 1
        assert driver.value("psf_irq_take") == 0


def test_several_images_a_job(tmp_path):
    """Images, results and expected answers of a job lie one behind the other; the last job is
    filled up."""
    network = random_network(CONFIG, 3, lanes=HARDWARE.lanes)
    images = random_images(CONFIG, 3, 4)
    program = compile_network(network, HARDWARE, images=2)
    jobs = [images[:2], np.concatenate([images[2:], np.zeros_like(images[:1])])]
    logits = [forward(network, job).logits for job in jobs]
    whole = package(program, [program.pack_images(job) for job in jobs], logits)
    memory = bytearray(MEMORY)
    memory[PACKAGE : PACKAGE + len(whole)] = whole
    model = RegisterModel(HARDWARE, memory)
    driver = Driver(tmp_path, model.read, model.write)
    header, _ = ready(driver, (whole,))
    assert (header.batch, header.count) == (2, 2) and header.result_bytes % 2 == 0
    for i, job in enumerate(logits):
        image = PACKAGE + header.images + i * header.stride
        assert driver.call("psf_start", image, RESULT) == "OK"
        assert driver.call("psf_wait", 9) == "OK"
        for k, row in enumerate(job):
            at = RESULT + k * header.result_bytes // 2
            assert result(model, at, 3) == (row.argmax(), CYCLES, *row)
            expected = struct.unpack_from("<4i", whole, header.expected + 16 * (2 * i + k))
            assert expected == (row.argmax(), *row)


def test_a_ring(bench, work):
    """More jobs than entries; the ring is full, then goes on where it was."""
    driver, model = bench
    header, _ = ready(driver, work)
    model.values["RING_TAIL"] = model.values["RING_HEAD"] = 0xFFFE  # wraps
    entries = (ctypes.c_uint32 * 8).from_buffer(model.memory, RING)
    assert driver.call("psf_push", 0, 0, 0) == "ARGUMENT"  # no ring yet
    assert driver.call("psf_ring", entries, RING + 8, 1) == "ARGUMENT"
    assert driver.call("psf_ring", entries, RING, 16) == "ARGUMENT"
    assert driver.call("psf_ring", entries, RING, 1) == "OK"
    done = 0
    for i in range(7):
        image = PACKAGE + header.images + i % COUNT * header.stride
        while (status := driver.call("psf_push", image, RESULT + 64 * i, i == 6)) == "FULL":
            assert driver.value("psf_pending") == 2
            assert driver.call("psf_ring", entries, RING, 1) == "BUSY"
            assert driver.call("psf_wait", 9) == "OK"
            done += 1
        assert status == "OK"
    assert driver.call("psf_push", 4, RESULT, 0) == "ARGUMENT"
    assert driver.call("psf_wait", 9) == "OK" and done
    assert driver.value("psf_pending") == 0
    for i in range(7):
        logits = work[1][i % COUNT]
        assert result(model, RESULT + 64 * i, 3) == (logits.argmax(), CYCLES, *logits)


def test_a_ring_of_checked_images(bench, work):
    """A right CRC, then a wrong one, and one of an image that has changed."""
    driver, model = bench
    header, _ = ready(driver, work)
    entries = (ctypes.c_uint32 * 16).from_buffer(model.memory, RING)
    image = PACKAGE + header.images
    pixels = bytes(model.memory[image : image + header.image_bytes])
    crc = driver.lib.psf_crc(pixels, len(pixels), 0)
    assert driver.call("psf_ring_checked", entries, RING, 1) == "OK"
    assert driver.call("psf_push", image, RESULT, 0) == "ARGUMENT"  # it has no CRC
    for i in range(3):
        assert driver.call("psf_push_checked", image, RESULT + 64 * i, 0, crc) == "OK"
        assert driver.call("psf_wait", 9) == "OK"
        logits = work[1][0]
        assert result(model, RESULT + 64 * i, 3) == (logits.argmax(), CYCLES, *logits)
    assert driver.call("psf_push_checked", image, RESULT, 0, crc ^ 1 << 31) == "OK"
    assert driver.call("psf_wait", 9) == "FAILED"
    error = driver.value("psf_error")
    assert (error.cause, error.job) == (isa.ERROR_IMAGE_CRC, 3)
    model.memory[image + header.image_bytes - 1] ^= 128
    assert driver.call("psf_push_checked", image, RESULT, 0, crc) == "OK"
    assert driver.call("psf_wait", 9) == "FAILED"
    assert driver.value("psf_error").cause == isa.ERROR_IMAGE_CRC
    assert driver.call("psf_ring", entries, RING, 1) == "OK"
    assert driver.call("psf_push_checked", image, RESULT, 0, crc) == "ARGUMENT"


def test_what_stops_a_run_is_said(bench, work):
    driver, model = bench
    header, network = ready(driver, work)
    model.memory[PACKAGE + header.program + 64] ^= 1
    assert driver.call("psf_start", PACKAGE + header.images, RESULT) == "OK"
    assert driver.call("psf_wait", 9) == "FAILED"
    error = driver.value("psf_error")
    assert (error.cause, error.descriptor, error.address) == (isa.ERROR_PROGRAM_CRC, 1, 0)
    assert driver.value("psf_irq_take") == 2
    model.memory[PACKAGE + header.program + 64] ^= 1
    model.memory[PACKAGE + header.weights + 5] ^= 8
    assert driver.call("psf_start", PACKAGE + header.images, RESULT) == "OK"
    assert driver.call("psf_wait", 9) == "FAILED"
    assert driver.value("psf_error").cause == isa.ERROR_WEIGHT_CRC
    model.memory[PACKAGE + header.weights + 5] ^= 8
    assert driver.call("psf_start", PACKAGE + header.images, RESULT - 64) == "OK"
    assert driver.call("psf_wait", 9) == "FAILED"
    error = driver.value("psf_error")
    assert (error.cause, error.address) == (isa.ERROR_WRITE_WINDOW, RESULT - 64)
    assert driver.call("psf_start", PACKAGE + header.images, RESULT) == "OK"
    driver.value("psf_abort")
    assert driver.call("psf_poll") == "FAILED"
    assert driver.value("psf_error").cause == isa.ERROR_ABORT
    model.stuck = True
    assert driver.call("psf_poll") == "STUCK"
    assert driver.call("psf_start", PACKAGE + header.images, RESULT) == "BUSY"
    assert driver.call("psf_init", ctypes.c_size_t(BASE)) == "STUCK"
    del network


@pytest.mark.parametrize(("width", "end"), [(40, 1 << 40), (33, (1 << 32) + RING), (64, 1 << 64)])
def test_addresses_above_4_gib(tmp_path, work, width, end):
    """The memory at the end of the addresses, or across 4 GiB: one image, then a ring."""
    at = end - MEMORY
    memory = bytearray(PACKAGE) + work[0] + bytes(MEMORY - PACKAGE - len(work[0]))
    model = RegisterModel(HARDWARE, memory, width=width, origin=at)
    driver = Driver(tmp_path, model.read, model.write)
    header, network = ready(driver, work, at=at)
    assert driver.device.address_bits == width
    image = at + PACKAGE + header.images
    assert driver.call("psf_start", image, at + RESULT) == "OK"
    assert driver.call("psf_wait", 9) == "OK"
    assert result(model, RESULT, 3) == (work[1][0].argmax(), CYCLES, *work[1][0])
    entries = (ctypes.c_uint32 * 8).from_buffer(model.memory, RING)
    assert driver.call("psf_ring", entries, at + RING, 1) == "OK"
    ringing = "ARGUMENT" if end == 1 << 64 else "OK"  # an entry has 63 bits
    assert driver.call("psf_push", image + header.stride, at + RESULT + 64, 1) == ringing
    if ringing == "OK":
        assert driver.call("psf_wait", 9) == "OK"
        assert result(model, RESULT + 64, 3) == (work[1][1].argmax(), CYCLES, *work[1][1])
    assert driver.call("psf_start", at - 8, at + RESULT) == "OK"
    assert driver.call("psf_wait", 9) == "FAILED"
    error = driver.value("psf_error")
    assert error.cause == isa.ERROR_READ_WINDOW
    assert error.address_high << 32 | error.address == at - 8
    if width < 64:
        beyond = 1 << width
        assert driver.call("psf_start", beyond, at + RESULT) == "ARGUMENT"
        assert driver.call("psf_start", image, beyond) == "ARGUMENT"
        assert driver.call("psf_ring", entries, beyond, 1) == "ARGUMENT"
        assert driver.call("psf_push", beyond, at + RESULT, 1) == "ARGUMENT"
        assert driver.call("psf_windows", Window(0, beyond + 7), Window(0, 7)) == "ARGUMENT"
        network.weights = beyond
        assert driver.call("psf_load", ctypes.byref(network)) == "ARGUMENT"


def test_texts(bench):
    driver, _ = bench
    for code in table.CAUSES.codes:
        assert driver.lib.psf_cause(code.value).decode() == code.meaning
    assert b"not know" in driver.lib.psf_cause(200)
    texts = {driver.lib.psf_text(i) for i in range(len(STATUS))}
    assert len(texts) == len(STATUS) and not any(b"not know" in text for text in texts)
    assert b"not know" in driver.lib.psf_text(len(STATUS))


def test_other_hardware_is_refused(bench, work):
    driver, model = bench
    header, network = ready(driver, work)
    assert list(driver.device.capability) == capabilities(HARDWARE) == list(header.capability)
    for i in range(7):
        network.capability[i] ^= 1 << i
        assert driver.call("psf_load", ctypes.byref(network)) == "CAPABILITY"
        network.capability[i] ^= 1 << i
    for name, value in (("program", 4), ("weights", 1), ("descriptors", 0)):
        kept = getattr(network, name)
        setattr(network, name, value)
        assert driver.call("psf_load", ctypes.byref(network)) == "ARGUMENT", name
        setattr(network, name, kept)
    model.values["VERSION"] += 1
    assert driver.call("psf_init", ctypes.c_size_t(BASE)) == "OK"  # a compatible change
    model.values["VERSION"] += 1 << 16
    assert driver.call("psf_init", ctypes.c_size_t(BASE)) == "VERSION"
    model.values["ID"] = 0
    assert driver.call("psf_init", ctypes.c_size_t(BASE)) == "NOT_THERE"


def test_windows_and_their_lock(bench, work):
    driver, model = bench
    ready(driver, work, windows=False)
    good = Window(0x100, 0x1FF)
    for bad in (Window(0x104, 0x1FF), Window(0x100, 0x1FE), Window(0x200, 0x1FF)):
        assert driver.call("psf_windows", bad, good) == "ARGUMENT"
        assert driver.call("psf_windows", good, bad) == "ARGUMENT"
    assert driver.call("psf_windows", good, Window(0x200, 0x2FF)) == "OK"
    driver.value("psf_lock")
    assert model.values["WINDOW_LOCK"] == 1
    assert driver.call("psf_windows", good, Window(0x200, 0x2FF)) == "OK"  # as they are
    assert driver.call("psf_windows", good, Window(0x200, 0x3FF)) == "LOCKED"
    driver.value("psf_watchdog", 77)
    assert model.values["WATCHDOG"] == 77


def opened(driver, data: bytes, size: int | None = None) -> str:
    buffer, found = ctypes.create_string_buffer(data, len(data)), ctypes.c_void_p()
    size = len(data) if size is None else size
    return STATUS[driver.lib.psf_package_open(buffer, size, ctypes.byref(found))]


def test_damaged_packages_are_refused(bench, work):
    driver, data = bench[0], work[0]
    assert opened(driver, data) == "OK" and len(data) % ALIGN == 0
    assert driver.lib.psf_crc(data, len(data), 0) == crc32(data)
    rng = np.random.default_rng(0)
    for at in rng.integers(len(data), size=60).tolist() + list(range(0, 96, 4)):
        bad = bytearray(data)
        bad[at] ^= 1 << int(rng.integers(8))
        assert opened(driver, bytes(bad)) == "PACKAGE", at
    for size in (0, 4, 95, len(data) - 1):
        assert opened(driver, data, size) == "PACKAGE", size


@pytest.mark.parametrize("word", [*range(11, 20), 22])
def test_parts_outside_of_a_package_are_refused(bench, work, word):
    """With a right checksum, too."""
    bad = bytearray(work[0])
    struct.pack_into("<I", bad, 4 * word, 0xFFFF_FFC0)
    struct.pack_into("<I", bad, 12, 0)
    struct.pack_into("<I", bad, 12, crc32(bad))
    assert opened(bench[0], bytes(bad)) == "PACKAGE"


def test_c_source_and_memory_file(tmp_path, work):
    """A C program that has the package as an array opens it."""
    (tmp_path / "network.c").write_text(c_source(work[0], "psf_network"))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "psf.h"\nextern const uint32_t psf_network[];\n'
        "int main(void) {\n  const struct psf_package *p;\n"
        f"  if ((uintptr_t)psf_network % {ALIGN}) return 1;\n"
        f"  if (psf_package_open(psf_network, {len(work[0])}u, &p)) return 2;\n"
        '  printf("%u\\n", (unsigned)p->image_count);\n  return 0;\n}\n'
    )
    out = tmp_path / "main"
    subprocess.run(
        [compiler(), *STRICT, f"-I{SOURCES}", tmp_path / "main.c", tmp_path / "network.c",
         SOURCES / "psf.c", "-o", out], check=True,
    )  # fmt: skip
    assert subprocess.run([out], capture_output=True, text=True, check=True).stdout == f"{COUNT}\n"
    lines = hexadecimal(work[0]).split()
    assert b"".join(int(line, 16).to_bytes(8, "little") for line in lines) == work[0]


def test_the_register_header_is_up_to_date():
    assert driver_header.HEADER.read_text() == driver_header.text(), (
        "python -m golden.hardware.registers.driver_header writes it anew"
    )
