# SPDX-License-Identifier: Apache-2.0
"""The driver compiled for RISC-V processors, with every warning an error."""

import shutil
import subprocess

import pytest

from sw.tests.library import SOURCES, STRICT

PREFIX = "riscv64-unknown-elf-"
# What GCC may call by itself in C without an operating system.
HELPERS = {"memcpy", "memmove", "memset", "memcmp"}
# Of libgcc, for sums in 64 bits on a processor of 32.
HELPERS |= {"__muldi3", "__mulsi3", "__ashldi3", "__lshrdi3", "__umoddi3"}


def tool(name: str) -> str:
    found = shutil.which(PREFIX + name)
    assert found, f"{PREFIX}{name} is not installed; `make setup` installs it"
    return found


def compiled(folder, source, *options) -> str:
    """Object file of ``source``; the linker's symbols that it lacks, one a line."""
    out = folder / "driver.o"
    subprocess.run(
        [tool("gcc"), *STRICT, *options, "--specs=picolibc.specs", f"-I{SOURCES}", "-c", source,
         "-o", out], check=True, capture_output=True, text=True,
    )  # fmt: skip
    done = subprocess.run([tool("nm"), "-u", out], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.smoke
@pytest.mark.parametrize(
    "target",
    [("-march=rv32i", "-mabi=ilp32"), ("-march=rv32imac", "-mabi=ilp32", "-Os"),
     ("-march=rv64imac", "-mabi=lp64", "-mcmodel=medany")],
    ids=lambda target: target[0].removeprefix("-march="),
)  # fmt: skip
def test_the_driver_stands_alone(tmp_path, target):
    """No warning, no library but what the compiler itself asks for: no allocation, no system."""
    lacks = {line.split()[-1] for line in compiled(tmp_path, SOURCES / "psf.c", *target).split("\n")
             if line}  # fmt: skip
    assert lacks <= HELPERS, lacks


def test_a_warning_is_an_error(tmp_path):
    """The options are those that say so."""
    bad = tmp_path / "bad.c"
    bad.write_text('#include "psf.h"\nint f(unsigned a, int b, int c) { return a < b; }\n')
    with pytest.raises(subprocess.CalledProcessError) as caught:
        compiled(tmp_path, bad, "-march=rv32i", "-mabi=ilp32")
    assert "sign-compare" in caught.value.stderr and "unused-parameter" in caught.value.stderr
