# SPDX-License-Identifier: Apache-2.0
"""Everything that can be said about the sources without running them; `make lint` starts it.

* names: one module or package per file, file name = module name, prefix ``psf_``
* licence: an SPDX line at the head of every source file
* Verible: style (``lint/verible.rules``, waivers in ``lint/verible.waiver``)
* Verilator ``-Wall`` on every module with the files it reaches, on its own default parameters
  (waivers in ``lint/verilator.vlt``)
* Yosys ``read_slang`` on every top: elaborates, no latch, no conflicting driver, no comb loop
* combinational: no output of ``psf_top`` depends on an input in the same cycle, so that no loop
  can close through a neighbour (``scripts/combinational.py``)
* generated: what ``python -m golden.hardware.interface`` writes is as its table says
* ruff on the Python
* links: every relative link and anchor of the documents leads somewhere (``scripts/links.py``)

Exit status 1 when anything was found; every check runs, whatever the earlier ones found.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from golden.contract.paths import ROOT
from golden.hardware.interface.generate import stale
from scripts.combinational import dependences
from scripts.links import links
from tb.run.simulators import YOSYS, use_tools
from tb.run.sources import RTL, sources_of

WITH_SPDX = {".py", ".sv", ".svh", ".v", ".vlt", ".sh", ".toml", ".txt", ".rules", ".waiver"}
WITH_SPDX_NAMES = {"Makefile", ".ci/run", ".gitignore"}
_PYOSYS = (
    "import sys; from pyosys import libyosys as ys; d = ys.Design(); "
    "[ys.run_pass(line, d) for line in sys.argv[1:]]"
)


def _files() -> list[Path]:
    """Files of the project: tracked, or new and not ignored; all of them outside a git checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        names: Iterable[str] = filter(None, done.stdout.split("\0"))
        return sorted(ROOT / name for name in names if (ROOT / name).is_file())
    skipped = {"build", "runs", ".venv", ".git"}
    return sorted(
        p
        for p in ROOT.rglob("*")
        if p.is_file()
        and p.relative_to(ROOT).parts[0] not in skipped
        and "__pycache__" not in p.parts
    )


def _call(*command: str, cwd: Path = ROOT) -> list[str]:
    """Run a checker; its output lines when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return (done.stdout + done.stderr).strip().splitlines() or [f"status {done.returncode}"]


def names() -> list[str]:
    found = []
    for path in RTL.rglob("*.sv"):
        declared = re.findall(r"^\s*(?:module|package)\s+(\w+)", path.read_text(), re.MULTILINE)
        if declared != [path.stem] or not path.stem.startswith("psf_"):
            found.append(
                f"{path.relative_to(ROOT)}: declares {declared}; one psf_ module, the file's name"
            )
    return found


def licences() -> list[str]:
    found = []
    for path in _files():
        name = str(path.relative_to(ROOT))
        if path.suffix not in WITH_SPDX and name not in WITH_SPDX_NAMES:
            continue
        head = path.read_text(errors="replace").splitlines()[:3]
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in head):
            found.append(
                f"{name}:1: no 'SPDX-License-Identifier: Apache-2.0' in the first three lines"
            )
    return found


def verible() -> list[str]:
    sources = [str(p.relative_to(ROOT)) for p in _files() if p.suffix in {".sv", ".svh"}]
    return _call(
        "verible-verilog-lint",
        "--ruleset=default",
        "--rules_config=lint/verible.rules",
        "--waiver_files=lint/verible.waiver",
        *sources,
    )


def _modules() -> list[Path]:
    return [p for p in sorted(RTL.rglob("*.sv")) if not p.stem.endswith("_pkg")]


def verilator() -> list[str]:
    found = []
    for top in _modules():
        found += _call(
            "verilator",
            "--lint-only",
            "-Wall",
            "--quiet",
            "--timescale",
            "1ns/1ps",
            "--top-module",
            top.stem,
            "lint/verilator.vlt",
            *(str(p.relative_to(ROOT)) for p in sources_of(top.stem)),
        )
    return list(dict.fromkeys(found))  # a module below several tops is reported once


def slang() -> list[str]:
    """Only tops, that is modules that no other one reaches: they bring the rest."""
    modules = _modules()
    below = {p for top in modules for p in sources_of(top.stem) if p != top}
    found = []
    with tempfile.TemporaryDirectory() as folder:  # yowasp sees relative names only
        for path in RTL.rglob("*.sv"):
            shutil.copyfile(path, Path(folder) / path.name)
        for top in (p for p in modules if p not in below):
            files = " ".join(p.name for p in sources_of(top.stem))
            script = (
                f"read_slang --threads 1 --no-synthesis-define --top {top.stem} {files}; "
                f"hierarchy -check -top {top.stem}; proc; opt_clean; check -assert; "
                "select -assert-none t:$dlatch t:$adlatch t:$dlatchsr"
            )
            output = _call(*YOSYS, "-q", "-p", script, cwd=Path(folder))
            found += [f"{top.stem}: {line}" for line in output]
    return found


def combinational(top: str = "psf_top", sources: Iterable[Path] = ()) -> list[str]:
    files = " ".join(str(p) for p in sources or sources_of(top))
    with tempfile.TemporaryDirectory() as folder:
        netlist = Path(folder) / "flat.json"
        passes = (f"read_slang --top {top} {files}", "proc", f"write_json {netlist}")
        # The native Yosys: three times as fast as the WebAssembly one, and this is a large netlist.
        output = _call(sys.executable, "-c", _PYOSYS, *passes)
        if output:
            return output[-10:]
        try:
            return dependences(json.loads(netlist.read_text()), top)
        except ValueError as error:
            return [f"{top}: {error}"]


def generated() -> list[str]:
    return [f"{name}: stale; run `python -m golden.hardware.interface`" for name in stale()]


def ruff() -> list[str]:
    return [
        *_call("ruff", "check", "--quiet", "--output-format=concise", "."),
        *_call("ruff", "format", "--check", "--quiet", "."),
    ]


CHECKS: dict[str, Callable[[], list[str]]] = {
    "names": names,
    "licences": licences,
    "verible": verible,
    "verilator": verilator,
    "slang": slang,
    "combinational": combinational,
    "generated": generated,
    "ruff": ruff,
    "links": links,
}


def main(wanted: list[str]) -> int:
    """Run the named checks (default all); print what they find; 1 when that is anything."""
    unknown = [name for name in wanted if name not in CHECKS]
    if unknown:
        print(f"error: no check named {unknown[0]}; there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    use_tools()
    failed = []
    for name in wanted or CHECKS:
        started = time.monotonic()
        found = CHECKS[name]()
        for line in found:
            print(line)
        verdict = f"{len(found)} lines of findings" if found else "clean"
        print(f"lint: {name}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
        failed += [name] if found else []
    print(f"lint: {'FAILED: ' + ', '.join(failed) if failed else 'passed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
