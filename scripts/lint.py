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
* generated: what ``python -m golden.hardware.interface`` writes is as its table says, and the page
  of ``python -m golden.cli.configuration_files`` as the classes of settings say
* ruff on the Python
* format: verible-verilog-format and ruff format would change nothing
* imports: who may import whom (import-linter, ``pyproject.toml``), no circles, and no module loaded
  by a name in a string but at the plug-in points below
* sizes: a file of rtl/ that is too long holds two modules, and so does a Python module
* elaboration: bad parameters end the elaboration in one spelling
* links: every relative link and anchor of the documents leads somewhere (``scripts/links.py``)

Exit status 1 when anything was found; every check runs, whatever the earlier ones found.
"""

from __future__ import annotations

import ast
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

WITH_SPDX = {".py", ".sv", ".svh", ".v", ".vlt", ".sh", ".toml", ".txt", ".rules", ".waiver",
    ".c", ".h", ".cpp", ".ld",
}  # fmt: skip
WITH_SPDX_NAMES = {"Makefile", ".ci/run", ".gitignore"}
MOST_LINES = {".sv": 300, ".py": 400}  # of a file of rtl/, of a Python module
FORMAT = ("--column_limit=100", "--indentation_spaces=2", "--wrap_spaces=4")
FORMATTED = ("rtl/", "formal/", "tb/harness/")
UNPARSED = {"psf_axi_top.sv", "psf_tb_top.sv"}  # verible-verilog-format cannot read them
# Modules that may load others by name: a package that is optional, a user's plug-in.
PLUG_IN_POINTS = {"golden/lab/data/torchvision_part.py", "golden/contract/plugin.py"}
_LOADERS = {
    "import_module", "__import__", "load_module", "exec_module", "run_module", "run_path",
    "spec_from_file_location",
}  # fmt: skip
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
    found = [f"{name}: stale; run `python -m golden.hardware.interface`" for name in stale()]
    return found + _call(sys.executable, "-m", "golden.cli.configuration_files", "--check")


def ruff() -> list[str]:
    return _call("ruff", "check", "--quiet", "--output-format=concise", ".")


def formats() -> list[str]:
    found = _call("ruff", "format", "--check", "--quiet", ".")
    sources = [str(p.relative_to(ROOT)) for p in _files() if p.suffix == ".sv"]
    sources = [s for s in sources if s.startswith(FORMATTED) and Path(s).name not in UNPARSED]
    return found + _call("verible-verilog-format", "--verify", "--inplace", *FORMAT, *sources)


def imports() -> list[str]:
    found = []
    if output := _call("lint-imports", "--no-cache"):
        start = next((i for i, line in enumerate(output) if "Broken" in line), 0)
        found += [line for line in output[start:] if line.strip()]
    for path in (p for p in _files() if p.suffix == ".py"):
        name, text = str(path.relative_to(ROOT)), path.read_text()
        if name not in PLUG_IN_POINTS:
            found += loads_by_name(name, text)
        if re.search(r"^ *(import|from) pyosys\b", text, re.MULTILINE):
            found.append(
                f"{name}: pyosys in a process of its own: torch crashes beside its library"
            )
    return found


def loads_by_name(name: str, source: str) -> list[str]:
    """The calls in a Python file that load a module by a name in a string."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if called in _LOADERS:
                found.append(f"{name}:{node.lineno}: {called} loads a module by a name in a string")
    return found


def sizes() -> list[str]:
    found = []
    for path in _files():
        name, most = str(path.relative_to(ROOT)), MOST_LINES.get(path.suffix)
        if most is None or (path.suffix == ".sv" and not name.startswith("rtl/")):
            continue
        lines = len(path.read_text().splitlines())
        if lines > most:
            found.append(f"{name}:{most}: it has {lines} lines, the most is {most}")
    return found


def elaboration() -> list[str]:
    found = []
    for path in sorted(RTL.rglob("*.sv")):
        found += misspelt_errors(str(path.relative_to(ROOT)), path.read_text())
    return found


def misspelt_errors(name: str, source: str) -> list[str]:
    """The elaboration errors of a module that are not spelt as in

    if (Depth < 2) begin : gen_bad_depth
      $fatal(1, "psf_fifo: Depth must be at least 2");
    end
    """
    found, module = [], Path(name).stem
    for match in re.finditer(r"\$(?:fatal|error|warning|info)\b[^;]*;", source):
        before = source[: match.start()].rstrip()
        if before.endswith("else"):  # of an assertion: it speaks in a run
            continue
        line = f"{name}:{source.count(chr(10), 0, match.start()) + 1}"
        call = " ".join(match[0].split())
        if not re.fullmatch(rf'\$fatal\(1, "{module}: [^"\\]+ must [^"\\]+[^".]"\);', call):
            found.append(f'{line}: {call} is not spelt $fatal(1, "{module}: <what> must ...");')
        if not re.search(r"\bbegin : gen_bad_\w+$", before):
            found.append(f"{line}: it does not stand in a block gen_bad_<what>")
    return found


CHECKS: dict[str, Callable[[], list[str]]] = {
    "names": names,
    "licences": licences,
    "verible": verible,
    "verilator": verilator,
    "slang": slang,
    "combinational": combinational,
    "generated": generated,
    "ruff": ruff,
    "format": formats,
    "imports": imports,
    "sizes": sizes,
    "elaboration": elaboration,
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
