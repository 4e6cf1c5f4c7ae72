# SPDX-License-Identifier: Apache-2.0
"""Elaboration with read_slang, the checks on it, and synthesis for the ECP5 with Yosys.

Yosys is the native one of the wheel ``pyosys``: ten times as fast as the WebAssembly build.
``elaborate`` keeps the hierarchy. From it come a flat netlist (for place and route) and one with
all modules kept (for the area table; nothing is optimised across their borders there, so that its
sum is a little larger than the flat netlist).
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from golden.contract.errors import UserError
from synth import carry_cells, process, wrapper
from tb.run.sources import sources_of

TOP = "psf_top"
# One pass per line; an error of Yosys ends it with status 1.
_YOSYS = (
    "import pathlib, sys; from pyosys import libyosys as ys; d = ys.Design(); "
    "[ys.run_pass(line, d) for line in pathlib.Path(sys.argv[1]).read_text().splitlines()]"
)
_LATCHES = "t:$dlatch t:$adlatch t:$dlatchsr t:$sr"
MAX_FF_MEMORY = 256  # bits: an array that may become flip-flops
_KINDS = {"DP16KD": "DP16KD", "PDPW16KD": "DP16KD", "TRELLIS_DPR16X4": "TRELLIS_DPR16X4"}
AREA = {"LUT4": "lut4", "CCU2C": "carry", "TRELLIS_FF": "ff", "DP16KD": "dp16kd"}
AREA |= {"TRELLIS_DPR16X4": "dpr16x4"}


@dataclass(frozen=True)
class Memory:
    """One array of the source and what became of it."""

    path: str  # instance path below the top
    module: str
    width: int
    depth: int
    mapped: str  # DP16KD, TRELLIS_DPR16X4 or FF
    cells: int | None = None  # how many of them
    ff: int | None = None  # flip-flops beside them

    @property
    def bits(self) -> int:
        """Contents."""
        return self.width * self.depth


def yosys(name: str, folder: Path, passes: list[str]) -> str:
    """Run Yosys passes in ``folder``; the log."""
    label = name.split(":")[0].replace(" ", "_")
    (folder / f"{label}.ys").write_text("\n".join(passes) + "\n")
    return process.run(name, [sys.executable, "-c", _YOSYS, f"{label}.ys"], folder, f"{label}.log")


def elaborate(
    folder: Path,
    parameters: Mapping[str, int | str],
    sources: list[Path] | None = None,
    top: str = TOP,
) -> dict:
    """Read the design with these parameters, check it; leaves ``elaborated.il``, ``.json`` and
    ``ecp5_cells.v``, modules in cells of an ECP5 that ``ecp5_source`` puts in their places.

    Raises:
        UserError: Yosys does not accept it; a latch, a conflicting driver or a combinational loop.
    """
    files = " ".join(str(p) for p in sources or sources_of(top))
    values = " ".join(f"-G {k}={v}" for k, v in parameters.items())
    yosys(
        "elaborate",
        folder,
        [
            f"read_slang --keep-hierarchy --top {top} {values} {files}",
            f"hierarchy -check -top {top}",
            "delete t:$check t:$print",
            "proc",
            "opt_clean",
            "check -assert",
            f"select -assert-none {_LATCHES}",
            "write_json elaborated.json",
            "write_rtlil elaborated.il",
        ],
    )
    elaborated = json.loads((folder / "elaborated.json").read_text())
    (folder / "ecp5_cells.v").write_text(carry_cells.modules(elaborated))
    return elaborated


def source(folder: Path) -> list[str]:
    """The pass that reads what ``elaborate`` left in ``folder``."""
    return [f"read_rtlil {folder}/elaborated.il"]


def ecp5_source(folder: Path) -> list[str]:
    """The same with the modules that are made of cells of an ECP5."""
    return [*source(folder), f"read_verilog -overwrite {folder}/ecp5_cells.v"]


def synth_flat(folder: Path, top: str = TOP) -> str:
    """synth_ecp5 over the flattened design; leaves ``flat.json``; the log."""
    passes = [*ecp5_source(folder), f"synth_ecp5 -top {top} -json flat.json"]
    return yosys("synth_ecp5: flat", folder, passes)


def synth_wrapped(folder: Path, elaborated: dict, top: str = TOP) -> wrapper.Cells:
    """The same with registers around it, for place and route; leaves ``wrapped.json``.

    What the registers take.
    """
    ports = elaborated["modules"][top]["ports"]
    (folder / wrapper.FILE).write_text(wrapper.source(top, ports))
    passes = [
        *ecp5_source(folder),
        f"read_verilog {wrapper.FILE}",
        f"synth_ecp5 -top {wrapper.WRAPPER} -json wrapped.json",
    ]
    yosys("synth_ecp5 wrapped: between registers", folder, passes)
    return wrapper.cells(json.loads((folder / "wrapped.json").read_text()))


def synth_modules(folder: Path) -> dict:
    """synth_ecp5 with every module kept; the netlist."""
    passes = [
        *ecp5_source(folder),
        f"synth_ecp5 -noflatten -top {TOP} -json modules.json",
    ]
    folder = folder / "modules"
    folder.mkdir(exist_ok=True)
    yosys("synth_ecp5: every module by itself", folder, passes)
    return json.loads((folder / "modules.json").read_text())


def _split(module: str) -> tuple[str, str]:
    """``psf_fifo$psf_top.u_accel.u_queue`` -> (psf_fifo, u_accel.u_queue)."""
    base, _, path = module.lstrip("\\").partition("$")
    return base, path.removeprefix(TOP).removeprefix(".")


def flat_cells(folder: Path, top: str = TOP) -> Counter[str]:
    """Cells of the flat netlist by type."""
    netlist = json.loads((folder / "flat.json").read_text())
    return Counter(c["type"] for c in netlist["modules"][top]["cells"].values())


def mapping(log: str) -> dict[str, str]:
    """Memory -> kind of RAM, from the log of a flat synth_ecp5."""
    found = {}
    for path, kind in re.findall(r"^mapping memory (\S+) via \$__(\w+?)_?$", log, re.MULTILINE):
        if kind not in _KINDS:
            raise UserError(f"{path} was mapped to {kind}, which synth/yosys.py does not know")
        found[path.removeprefix(TOP).removeprefix(".")] = _KINDS[kind]
    return found


def memories(elaborated: dict, flat_log: str, modules: dict | None = None) -> list[Memory]:
    """Every array of the design, where it is and what it became."""
    kinds, found = mapping(flat_log), []
    for name, module in elaborated["modules"].items():
        base, path = _split(name)
        for array, shape in module.get("memories", {}).items():
            place = f"{path}.{array}".removeprefix(".")
            kind = kinds.pop(place, "FF")
            cells = ff = None
            if modules and name in modules["modules"]:
                count = Counter(c["type"] for c in modules["modules"][name]["cells"].values())
                cells, ff = count[kind], count["TRELLIS_FF"]
            found.append(Memory(place, base, shape["width"], shape["size"], kind, cells, ff))
    if kinds:
        raise UserError(f"memories that are not in the sources were mapped: {sorted(kinds)}")
    return sorted(found, key=lambda m: m.path)


def misplaced(found: list[Memory]) -> list[str]:
    """Memories in flip-flops that should be in RAM, one sentence each."""
    return [
        f"memory {m.path} ({m.depth} x {m.width} bits) became flip-flops"
        for m in found
        if m.mapped == "FF" and (m.module.startswith("psf_ram") or m.bits > MAX_FF_MEMORY)
    ]


def areas(modules: dict) -> list[dict]:
    """Per module of the source: instances, cells of their own, and with everything below."""
    netlist = modules["modules"]
    own = {n: Counter(c["type"] for c in m["cells"].values()) for n, m in netlist.items()}
    total: dict[str, Counter] = {}

    def count(name: str) -> Counter[str]:
        if name not in total:
            total[name] = Counter()
            for kind, times in own[name].items():
                if kind in netlist and _split(kind)[0].startswith("psf_"):
                    below = count(kind)
                    total[name].update({k: v * times for k, v in below.items()})
                else:
                    total[name][kind] += times
        return total[name]

    rows: dict[str, dict] = {}
    for name in (n for n in netlist if _split(n)[0].startswith("psf_")):
        base = _split(name)[0]
        row = rows.setdefault(base, {"module": base, "instances": 0, "own": Counter()})
        row["instances"] += 1
        row["own"].update(own[name])
        row.setdefault("all", Counter()).update(count(name))
    return [
        {"module": r["module"], "instances": r["instances"]}
        | {key: r["all"][cell] for cell, key in AREA.items()}
        | {f"own_{key}": r["own"][cell] for cell, key in AREA.items()}
        for r in sorted(rows.values(), key=lambda r: -r["all"]["LUT4"])
    ]


def memory_rows(found: list[Memory]) -> list[dict]:
    """For the report."""
    return [asdict(m) | {"bits": m.bits} for m in found]
