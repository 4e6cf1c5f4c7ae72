# SPDX-License-Identifier: Apache-2.0
"""The ASIC view: standard cells of osu018 (0.18 um, 1.8 V, typical), memories left out as macros.

Debian's package qflow-tech-osu018 holds the Liberty file; it is fetched and unpacked, not
installed. OpenSTA gives the period when it is there or can be installed; no wires, no clock tree,
and the paths from and to memories are not timed (the macros have no timing model).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from golden.contract.errors import UserError
from synth import process
from synth.yosys import TOP, Memory, yosys

PACKAGE = "qflow-tech-osu018"
MACROS = "psf_ram_1r1w* psf_ram_async*"  # they hold the arrays; psf_ram_1r1w* covers _be
ABC_DELAY_PS = 4000
PERIOD_NS = 10.0
_LIBERTY = "usr/share/qflow/tech/osu018/osu018_stdcells.lib"


def _apt(*command: str, cwd: Path, root: bool = False) -> bool:
    """Run apt-get; whether it worked."""
    if not shutil.which("apt-get"):
        return False
    prefix = ["sudo", "-n"] if root and os.geteuid() != 0 else []
    try:
        done = subprocess.run(
            [*prefix, "apt-get", "-q", *command],
            cwd=cwd, capture_output=True, check=False, timeout=300,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def liberty(folder: Path) -> Path | None:
    """The Liberty file, fetched when it is not there yet; None when that does not work."""
    target = folder / "osu018"
    if (target / _LIBERTY).is_file():
        return target / _LIBERTY
    print(f"synth: fetching {PACKAGE} ...", flush=True)
    if not _apt("download", PACKAGE, cwd=folder):
        _apt("update", cwd=folder, root=True)
        if not _apt("download", PACKAGE, cwd=folder):
            return None
    archive = max(folder.glob(f"{PACKAGE}*.deb"), key=lambda p: p.stat().st_mtime)
    subprocess.run(["dpkg", "-x", str(archive), str(target)], check=True)
    found = target / _LIBERTY
    return found if found.is_file() else None


def sta_program(folder: Path) -> str | None:
    """OpenSTA's program, installed when it is not there; None when that does not work."""
    if not shutil.which("sta"):
        print("synth: installing opensta ...", flush=True)
        arguments = ("install", "-y", "--no-install-recommends", "opensta")
        _apt(*arguments, cwd=folder, root=True)
    return shutil.which("sta")


def macro_bits(found: list[Memory]) -> dict[str, dict[str, int]]:
    """Memories by wrapper: how many and how many bits."""
    count: Counter[str] = Counter()
    bits: Counter[str] = Counter()
    for memory in found:
        count[memory.module] += 1
        bits[memory.module] += memory.bits
    return {m: {"instances": count[m], "bits": bits[m]} for m in sorted(count)}


def area(folder: Path, library: Path) -> dict:
    """Map to the library: area in um2 of the standard cells, number of cells and flip-flops."""
    constr = folder / "osu018.constr"
    constr.write_text("set_driving_cell INVX4\nset_load 0.05 [all_outputs]\n")
    yosys(
        "asic: abc with osu018",
        folder,
        [
            f"read_rtlil {folder}/elaborated.il",
            f"blackbox {MACROS}",
            f"synth -flatten -top {TOP}",
            f"dfflibmap -liberty {library}",
            f"abc -liberty {library} -D {ABC_DELAY_PS} -constr {constr}",
            "opt_clean -purge",
            f"tee -q -o osu018.json stat -json -liberty {library}",
            "rename -wire",  # cells by what they drive
            "write_verilog -noattr -noexpr -nohex -simple-lhs osu018.v",
        ],
    )
    return read_area((folder / "osu018.json").read_text())


def read_area(text: str) -> dict:
    """What Yosys' ``stat -json -liberty`` says about the flat top.

    Raises:
        UserError: cells are left that the library does not have.
    """
    stat = json.loads(text[text.index("{") :])
    cells = stat["modules"][f"\\{TOP}"]["num_cells_by_type"]
    cells = {k.lstrip("\\"): v for k, v in cells.items()}
    odd = sorted(k for k in cells if k.startswith("$"))
    if odd:
        raise UserError(f"osu018 has no cell for {', '.join(odd)}")
    gates = {k: v for k, v in cells.items() if not k.startswith("psf_ram")}
    return {
        "osu018_area_um2": round(float(stat["modules"][f"\\{TOP}"]["area"]), 1),
        "osu018_cells": sum(gates.values()),
        "osu018_ff": sum(v for k, v in gates.items() if k.startswith("DFF")),
    }


def sta(folder: Path, library: Path, program: str) -> dict:
    """Longest register-to-register path of ``osu018.v`` with OpenSTA."""
    (folder / "osu018.tcl").write_text(
        f"read_liberty {library}\nread_verilog osu018.v\nlink_design {TOP}\n"
        f"create_clock -name clk -period {PERIOD_NS} [get_ports clk_i]\n"
        "report_checks -path_delay max -path_group clk -digits 3\nexit\n"
    )
    command = [program, "-no_splash", "-exit", "osu018.tcl"]
    return read_sta(process.run("asic: OpenSTA", command, folder, "opensta.log"))


def read_sta(log: str) -> dict:
    """Period, ends and cells of the path in OpenSTA's report_checks; empty when there is none.

    Raises:
        UserError: OpenSTA did not understand its input.
    """
    errors = re.findall(r"^Error.*", log, re.MULTILINE)
    if errors:
        raise UserError(f"OpenSTA: {errors[0]}")
    slack = re.search(r"^\s*(-?[\d.]+)\s+slack", log, re.MULTILINE)
    if not slack:
        return {}
    ends = re.findall(r"^(?:Startpoint|Endpoint): (\S+)", log, re.MULTILINE)
    cells = re.findall(r"^\s*-?[\d.]+\s+-?[\d.]+ [v^] \S+ \((\w+)\)$", log, re.MULTILINE)
    return {
        "osu018_period_ns": round(PERIOD_NS - float(slack[1]), 3),
        "osu018_path": " -> ".join(ends),
        "osu018_path_cells": max(len(cells) - 3, 0),  # without the clock pins and the last input
    }
