# SPDX-License-Identifier: Apache-2.0
"""Random mutants of the RTL by seed: a test or a proof has to kill each; ``psf mutants``.

A mutant is *killed* when a test fails in the simulation or an assertion in a proof, *equivalent*
when ``equivalent.toml`` says why nothing can tell it from the RTL, else it has *survived*;
*open* are those that the bench of their module let pass, if nothing else was asked; *broken* means
that a test could not be asked. What is known lies in
build/mutants/random-<seed>.jsonl: a cut campaign goes on where it was, and after a change of tests
only survivors are asked again.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import paths, tables
from golden.contract.paths import ROOT
from tb.campaigns.mutants import proofs, schemata, suite
from tb.campaigns.mutants.run import copy
from tb.campaigns.mutants.sites import Change
from tb.measure import report

EQUIVALENT = Path(__file__).with_name("equivalent.toml")
BUILD = paths.BUILD / "mutants"
VERDICTS = ("killed", "equivalent", "survived", "open", "broken")
Submit = Callable[[Callable[["Task"], dict], Sequence["Task"]], Iterable[tuple["Task", dict]]]


@dataclass(frozen=True)
class Task:
    """Mutant ``number`` of the RTL in ``tree``; the nodes of its test files."""

    tree: Path
    number: int
    mutant: Change
    nodes: dict[str, list[str]]
    deep: bool = True  # ask more than the bench of its module


def known_equivalents() -> dict[tuple, str]:
    """Key of a mutant (sites.Change.key) -> why it is equivalent."""
    entries = tomllib.loads(EQUIVALENT.read_text()).get("mutant", [])
    return {
        (e["module"], e["where"], e["old"], e["new"], e.get("number", 1)): e["reason"]
        for e in entries
    }


def digest(*folders: str) -> str:
    """Of what the files in these folders of the project say."""
    out = hashlib.sha256()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".sv", ".svh", ".toml", ".rdl"):
                out.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return out.hexdigest()[:16]


def judge(task: Task) -> dict:
    """Ask one test after the other, then the proofs, until one fails."""
    asked, broken = 0, []
    for batch in suite.batches(task.mutant.module, task.nodes, task.deep):
        answer = suite.killer(task.tree, batch, task.number)
        if answer.failed:
            return {"verdict": "killed", "by": answer.failed, "how": answer.how}
        if answer.broken:
            broken.append(answer.broken)
        asked += len(answer.passed or {})
    if not task.deep:
        return {"verdict": "open", "by": "", "how": f"{asked} tests of its bench pass"}
    proof, reason = proofs.refuting(task.mutant, task.tree / "proofs" / str(task.number))
    if proof:
        return {"verdict": "killed", "by": proof, "how": reason}
    if broken:
        return {"verdict": "broken", "by": "", "how": broken[0]}
    return {"verdict": "survived", "by": "", "how": f"{asked} tests pass"}


class Notes:
    """What former runs found, and this one adds: a JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = {"rtl": digest("rtl"), "tests": digest("tb", "golden", "formal")}
        self.rows: dict[tuple, dict] = {}
        lines = path.read_text().splitlines() if path.is_file() else []
        for line in lines:
            row = json.loads(line)
            if row["rtl"] == self.state["rtl"]:
                self.rows[tuple(row["key"])] = row

    def verdict(self, mutant: Change) -> dict | None:
        """Of a mutant, if it still holds."""
        row = self.rows.get(mutant.key)
        if row is None or row["verdict"] == "open":
            return None
        if row["verdict"] != "killed" and row["tests"] != self.state["tests"]:
            return None
        return row

    def add(self, mutant: Change, found: dict) -> dict:
        row = {
            "key": list(mutant.key), "file": mutant.file, "line": mutant.line,
            "operator": mutant.operator, **found, **self.state,
        }  # fmt: skip
        self.rows[mutant.key] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as out:
            out.write(json.dumps(row) + "\n")
        return row


