# SPDX-License-Identifier: Apache-2.0
"""Line and toggle coverage of rtl/ by the regression under Verilator; ``make coverage``.

A point (a line or branch; a rising or falling bit) counts as reached when it was reached in any
instance of its module, in any build. Points are merged here because Debian's verilator_coverage
merges those of different builds wrongly.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import paths, tables
from golden.contract.errors import UserError
from golden.contract.paths import ROOT
from tb.measure import report

BUILD = paths.BUILD / "coverage"
# Builds of the larger configurations take minutes each with coverage and have no line of their own;
# the rest simulates nothing.
WITHOUT = "4x16 or 4x32 or formal or synth or packaging or wheel or mutants or scoreboard"
KINDS = {"line": ("v_line", "v_branch"), "toggle": ("v_toggle",)}
_POINT = re.compile(r"^C '(.*)' (\d+)$")

Points = dict[str, dict[str, dict[tuple[str, ...], int]]]  # module -> kind -> point -> hits


def read(files: list[Path]) -> Points:
    """Merge coverage files; keys are (line, column, what) within a module of rtl/."""
    points: Points = defaultdict(lambda: {kind: defaultdict(int) for kind in KINDS})
    for path in files:
        for line in path.read_text(errors="replace").splitlines():
            match = _POINT.match(line)
            if not match:
                continue
            fields = dict(
                part.split("\x02", 1) for part in match[1].split("\x01") if "\x02" in part
            )
            source = Path(fields["f"])
            if "rtl" not in source.parts:
                continue
            page = fields["page"].split("/")[0]
            for kind, pages in KINDS.items():
                if page in pages:
                    key = (fields["l"], fields["n"], fields["o"])
                    points[source.stem][kind][key] += int(match[2])
    return points


def figures(points: Points) -> dict:
    """Totals as fractions, and per module ``[reached, all]``."""
    modules = {
        module: {k: [sum(map(bool, hits.values())), len(hits)] for k, hits in kinds.items()}
        for module, kinds in sorted(points.items())
    }
    totals = {}
    for kind in KINDS:
        reached, count = (sum(m[kind][i] for m in modules.values()) for i in (0, 1))
        totals[kind] = reached / count if count else None
    return totals | {"modules": modules}


def missed(points: Points, kind: str) -> list[str]:
    """Every point that nothing reached, as file:line and what it is."""
    return [
        f"{module}.sv:{key[0]}: {key[2]}"
        for module, kinds in sorted(points.items())
        for key, hits in sorted(kinds[kind].items(), key=lambda item: int(item[0][0]))
        if not hits
    ]


def show(console: Console, data: dict) -> None:
    """One row per module."""
    table = Table("module", title="coverage of rtl/ (reached / all)")
    for kind in KINDS:
        table.add_column(kind, justify="right")
        table.add_column("%", justify="right")
    for module, kinds in data["modules"].items():
        cells = []
        for reached, count in kinds.values():
            cells += [f"{reached}/{count}", f"{100 * reached / count:.1f}" if count else "-"]
        table.add_row(module, *cells)
    table.add_section()
    table.add_row("all", *(x for k in KINDS for x in ("", f"{100 * (data[k] or 0):.1f}")))
    tables.show(console, table)


def run_coverage(arguments: list[str], only_report: bool) -> int:
    """Run, merge, print, write build/reports/coverage.json and build/coverage/missed.txt.

    arguments: of pytest.  only_report: print what the last run left.  Returns the exit status.
    """
    status = 0
    if not only_report:
        for old in BUILD.glob("*/run-*/coverage.dat"):
            old.unlink()
        environment = os.environ | {"PSF_COVERAGE": "1", "SIM": "verilator"}
        command = [sys.executable, "-m", "pytest", "tb", "--ignore=tb/run/test_runner.py"]
        command += ["-k", f"not ({WITHOUT})", *arguments]
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    files = sorted(BUILD.glob("*/run-*/coverage.dat"))
    if not files:
        raise UserError("no coverage.dat under build/coverage; run `make coverage`")
    points = read(files)
    data = figures(points)
    console = Console()
    show(console, data)
    left = BUILD / "missed.txt"
    left.write_text("".join(f"{kind} {x}\n" for kind in KINDS for x in missed(points, kind)))
    console.print(f"report: {report.write('coverage', data)}; not reached: {left}", highlight=False)
    return status
