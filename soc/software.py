# SPDX-License-Identifier: Apache-2.0
"""The firmware of a system, compiled for its processor."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import litex.soc.cores.cpu.vexriscv
import litex.soc.software
from litedram.init import get_sdram_phy_c_header
from litex.soc.integration import export

from golden.contract.errors import RunFailed, UserError
from golden.contract.paths import ROOT

SOURCES = Path(__file__).parent / "firmware"
DRIVER = ROOT / "sw"
PREFIX = "riscv64-unknown-elf-"
# -misa-spec: in it the base has the instructions for control registers, which crt0 uses.
FLAGS = (
    "-march=rv32im", "-mabi=ilp32", "-misa-spec=2.2", "-O2", "-std=gnu99", "-Wall", "-Wextra",
    "-Werror", "-ffunction-sections", "-fdata-sections", "--specs=picolibc.specs",
    "-DPICOLIBC_INTEGER_PRINTF_SCANF",
)  # fmt: skip
_CPU = Path(litex.soc.cores.cpu.vexriscv.__file__).parent
_INCLUDES = Path(next(iter(litex.soc.software.__path__))) / "include"


def headers(soc) -> dict[str, str]:
    """Name -> text: what firmware wants to know of a finalised LiteX SoC."""
    dram = soc.sdram.controller.settings
    return {
        "regions.ld": export.get_linker_regions(soc.mem_regions),
        "generated/mem.h": export.get_mem_header(soc.mem_regions),
        "generated/soc.h": export.get_soc_header(soc.constants),
        "generated/csr.h": export.get_csr_header(
            soc.csr_regions, soc.constants, soc.mem_regions["csr"].origin
        ),
        "generated/sdram_phy.h": get_sdram_phy_c_header(dram.phy, dram.timing, dram.geom),
    }


def _tool(name: str) -> str:
    found = shutil.which(PREFIX + name)
    if found is None:
        raise UserError(f"{PREFIX}{name} is not installed; `make setup` installs it")
    return found


def _run(command: list) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunFailed(f"{Path(command[0]).name} ended with {done.returncode}:\n{done.stderr}")


def firmware(folder: Path, texts: Mapping[str, str]) -> list[int]:
    """Compile soc/firmware and the driver with the ``headers`` of a system; the words of its ROM.

    Raises:
        UserError: the compiler is not installed.
        RunFailed: it found a mistake.
    """
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    elf, flat = folder / "firmware.elf", folder / "firmware.bin"
    _run(
        [_tool("gcc"), *FLAGS, f"-I{DRIVER}", "-isystem", folder, "-isystem", _CPU,
         "-isystem", _INCLUDES, "-nostartfiles", f"-L{folder}", f"-T{SOURCES / 'link.ld'}",
         "-Wl,--gc-sections", _CPU / "crt0.S", SOURCES / "main.c", SOURCES / "console.c",
         DRIVER / "psf.c", "-o", elf]
    )  # fmt: skip
    _run([_tool("objcopy"), "-O", "binary", elf, flat])
    data = flat.read_bytes()
    data += bytes(-len(data) % 4)
    return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]
