# SPDX-License-Identifier: Apache-2.0
"""Asks the tests of a tree about one of the mutants in its RTL (tb.campaigns.mutants.schemata).

The bench of a module comes first, then those that reach the module, the smallest design first,
then the system benches. A test that fails without a mutant is not asked.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import psutil
from filelock import FileLock

from golden.contract.files import write_json
from tb.campaigns.mutants.run import how, message
from tb.run.sources import ROOT, rtl_files, sources_of

PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider")
SYSTEM = (
    "tb/system/test_accel.py",
    "tb/system/test_errors.py",
    "tb/system/test_jobs.py",
    "tb/system/test_stops.py",
    "tb/measure/test_timeline.py",
    "tb/measure/test_events.py",
    "tb/system/test_axi.py",
    "tb/measure/test_layer_list.py",
    "tb/system/test_limits.py",
)
ALONE = "icarus"  # in the name of a case: Yosys does not take a mutant that is chosen at run time
LIMIT_S = 7200.0  # of tests of which nothing is known, with builds
END_S = 30.0  # for a simulator to be ended
Batch = tuple[str, ...]  # pytest nodes of one call


@dataclass(frozen=True)
class Answer:
    """failed: the first test that failed with an assertion, and ``how``.  passed: with seconds.

    broken: why nothing can be said.
    """

    failed: str = ""
    how: str = ""
    passed: dict[str, float] | None = None
    broken: str = ""


def collect(tree: Path, files: Sequence[str]) -> dict[str, list[str]]:
    """File -> its pytest nodes, but for those on Icarus."""
    command = [*PYTEST, "--collect-only", *files]
    done = subprocess.run(
        command, cwd=tree, env=_environment(tree, 0), capture_output=True, text=True, check=False
    )
    out: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        file, found, node = line.partition("::")
        if found and ALONE not in node:
            out.setdefault(file, []).append(line.strip())
    if done.returncode:
        raise RuntimeError(f"pytest cannot collect the tests:\n{done.stdout[-2000:]}")
    return out


def benches() -> dict[str, tuple[str, ...]]:
    """Test file of tb/unit -> the modules of rtl/ that it simulates."""
    out = {}
    for path in sorted((ROOT / "tb" / "unit").rglob("test_*.py")):
        words = set(re.findall(r'"(psf_\w+)"', path.read_text())) & rtl_files().keys()
        own = "psf_" + path.stem.removeprefix("test_")
        out[str(path.relative_to(ROOT))] = (own,) if own in words else tuple(sorted(words))
    return {file: tops for file, tops in out.items() if tops}


def batches(module: str, nodes: dict[str, list[str]], deep: bool = True) -> Iterator[Batch]:
    """The tests of a module in the order in which they are asked; not ``deep``: only its bench."""
    reached = {
        file: min(sizes)
        for file, tops in benches().items()
        if (sizes := [len(s) for t in tops if rtl_files()[module] in (s := sources_of(t))])
    }
    own = [file for file, tops in benches().items() if module in tops]
    order = sorted(reached, key=lambda f: (f not in own, reached[f]))
    first = own or order[:1]
    for file in first:
        for node in nodes.get(file, ()):
            yield (node,)
    if not deep:
        return
    for file in [*(f for f in order if f not in first), *SYSTEM]:
        if nodes.get(file):
            yield tuple(nodes[file])


def _environment(tree: Path, number: int) -> dict[str, str]:
    return {
        **os.environ,
        "SEED": "1",
        "SIM": "verilator",
        "COCOTB_MAX_FAILURES": "1",  # the others need not run
        "PSF_PLUSARGS": f"+mutant={number}",
        "PYTHONPATH": str(tree),
    }


def ask(tree: Path, batch: Batch, number: int, limit_s: float) -> Answer:
    """Run tests with mutant ``number`` until one fails."""
    name = hashlib.sha256(f"{number} {batch}".encode()).hexdigest()[:12]
    folder = tree / "answers"
    folder.mkdir(exist_ok=True)
    results, log = folder / f"{name}.xml", folder / f"{name}.log"
    results.unlink(missing_ok=True)
    with (
        log.open("w") as out,
        subprocess.Popen(
            [*PYTEST, f"--junitxml={results}", *batch],
            cwd=tree,
            env=_environment(tree, number),
            stdout=out,
            stderr=subprocess.STDOUT,
            process_group=0,
        ) as process,
    ):
        try:
            status = process.wait(limit_s)
        except subprocess.TimeoutExpired:
            started = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)  # pytest ends its simulator then, unless both hang
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
            for each in started:  # a simulator has a group of its own
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
            return Answer(failed=batch[0], how=f"no end after {limit_s:.0f} s")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    cases = list(ElementTree.parse(results).getroot().iter("testcase")) if results.is_file() else []
    passed = {}
    for case in cases:
        node = _node(case, batch)
        bad = [*case.findall("failure"), *case.findall("error")]
        if bad:
            text = message(bad[0])
            if re.match(r"\S*(SimulationFailed|AssertionError)|assert ", text):
                return Answer(failed=node, how=how(text), passed=passed)
            return Answer(broken=f"{node}: {' '.join(text.split())[:400]}")
        passed[node] = float(case.get("time", 0))
    if status or not cases:
        return Answer(broken=f"pytest ended with {status}; see {log}")
    log.unlink()
    results.unlink()
    return Answer(passed=passed)


def _node(case: ElementTree.Element, batch: Batch) -> str:
    name = f"::{case.get('name')}"
    return next((node for node in batch if node.endswith(name)), batch[0])


def baseline(tree: Path, batch: Batch) -> float | None:
    """Seconds of these tests without a mutant, with what had to be built; None if one fails.

    Run once a tree.
    """
    name = hashlib.sha256(str(batch).encode()).hexdigest()[:12]
    folder = tree / "baseline"
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    with FileLock(str(path) + ".lock"):
        if not path.is_file():
            began = time.monotonic()
            answer = ask(tree, batch, 0, LIMIT_S)
            good = bool(answer.passed) and not answer.failed
            if not good:
                print(f"not asked, fails without a mutant: {answer}", file=sys.stderr, flush=True)
            write_json(path, time.monotonic() - began if good else None)
        return json.loads(path.read_text())


def killer(tree: Path, batch: Batch, number: int) -> Answer:
    """What those tests of a batch say of mutant ``number`` that pass without one.

    One test alone runs first without; of several, which share less with other mutants, that does
    only the one that fails.
    """
    if len(batch) == 1:
        seconds = baseline(tree, batch)
        if seconds is None:
            return Answer(passed={})
        return ask(tree, batch, number, 60 + 3 * seconds)
    passed: dict[str, float] = {}
    while batch:
        answer = ask(tree, batch, number, LIMIT_S)
        passed |= answer.passed or {}
        if not answer.failed or baseline(tree, (answer.failed,)) is not None:
            return replace(answer, passed=passed)
        batch = batch[batch.index(answer.failed) + 1 :]
    return Answer(passed=passed)
