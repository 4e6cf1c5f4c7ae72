# SPDX-License-Identifier: Apache-2.0
"""The register map and what PeakRDL makes of it. The block itself:
tb/unit/host/test_registers.py."""

import re
import shutil
import subprocess
import sys

import pytest

from golden.hardware.configuration import Hardware
from golden.hardware.interface import table
from golden.hardware.registers import RDL, load
from golden.hardware.registers.generate import generate


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("registers")
    assert [p.name for p in generate(Hardware.named("4x32"), out)] == [
        "index.html",
        "psf_regs.h",
        "psf_regs",
    ]
    return out


def test_map_has_no_overlap_and_describes_every_field():
    registers = load()
    assert len({r.address for r in registers.values()}) == len(registers) == 47 + 64 * 8
    for register in registers.values():
        assert register.address % 4 == 0 and register.address < 0x1000
        used = 0
        for field in register.fields:
            assert not used & field.mask and field.low + field.width <= 32
            used |= field.mask
    text = RDL.read_text()
    assert len(re.findall(r"\bfield \{", text)) == len(re.findall(r"\} \w+\[\d+:\d+\]", text))


def test_causes_are_those_of_the_package():
    """Those of the RDL; test_interface.py compares the table with the package."""
    want = {code.name: code.value for code in table.CAUSES.codes}
    assert load()["ERROR_CAUSE"]["cause"].codes == want and len(want) >= 14


def test_capabilities_follow_the_hardware():
    for name in ("2x8", "4x16", "4x32", "2x8,parity=0,bus_bytes=32"):
        hardware = Hardware.named(name)
        registers = load(hardware.sv_parameters())
        found = {}
        for index in (0, 1, 2, 3, 4, 6):
            register = registers[f"CAP{index}"]
            found |= register.unpack(register.reset)
        arrays = hardware.weight_arrays  # concerns nobody outside
        rest = registers["CAP5"].unpack(registers["CAP5"].reset)
        found |= {"weight_arrays": arrays, "parity": rest["parity"], "bus_bytes": rest["axi_bytes"]}
        assert Hardware(**found) == hardware


def test_pack_and_unpack():
    register = load()["IRQ_ENABLE"]
    assert register.unpack(register.pack(error=1)) == {"job": 0, "error": 1}
    with pytest.raises(ValueError, match="does not fit"):
        register.pack(job=2)
    with pytest.raises(KeyError, match="has no field"):
        register["jobs"]


def test_c_header_has_the_addresses(made):
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "a C compiler comes with g++; `make setup` installs it"
    registers = load(Hardware.named("4x32").sv_parameters())
    lines = ["#include <stddef.h>", '#include "psf_regs.h"']
    for name, register in registers.items():
        if not name.startswith("COUNTERS") or name.startswith(("COUNTERS[0].", "COUNTERS[63].")):
            lines.append(f'_Static_assert(offsetof(psf_regs_t, {name}) == {register.address}, "");')
    for name in ("LANES", "GROUPS", "LINE_WORDS"):
        want = registers["CAP0"][name.lower()].reset
        lines.append(f'_Static_assert(PSF_REGS__CAP0__{name}_reset == {want}, "");')
    (made / "check.c").write_text("\n".join(lines) + "\n")
    subprocess.run([compiler, "-std=gnu11", "-Wall", "-Werror", "-fsyntax-only", "check.c"],
                   cwd=made, check=True)  # fmt: skip


def test_python_package_reads_and_writes(made):
    """In a process of its own: it sees nothing but the generated package."""
    program = """
from psf_regs.lib import NormalCallbackSet
from psf_regs.reg_model.psf_regs import psf_regs_cls
memory, writes = {0x30: 11, 0x864: 1234, 0x28: 0}, []
def read(addr, width, accesswidth):
    return memory[addr]
def write(addr, width, accesswidth, data):
    writes.append((addr, data))
regs = psf_regs_cls(callbacks=NormalCallbackSet(read_callback=read, write_callback=write))
regs.IRQ_ENABLE.error.write(1)
regs.PROGRAM_BASE.write(0x1000)
assert writes == [(0x28, 2), (0x40, 0x1000)], writes
assert regs.ERROR_CAUSE.cause.read().name == "PARITY"
assert regs.COUNTERS[3].ROWS.count.read() == 1234
"""
    program = "import sys; sys.path.insert(0, 'python')" + program
    subprocess.run([sys.executable, "-I", "-c", program], cwd=made, check=True)


def test_pages_name_every_register(made):
    pages = "".join(p.read_text() for p in (made / "html" / "content").glob("*.html"))
    for name in load():
        assert re.search(rf"\b{name.partition('.')[2] or name}\b", pages), name
    assert "PARITY" in pages and "ignored while busy or stuck" in pages.lower()
