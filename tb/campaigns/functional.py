# SPDX-License-Identifier: Apache-2.0
"""Functional coverage of the whole block by the regression and the fuzzer; ``make functional``.

What is sampled stands in tb.lib.functional_coverage; a bin, or a cross of bins, counts as reached
when any simulation met it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from cocotb_coverage.coverage import merge_coverage
from rich.console import Console
from rich.table import Table

from golden.contract import paths, tables
from golden.contract.errors import UserError
from golden.contract.paths import ROOT
from tb.lib.functional_coverage import FOLDER
from tb.measure import report

BUILD = paths.BUILD / "functional"
FOUND, MERGED = BUILD / "simulations", BUILD / "functional.xml"
TESTS = ("tb/system", "tb/measure", "tb/campaigns/test_fuzz.py", "tb/campaigns/test_uncommon.py")


@dataclass(frozen=True)
class Item:
    """A point or a cross: ``hits`` of its bins."""

    name: str
    hits: dict[str, int]

    @property
    def missed(self) -> list[str]:
        return [name for name, hits in self.hits.items() if not hits]


def read(path: Path) -> list[Item]:
    """The items of a file of cocotb-coverage."""
    out: dict[str, dict[str, int]] = defaultdict(dict)
    for element in ElementTree.parse(path).iter():
        name, _, last = element.attrib["abs_name"].rpartition(".")
        if last.startswith("bin") and "hits" in element.attrib:
            out[name.removeprefix("top.")][element.attrib["bin"]] = int(element.attrib["hits"])
    return [Item(name, hits) for name, hits in sorted(out.items())]


def figures(items: list[Item]) -> dict:
    """Totals as fractions, ``[reached, all]`` of every item, and what nothing reached."""
    kinds: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    table = {}
    for item in items:
        table[item.name] = [len(item.hits) - len(item.missed), len(item.hits)]
        for i in (0, 1):
            kinds[item.name.split(".")[0]][i] += table[item.name][i]
    reached, count = (sum(kind[i] for kind in kinds.values()) for i in (0, 1))
    return {
        "reached": reached,
        "bins": count,
        "share": reached / count if count else None,
        "kinds": dict(kinds),
        "items": table,
        "missed": {item.name: item.missed for item in items if item.missed},
    }


def show(console: Console, data: dict) -> None:
    """One row per item."""
    table = Table("point or cross", title="functional coverage")
    for name in ("reached", "bins", "%"):
        table.add_column(name, justify="right")
    for name, (reached, count) in (*data["items"].items(), *data["kinds"].items()):
        table.add_row(name, str(reached), str(count), f"{100 * reached / count:.1f}")
    tables.show(console, table)
    console.print(
        f"{data['reached']:,} of {data['bins']:,} bins and crosses reached "
        f"({100 * (data['share'] or 0):.1f} %)",
        highlight=False,
    )


def run_functional(arguments: list[str], programs: int, only_report: bool) -> int:
    """Run, merge, print; write build/reports/functional.json and build/functional/missed.txt.

    arguments: of pytest, in addition to the tests of the whole block.  programs: of the fuzzer.
    only_report: print what the last run left.  Returns the exit status.
    """
    status = 0
    if not only_report:
        for old in FOUND.glob("*.xml"):
            old.unlink()
        FOUND.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {FOLDER: str(FOUND), "SIM": "verilator"}
        commands = [["pytest", *TESTS, *arguments]]
        if programs:
            seed = ["--seed", os.environ["SEED"]] if os.environ.get("SEED") else []
            commands.append(["golden", "fuzz", "--programs", str(programs), *seed])
        for command in commands:
            run = [sys.executable, "-m", *command]
            status |= subprocess.run(run, cwd=ROOT, env=environment, check=False).returncode
    files = sorted(FOUND.glob("*.xml"))
    if not files:
        raise UserError("no simulation left anything in build/functional; run `make functional`")
    merge_coverage(lambda _: None, str(MERGED), *map(str, files))
    data = {"simulations": len(files)} | figures(read(MERGED))
    console = Console()
    show(console, data)
    left = BUILD / "missed.txt"
    left.write_text("".join(f"{k}: {x}\n" for k, names in data["missed"].items() for x in names))
    console.print(
        f"report: {report.write('functional', data)}; not reached: {left}", highlight=False
    )
    return status
