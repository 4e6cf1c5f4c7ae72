# SPDX-License-Identifier: Apache-2.0
"""The list of mutants fits the RTL, and the tool tells the verdicts apart (no simulation runs)."""

import json
import re
import subprocess
import sys

import pytest

from golden.contract.errors import UserError
from golden.hardware.interface import table
from tb.campaigns.mutants import run as mutants
from tb.measure import report

LIST = mutants.read()

# Instead of pytest: passes on the unchanged tree; on another it does what its node is called.
STUB = """
import sys
from pathlib import Path
results, node = sys.argv[-2].removeprefix("--junitxml="), sys.argv[-1]
says = {"notice": "tb.run.runner.SimulationFailed: x on y, SEED=1:&#10;  case: expected cause 8",
        "build": "tb.run.sources.BuildFailed: psf_fifo does not compile"}
changed = "GONE" in Path("rtl/common/psf_fifo.sv").read_text()
message = says.get(node) if changed else None
if node == "always":
    message = says["notice"]
failure = f'<failure message="{message}"/>' if message else ""
Path(results).write_text(f"<testsuites><testsuite><testcase>{failure}</testcase></testsuite>"
                         "</testsuites>")
sys.exit(1 if message else 0)
"""
ENTRY = """
[[mutant]]
name = "{name}"
protects = "ERROR_OVERRUN"
file = "common/psf_fifo.sv"
old = "module psf_fifo"
new = "module psf_fifo /* GONE */"
tests = {tests}
"""


@pytest.mark.parametrize("mutant", LIST, ids=lambda r: r.name)
def test_applies_to_the_present_rtl(mutant):
    text = (mutants.ROOT / "rtl" / mutant.file).read_text()
    assert mutant.applied(text) != text
    assert mutant.tests


def test_every_test_exists():
    tests = {test for mutant in LIST for test in mutant.tests}
    files = sorted({test.partition("::")[0] for test in tests})
    command = (sys.executable, "-m", "pytest", "--collect-only", "-q", *files)
    done = subprocess.run(command, cwd=mutants.ROOT, capture_output=True, text=True, check=True)
    found = set(done.stdout.splitlines())
    found |= {line.partition("[")[0] for line in found}  # all cases of a test
    assert not tests - found


def test_names_are_different():
    assert len({r.name for r in LIST}) == len(LIST)
    assert all(re.fullmatch(r"\w+", r.name) for r in LIST)


def test_every_cause_is_covered():
    causes = {f"ERROR_{c.name}" for c in table.CAUSES.codes if c.value}
    assert len(causes) >= 13
    protected = {r.protects for r in LIST}
    assert causes <= protected, causes - protected
    assert not {p for p in protected if p.startswith("ERROR_")} - causes


def test_a_text_that_is_not_there():
    mutant = mutants.Mutant("x", "y", "common/psf_fifo.sv", "no such text", "", ("z",))
    with pytest.raises(ValueError, match="0 times, not 1"):
        mutant.applied("module psf_fifo")


def test_unknown_names():
    assert mutants.choose(LIST, []) == LIST
    assert {r.name for r in mutants.choose(LIST, ["watchdog"])} == {"watchdog"}
    assert len(mutants.choose(LIST, ["ERROR_TIMEOUT"])) >= 1
    with pytest.raises(UserError, match="no mutant is called nonsense"):
        mutants.choose(LIST, ["nonsense"])


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs the tool on these entries {name: tests} with the stub; exit status and report."""
    stub = tmp_path / "stub.py"
    stub.write_text(STUB)
    monkeypatch.setattr(mutants, "PYTEST", (sys.executable, str(stub)))
    monkeypatch.setattr(mutants, "BUILD", tmp_path / "copies")
    monkeypatch.setattr(mutants, "LIST", tmp_path / "list.toml")
    monkeypatch.setattr(report, "REPORTS", tmp_path / "reports")

    def run(entries):
        texts = [ENTRY.format(name=n, tests=json.dumps(t)) for n, t in entries.items()]
        (tmp_path / "list.toml").write_text("".join(texts))
        status = mutants.run_mutants([], 2)
        data = json.loads((tmp_path / "reports" / "removals.json").read_text())
        return status, data

    return run


def test_what_no_test_notices_is_reported(command):
    path = mutants.ROOT / "rtl" / "common" / "psf_fifo.sv"
    before = path.read_bytes()
    status, data = command(
        {
            "good": ["notice"],
            "hole": ["sleep"],
            "half": ["notice", "sleep"],
            "mistake": ["build"],
            "stale": ["always"],
        }
    )
    assert status == 1
    verdicts = {row["name"]: row["what"] for row in data["table"]}
    assert verdicts == {
        "good": "noticed", "hole": "unnoticed", "half": "unnoticed", "mistake": "broken",
        "stale": "broken",
    }  # fmt: skip
    assert [data[k] for k in ("mutants", "noticed", "unnoticed", "broken")] == [5, 1, 2, 2]
    assert data["table"][0]["how"] == "case: expected cause 8"
    assert "psf_fifo does not compile" in data["table"][3]["how"]
    assert path.read_bytes() == before


def test_all_noticed(command):
    status, data = command({"good": ["notice"]})
    assert status == 0 and data["noticed"] == data["mutants"] == 1
