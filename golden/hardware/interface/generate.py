# SPDX-License-Identifier: Apache-2.0
"""Which files are generated, whole or in blocks, and their contents.

A block lies between a line with ``generated: <name>`` and the next line with ``end generated``;
these two lines are comments of the file's language and stay as they are.
"""

import re
from collections.abc import Callable, Mapping

from golden.contract.errors import UserError
from golden.contract.paths import ROOT
from golden.hardware.interface import c, pages, python, rdl, systemverilog

Block = Callable[[], str]  # its lines, each with a newline

WHOLE: Mapping[str, Block] = {
    "rtl/psf_pkg.sv": systemverilog.package,
    "rtl/psf_control_pkg.sv": systemverilog.control_package,
    "sw/psf_causes.h": c.causes,
}
BLOCKS: Mapping[str, Mapping[str, Block]] = {
    "golden/hardware/isa.py": {"codes": python.codes},
    "golden/hardware/configuration.py": {
        "constants": python.constants,
        "parameters": python.parameters,
    },
    "golden/hardware/registers/psf_regs.rdl": {
        "parameters": rdl.parameters,
        "features": rdl.features,
        "causes": rdl.causes,
        "counters": rdl.counters,
        "layers": rdl.layers,
    },
    "rtl/psf_top.sv": {"parameters": systemverilog.flat_parameters},
    "rtl/psf_accel.sv": {"parameters": systemverilog.flat_parameters},
    "tb/harness/psf_buses.svh": {"parameters": systemverilog.bench_parameters},
    "psf.core": {"parameters": systemverilog.core_parameters},
    "docs/reference/formats.md": pages.BLOCKS,
}
_BLOCK = re.compile(
    r"(?P<begin>^[^\n]*\bgenerated: (?P<name>[\w -]*\w)[^\n]*\n)(?P<text>.*?)"
    r"(?P<end>^[^\n]*\bend generated\b)",
    re.MULTILINE | re.DOTALL,
)


def filled(text: str, blocks: Mapping[str, Block], name: str) -> str:
    """``text`` of the file ``name`` with its blocks written anew."""
    found = []

    def fill(match: re.Match[str]) -> str:
        found.append(match["name"])
        if match["name"] not in blocks:
            raise UserError(
                f"{name}: the table has no block '{match['name']}'; there are {', '.join(blocks)}"
            )
        return match["begin"] + blocks[match["name"]]() + match["end"]

    text = _BLOCK.sub(fill, text)
    if sorted(found) != sorted(blocks):
        raise UserError(
            f"{name}: has the generated blocks {', '.join(sorted(found)) or 'none'}, not each of "
            f"{', '.join(sorted(blocks))} once; restore the lines that mark them"
        )
    return text


def contents() -> dict[str, str]:
    """File, relative to the repository, -> what it must hold."""
    made = {name: make() for name, make in WHOLE.items()}
    for name, blocks in BLOCKS.items():
        made[name] = filled((ROOT / name).read_text(), blocks, name)
    return made


def _present(name: str) -> str:
    path = ROOT / name
    return path.read_text() if path.exists() else ""


def stale() -> list[str]:
    """The files that do not hold what the table says."""
    return [name for name, text in contents().items() if _present(name) != text]


def write() -> list[str]:
    """Write the stale files; their names."""
    made = contents()
    names = [name for name, text in made.items() if _present(name) != text]
    for name in names:
        (ROOT / name).write_text(made[name])
    return names
