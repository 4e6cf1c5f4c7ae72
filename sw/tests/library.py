# SPDX-License-Identifier: Apache-2.0
"""The driver as a library for Python, its register accesses answered by functions of the test."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from golden.contract.paths import ROOT

SOURCES = ROOT / "sw"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", "-O2")
_STUB = """
#include "psf.h"
uint32_t (*on_read)(uintptr_t);
void (*on_write)(uintptr_t, uint32_t);
uint32_t psf_io_read(uintptr_t address) { return on_read(address); }
void psf_io_write(uintptr_t address, uint32_t value) { on_write(address, value); }
"""
_READ = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_size_t)
_WRITE = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_uint32)
STATUS = (
    "OK", "BUSY", "NOT_THERE", "VERSION", "CAPABILITY", "ARGUMENT", "LOCKED", "FAILED", "STUCK",
    "TIMEOUT", "FULL", "PACKAGE",
)  # fmt: skip


class Device(ctypes.Structure):
    """struct psf_device."""

    _fields_ = (
        ("base", ctypes.c_size_t), ("capability", ctypes.c_uint32 * 7), ("ring", ctypes.c_void_p),
        ("ring_words", ctypes.c_uint16), ("ring_mask", ctypes.c_uint16),
        ("ring_head", ctypes.c_uint16), ("address_bits", ctypes.c_uint8),
    )  # fmt: skip


class Network(ctypes.Structure):
    """struct psf_network."""

    _fields_ = (
        ("program", ctypes.c_uint64), ("weights", ctypes.c_uint64),
        ("descriptors", ctypes.c_uint16), ("capability", ctypes.c_uint32 * 7),
    )  # fmt: skip


class Window(ctypes.Structure):
    """struct psf_window."""

    _fields_ = (("first", ctypes.c_uint64), ("last", ctypes.c_uint64))


class Error(ctypes.Structure):
    """struct psf_error."""

    _fields_ = (
        ("cause", ctypes.c_uint8), ("descriptor", ctypes.c_uint16), ("address", ctypes.c_uint32),
        ("address_high", ctypes.c_uint32), ("job", ctypes.c_uint16),
    )  # fmt: skip


def compiler() -> str:
    """The C compiler of this machine, which Verilator needs, too."""
    found = shutil.which("gcc") or shutil.which("cc") or shutil.which("clang")
    assert found, "no C compiler; `make setup` names what is needed"
    return found


class Driver:
    """`call("psf_start", ...)` gives the name of a status; `lib` is the library itself."""

    def __init__(
        self, folder: Path, read: Callable[[int], int], write: Callable[[int, int], None]
    ) -> None:
        (folder / "io.c").write_text(_STUB)
        out = folder / "driver.so"
        subprocess.run(
            [compiler(), *STRICT, "-DPSF_IO_EXTERNAL", "-shared", "-fPIC", f"-I{SOURCES}",
             SOURCES / "psf.c", folder / "io.c", "-o", out],
            check=True,
        )  # fmt: skip
        self.lib = ctypes.CDLL(str(out))
        self._kept = _READ(read), _WRITE(write)
        for name, function in zip(("on_read", "on_write"), self._kept, strict=True):
            pointer = ctypes.c_void_p.in_dll(self.lib, name)
            pointer.value = ctypes.cast(function, ctypes.c_void_p).value
        for name in ("psf_cause", "psf_text"):
            getattr(self.lib, name).restype = ctypes.c_char_p
        self.lib.psf_error.restype = Error
        self.lib.psf_package_network.restype = Network
        for name in ("psf_cycles", "psf_irq_take", "psf_crc"):
            getattr(self.lib, name).restype = ctypes.c_uint32
        for name in ("psf_label", "psf_pending"):
            getattr(self.lib, name).restype = ctypes.c_uint16
        device, address = ctypes.c_void_p, ctypes.c_uint64
        self.lib.psf_start.argtypes = (device, address, address)
        self.lib.psf_push.argtypes = (device, address, address, ctypes.c_int)
        self.lib.psf_push_checked.argtypes = (*self.lib.psf_push.argtypes, ctypes.c_uint32)
        for name in ("psf_ring", "psf_ring_checked"):
            getattr(self.lib, name).argtypes = (device, device, address, ctypes.c_uint)
        self.lib.psf_package_network.argtypes = (device, address)
        self.device = Device()

    def call(self, name: str, *arguments) -> str:
        """Status of a function that takes the device first."""
        return STATUS[getattr(self.lib, name)(ctypes.byref(self.device), *arguments)]

    def value(self, name: str, *arguments):
        """The result of one that gives something else."""
        return getattr(self.lib, name)(ctypes.byref(self.device), *arguments)
