# SPDX-License-Identifier: Apache-2.0
"""Random mutants: what is changed and what is left alone, and a small campaign from end to end."""

import json
import random
import re
import sys
import time
from dataclasses import replace

import psutil
import pytest

from golden.contract import paths
from tb.campaigns.mutants import proofs, sampled, schemata, sites, suite
from tb.measure import report
from tb.run.sources import rtl_files

FIFO = rtl_files()["psf_fifo"]
SKID = rtl_files()["psf_skid"]


def _changes(module):
    return sites.changes(rtl_files()[module])


def test_what_is_changed():
    found = {(c.operator, c.old, c.new) for c in _changes("psf_fifo")}
    assert {
        ("operator", "write_q - read_q", "write_q + read_q"),
        ("operand", "out_valid_o && out_ready_i", "out_ready_i"),
        ("condition", "push", "!(push)"),
        ("condition", "clear_i", "1'b0"),
        ("reset", "!rst_ni", "1'b0"),
        ("constant", "1'b1", "1'd0"),
        ("assignment", "read_q <= read_q + 1'b1;", ""),
        ("operator", "^in_data_i", "|(in_data_i)"),
    } <= found
    assert ("width", "write_q[AddrWidth-1:0]") in {(operator, old) for operator, old, _ in found}
    assert "index" in {c.operator for c in _changes("psf_scanner")}


def test_what_is_left_alone():
    text = FIFO.read_text()
    lines = text.splitlines()
    for change in _changes("psf_fifo"):
        line = lines[change.line - 1]
        assert not re.search(r"\b(assert|localparam|parameter|always_ff|\$fatal)\b", line), line
        assert not line.lstrip().startswith("//")
    everywhere = [c for place in sites.sites() for c in place]
    assert {c.module for c in everywhere} >= rtl_files().keys() - {"psf_control_pkg", "psf_top"}
    assert not [c for c in everywhere if "assert" in c.where or "for (" in c.where]
    assert not [c for c in everywhere if c.where.startswith("unused_")]
    assert len({c.key for c in everywhere}) == len(everywhere)
    lists = [c for c in everywhere if schemata.member(c)]
    assert {c.module for c in lists} == {"psf_registers"} and "IRQ_STATUS" in {c.old for c in lists}