def tell(mutant: Change, row: dict) -> None:
    new = "removed" if mutant.statement else mutant.new
    print(f"{row['verdict']:10} {mutant.file}:{mutant.line} {mutant.operator}: {mutant.where}")
    print(f"{'':10} {mutant.old} -> {new}")
    print(f"{'':10} {row['by']} {row['how']}", flush=True)


def summary(rows: Sequence[dict], seed: int) -> dict:
    """The totals, and per module; the share is of those that are not equivalent."""
    count = Counter(row["verdict"] for row in rows)
    modules: dict[str, Counter] = defaultdict(Counter)
    for row in rows:
        modules[row["key"][0]][row["verdict"]] += 1
    different = len(rows) - count["equivalent"]
    return {
        "seed": seed,
        "mutants": len(rows),
        **{verdict: count[verdict] for verdict in VERDICTS},
        "killed_share": count["killed"] / different if different else None,
        "modules": [
            {"module": m, "mutants": sum(c.values()), **{v: c[v] for v in VERDICTS}}
            for m, c in sorted(modules.items())
        ],
        "table": list(rows),
    }


def show(data: dict) -> None:
    console = Console()
    table = Table("module", "mutants", *VERDICTS, title="random mutants of rtl/")
    for row in data["modules"]:
        table.add_row(row["module"], *(str(row[k] or "") for k in ("mutants", *VERDICTS)))
    tables.show(console, table)
    totals = ", ".join(f"{data[v]} {v}" for v in VERDICTS)
    share = data["killed_share"]
    print(f"{data['mutants']} mutants of seed {data['seed']}: {totals}", end="")
    print("" if share is None else f"; {share:.1%} of those that are not equivalent killed")


def prepare(mutants: Sequence[Change], folder: Path, deep: bool = True) -> list[Task]:
    """A copy of the project with all mutants in ``folder``, and what to ask of each."""
    tree = copy(ROOT, folder)
    state = digest("rtl", "tb", "golden")
    stamp = tree / "state.txt"
    names = state + "".join(str(m.key) for m in mutants)
    if not stamp.is_file() or stamp.read_text() != names:
        for old in (tree / "baseline").glob("*.json"):
            old.unlink()
        stamp.write_text(names)
    schemata.write(tree, mutants)
    files = [*suite.benches(), *suite.SYSTEM]
    nodes = suite.collect(tree, files)
    return [Task(tree, n, m, nodes, deep) for n, m in enumerate(mutants, 1)]


def run_sampled(count: int, seed: int, submit: Submit, deep: bool = True) -> int:
    """Draw, ask, print, write build/reports/mutants.json; exit status 1 if one was not killed.

    Not ``deep``: ask only the bench of each module.
    ``submit(function, tasks)`` gives tasks with their results, as they become known.
    """
    mutants, equivalent = schemata.sample(count, seed), known_equivalents()
    notes = Notes(BUILD / f"random-{seed}.jsonl")
    rows: dict[tuple, dict] = {}
    for mutant in mutants:
        if mutant.key in equivalent:
            found = {"verdict": "equivalent", "by": "", "how": equivalent[mutant.key]}
            rows[mutant.key] = notes.add(mutant, found)
        elif (row := notes.verdict(mutant)) is not None:
            rows[mutant.key] = row
    print(f"{len(mutants)} mutants of seed {seed}, {len(rows)} of them known", flush=True)
    tasks = prepare(mutants, BUILD / f"random-{seed}", deep) if len(rows) < len(mutants) else []
    tasks = sorted(
        (t for t in tasks if t.mutant.key not in rows), key=lambda t: t.mutant.module
    )  # those of a module together: they share builds
    for task, found in submit(judge, tasks):
        rows[task.mutant.key] = notes.add(task.mutant, found)
        tell(task.mutant, rows[task.mutant.key])
    data = summary([rows[m.key] for m in mutants], seed)
    show(data)
    print(f"report: {report.write('mutants', data)}")
    return 1 if data["survived"] or data["open"] or data["broken"] else 0
