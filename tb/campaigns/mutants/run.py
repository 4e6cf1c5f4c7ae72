# SPDX-License-Identifier: Apache-2.0
"""Makes one listed mutant of the RTL after the other, mostly without a protection: a test has to
fail.

``psf mutants --listed`` takes all of tb/campaigns/mutants/simulation.toml; ``psf mutants NAME``
some, by name or by what was protected.

Every test passes on an unchanged copy first. A mutant is *noticed* when each of its tests then
fails in the simulation, *unnoticed* when one passes, *broken* when the copy does not build (a
mistake in the list, as is a text that is not there) or the test fails without the mutant, too. The
working tree is only read. Exit status 1 unless all are noticed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from golden.contract import paths
from golden.contract.errors import UserError
from golden.contract.paths import ROOT
from tb.campaigns.mutants.apply import mutated
from tb.measure import report

LIST = Path(__file__).with_name("simulation.toml")
BUILD = paths.BUILD / "mutants"
TREE = ("rtl", "tb", "golden", "lint", "formal", "scripts", "pyproject.toml")  # what tests need
PYTEST = (sys.executable, "-m", "pytest", "-q")
LIMIT_S = 1800
NOTICED, UNNOTICED, BROKEN = "noticed", "unnoticed", "broken"


@dataclass(frozen=True)
class Mutant:
    """One change of the RTL: ``old`` becomes ``new`` in rtl/``file``, ``count`` times."""

    name: str
    protects: str  # what is out of order then: ERROR_* of psf_pkg, or the mechanism in words
    file: str
    old: str
    new: str
    tests: tuple[str, ...]  # pytest nodes, each of which must fail
    count: int = 1

    def applied(self, text: str) -> str:
        """``text`` with the change; ValueError if it is not what the list expects."""
        try:
            return mutated(text, self.old, self.new, self.count)
        except ValueError as error:
            raise ValueError(f"{self.file}: {error}") from None


@dataclass(frozen=True)
class Verdict:
    """What one or more pytest runs said, and how a failure showed."""

    what: str
    how: str = ""
    seconds: float = 0.0


def read() -> list[Mutant]:
    """The list; TypeError for an entry with a key too many or too few."""
    entries = tomllib.loads(LIST.read_text())["mutant"]
    return [Mutant(**entry | {"tests": tuple(entry["tests"])}) for entry in entries]


def copy(source: Path, target: Path) -> Path:
    """The tree without what was built in ``target``, whose own builds stay."""
    target.mkdir(parents=True, exist_ok=True)
    for name in TREE:
        old, new = source / name, target / name
        if old.is_dir():
            shutil.rmtree(new, ignore_errors=True)
            shutil.copytree(old, new, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(old, new)
    return target


def how(text: str) -> str:
    """The line of a failed simulation that says most."""
    assertion = re.search(r"(psf_\w+\.sv:\d+): Assertion failed", text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((x for x in lines[1:] if not x.startswith("%")), lines[0] if lines else "")
    return f"assertion at {assertion.group(1)}" if assertion else said[:160]


def message(failure: ElementTree.Element) -> str:
    """The message of a failed pytest case; its attribute is a short version of long ones."""
    marked = [x[1:].strip() for x in (failure.text or "").splitlines() if x.startswith("E ")]
    return "\n".join(marked) or failure.get("message", "")


def ask(tree: Path, test: str, environment: dict[str, str]) -> Verdict:
    """Run one pytest node in ``tree``."""
    name = re.sub(r"[^\w.=-]+", "_", test)
    results, began = tree / f"{name}.xml", time.monotonic()
    results.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            [*PYTEST, f"--junitxml={results}", test],
            cwd=tree,
            env={"SEED": "1", **os.environ, **environment, "PYTHONPATH": str(tree)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Verdict(BROKEN, f"{test}: no end after {LIMIT_S} s", time.monotonic() - began)
    seconds = time.monotonic() - began
    (tree / f"{name}.log").write_text(done.stdout)
    cases = ElementTree.parse(results).getroot().iter("testcase") if results.is_file() else []
    cases = [case for case in cases if case.find("skipped") is None]
    if cases and not done.returncode:
        return Verdict(UNNOTICED, f"{test} passes", seconds)
    texts = [message(x) for case in cases for x in case.findall("failure")]
    simulated = [t for t in texts if re.match(r"\S*(SimulationFailed|AssertionError)|assert ", t)]
    if done.returncode == 1 and cases and len(simulated) == len(cases):
        return Verdict(NOTICED, how(simulated[0]), seconds)
    said = next(iter(texts), done.stdout).split("\n")
    return Verdict(BROKEN, " ".join(line.strip() for line in said if line.strip())[:400], seconds)


def judge(mutant: Mutant, base: Path, environment: dict[str, str]) -> Verdict:
    """Change a copy of ``base`` and run the tests; all of them must notice."""
    tree = BUILD / mutant.name
    shutil.rmtree(tree, ignore_errors=True)
    copy(base, tree)
    path = tree / "rtl" / mutant.file
    try:
        path.write_text(mutant.applied(path.read_text()))
    except (OSError, ValueError) as error:
        return Verdict(BROKEN, str(error))
    verdicts = [ask(tree, test, environment) for test in mutant.tests]
    worst = next((v for what in (BROKEN, UNNOTICED) for v in verdicts if v.what == what), None)
    if worst is None:
        shutil.rmtree(tree)  # nothing to look at
    first = worst or verdicts[0]
    return Verdict(first.what, first.how, sum(v.seconds for v in verdicts))


def judge_all(mutants: Sequence[Mutant], jobs: int = 2) -> Iterable[tuple[Mutant, Verdict]]:
    """The verdicts in the order of the list, as they become known."""
    base = copy(ROOT, BUILD / "unchanged")  # nobody changes this one while we work
    environment = {"BUILD_JOBS": "1" if jobs > 1 else "2", "COCOTB_MAX_FAILURES": "1"}
    with ThreadPoolExecutor(jobs) as pool:
        nodes = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
        unchanged = {n: pool.submit(ask, base, n, environment) for n in nodes}

        def verdict(mutant: Mutant) -> Verdict:
            for node in mutant.tests:
                before = unchanged[node].result()  # was in the queue before us
                if before.what != UNNOTICED:
                    return Verdict(BROKEN, f"fails without the mutant, too: {before.how}")
            return judge(mutant, base, environment)

        yield from zip(mutants, pool.map(verdict, mutants), strict=True)


def choose(mutants: Sequence[Mutant], names: Sequence[str]) -> list[Mutant]:
    """Those with one of these names, or that protect one of these; no names: all."""
    unknown = set(names) - {n for r in mutants for n in (r.name, r.protects)}
    if unknown:
        raise UserError(f"no mutant is called {', '.join(sorted(unknown))}; see --list")
    return [r for r in mutants if not names or {r.name, r.protects} & set(names)]


def list_mutants(names: Sequence[str] = ()) -> None:
    """Name them, what they protect and the tests that must notice."""
    for mutant in choose(read(), names):
        print(f"{mutant.name:26} {mutant.protects:20} {' '.join(mutant.tests)}")


def run_mutants(names: Sequence[str], jobs: int) -> int:
    """Run, print, write build/reports/removals.json (if nothing was left out); the exit status."""
    chosen, began = choose(read(), names), time.monotonic()
    rows = []
    print(f"{'mutant':26} {'protects':20} {'s':>5}  verdict")
    for mutant, verdict in judge_all(chosen, jobs):
        row = f"{mutant.name:26} {mutant.protects:20} {verdict.seconds:5.0f}  "
        print(f"{row}{verdict.what}: {verdict.how}", flush=True)
        rows.append(asdict(mutant) | asdict(verdict))
    count = Counter(row["what"] for row in rows)
    totals = {"mutants": len(rows)} | {what: count[what] for what in (NOTICED, UNNOTICED, BROKEN)}
    print(", ".join(f"{n} {what}" for what, n in totals.items()), end="; ")
    print(f"{time.monotonic() - began:.0f} s")
    if not names:
        data = {"removals": len(rows)} | totals | {"table": rows}
        print(f"report: {report.write('removals', data)}")
    return 0 if count[NOTICED] == len(rows) else 1