HANGING = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
hang = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"
simulator = subprocess.Popen([sys.executable, "-c", hang], process_group=0)
pathlib.Path("simulator.pid").write_text(str(simulator.pid))
time.sleep(600)
"""


def test_nothing_stays_behind(tmp_path, monkeypatch):
    """A simulator in an endless loop, whose pytest waits for it, ends with the limit."""
    monkeypatch.setattr(suite, "PYTEST", (sys.executable, "-c", HANGING))
    monkeypatch.setattr(suite, "END_S", 0.2)
    answer = suite.ask(tmp_path, ("tests/test_x.py::test",), 1, 3.0)
    assert answer.failed and answer.how.startswith("no end")
    simulator = int((tmp_path / "simulator.pid").read_text())
    until = time.monotonic() + 30  # a killed process runs on for a moment
    while not _gone(simulator):
        assert time.monotonic() < until
        time.sleep(0.05)


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("module", ["psf_fifo", "psf_issue_arbiter", "psf_load_steps"])
def test_each_alone(module):
    """One mutant changes its own place and nothing else."""
    text = rtl_files()[module].read_text()
    for change in _changes(module):
        mutant = change.alone(text)
        assert mutant != text
        cut = len(text.encode()) - change.end
        assert mutant.encode()[: change.start] == text.encode()[: change.start]
        assert mutant.encode()[len(mutant.encode()) - cut :] == text.encode()[change.end :]


def test_many_in_one():
    """All mutants of a file, inside each other; without them the text is the old one."""
    text = FIFO.read_text()
    assert schemata.rendered(text, []) == text
    many = schemata.rendered(text, enumerate(_changes("psf_fifo"), 1))
    for number in range(1, len(_changes("psf_fifo")) + 1):
        assert len(re.findall(rf"chosen [!=]= 32'd{number}\b", many)) == 1
    bare = re.sub(r"psf_mutant_pkg::chosen == 32'd\d+ \? \(.*?\) : (?=\(|psf_mutant)", "", many)
    assert bare.count("(") == bare.count(")")


def test_a_sample_is_the_begin_of_a_larger_one():
    small, large = schemata.sample(4, 1), schemata.sample(12, 1)
    assert large[:4] == small
    assert len({(c.file, c.start, c.end) for c in large}) == 12
    assert schemata.sample(4, 2) != small


def test_what_is_no_systemverilog_is_not_drawn():
    good = _changes("psf_fifo")[:3]
    bad = replace(good[1], new="no_such_signal")
    assert schemata.Judge().good([good[0], bad, good[2]]) == [good[0], good[2]]


def test_the_bench_of_the_module_comes_first():
    nodes = {file: [f"{file}::t[1]", f"{file}::t[2]"] for file in suite.benches()}
    nodes |= {file: [f"{file}::t"] for file in suite.SYSTEM}
    fifo = list(suite.batches("psf_fifo", nodes))
    own = "tb/unit/common/test_fifo.py"
    assert fifo[:2] == [(f"{own}::t[1]",), (f"{own}::t[2]",)]
    assert fifo[-len(suite.SYSTEM)] == ("tb/system/test_accel.py::t",)
    assert list(suite.batches("psf_fifo", nodes, deep=False)) == fifo[:2]
    picker = next(suite.batches("psf_word_picker", nodes))
    assert picker == ("tb/unit/group/test_scanner.py::t[1]",)
    assert all((paths.ROOT / file).is_file() for file in suite.SYSTEM)


def test_equivalents_have_a_reason():
    for key, reason in sampled.known_equivalents().items():
        module, where, old, new, number = key
        assert module in rtl_files() and where and old and number >= 1, key
        assert old != new and len(reason) > 20, key


def _no_op():
    place = next(c for c in _changes("psf_skid") if c.operator == "operator")
    return replace(place, new=place.old)


@pytest.mark.long
def test_a_campaign(monkeypatch, capsys):
    """Some mutants of psf_skid; the one that changes nothing survives."""
    folder, bench = paths.BUILD / "mutants" / "pytest", "tb/unit/common/test_skid.py"
    for old in [*folder.glob("*.jsonl"), *folder.glob("random-1/baseline/*.json")]:
        old.unlink()
    drawn = random.Random(1).sample([c for c in _changes("psf_skid") if c.operator != "reset"], 3)
    mutants = [_no_op(), *drawn]
    monkeypatch.setattr(schemata, "sample", lambda count, seed: mutants[:count])
    monkeypatch.setattr(sampled, "BUILD", folder)
    monkeypatch.setattr(
        sampled, "digest", lambda *folders: "-".join(folders)
    )  # who edits files meanwhile changes nothing
    monkeypatch.setattr(suite, "SYSTEM", ())
    monkeypatch.setattr(suite, "benches", lambda: {bench: ("psf_skid",)})
    monkeypatch.setattr(suite, "collect", lambda tree, files: {bench: [f"{bench}::test_skid[67]"]})
    monkeypatch.setattr(proofs, "PROOFS", ())
    monkeypatch.setattr(report, "REPORTS", folder / "reports")
    asked = []

    def submit(function, tasks):
        for task in tasks:
            asked.append(task.mutant)
            yield task, function(task)

    def campaign(count):
        status = sampled.run_sampled(count, 1, submit)
        return status, json.loads((folder / "reports" / "mutants.json").read_text())

    assert campaign(2)[0] == 1
    assert asked == mutants[:2]
    status, data = campaign(4)
    assert status == 1
    assert asked[2:] == mutants[2:]  # the others are known, the survivor too: no test has changed
    shown = capsys.readouterr().out
    assert [row["verdict"] for row in data["table"]] == ["survived"] + ["killed"] * 3, shown
    assert data["killed_share"] == pytest.approx(3 / 4)
    counts = {"mutants": 4, "killed": 3, "equivalent": 0, "survived": 1, "open": 0, "broken": 0}
    assert data["modules"] == [{"module": "psf_skid"} | counts]
    assert {k: data[k] for k in counts} == counts
    assert "psf_mutant_pkg" not in SKID.read_text()

    survivor = tuple(data["table"][0]["key"])
    monkeypatch.setattr(sampled, "known_equivalents", lambda: {survivor: "it is the same text"})
    status, data = campaign(4)
    assert status == 0
    assert (data["equivalent"], data["survived"], data["killed_share"]) == (1, 0, 1.0)
    assert len(asked) == 4
