# SPDX-License-Identifier: Apache-2.0
"""Runs a network, or a list of layers, on the accelerator in the simulator.

A job folder holds the work (tb.lib.work) and job.json; the benches read it inside the simulator
(``PSF_JOB``). ``run_work`` runs it with the scoreboard (tb.system.accel_bench), ``run_system``
does so for
images of a network; ``run_bench`` starts any other bench of ``psf_tb_top`` on the same terms.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.paths import ROOT
from golden.contract.random_network import random_images
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.lib.memory_map import memory_map
from tb.lib.networks import seeing_network
from tb.lib.work import NetworkWork, Work
from tb.run import runner

MODELS = ROOT / "tb" / "harness"
HARNESS = [
    MODELS / f"psf_{name}"
    for name in (
        "buses.svh", "memory.sv", "axi_checker.sv", "trace.sv", "host.sv", "events.sv",
        "timeline.sv", "monitors.sv", "tb_top.sv",
    )
]  # fmt: skip
JOBS = runner.BUILD.parent / "jobs"
# For tests that need a network, but not a certain one; short to simulate.
SMALL = NetworkConfig(
    depth=1, dim=16, heads=2, timesteps=2, height=8, width=8, mlp_ratio=2, classes=10
)
SMALL_IMAGES = 4
MEMORY_BITS = 17  # log2 of the beats, unless a program needs more


def write_job(work: Work, hardware: Hardware, program: bytes, **settings) -> Path:
    """A new job folder; it stays behind when the simulation fails."""
    JOBS.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=JOBS))
    try:
        work.save(folder)
        (folder / "program.bin").write_bytes(program)
        settings = {"coded": True} | settings | {"hardware": asdict(hardware)}
        (folder / "job.json").write_text(json.dumps(settings))
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(folder)  # a failed write does not say where it was
        raise
    return folder


def run_bench(
    test_module: str,
    work: Work,
    hardware: Hardware,
    *,
    program: bytes | None = None,
    settings: Mapping[str, object] | None = None,
    coded: bool = True,
    extra_bytes: int = 0,
    visible: Sequence[tuple[str, str]] = (),
    bus: Mapping[str, int] | None = None,
    **options,
) -> Path:
    """Run ``test_module`` on ``psf_tb_top``; returns the folder that it ran in.

    ``settings`` go to job.json; ``extra_bytes`` of memory lie behind the result; ``bus`` are
    parameters of the AXI4 master (AxiOutstanding); ``options`` are those of
    ``tb.run.runner.run``; ``coded`` is that of ``compile_network``. The job folder is removed
    after a run without failures.
    """
    compiled = work.program(hardware, coded=coded)
    bits = max(MEMORY_BITS, ((memory_map(compiled)["end"] + extra_bytes) // 8).bit_length())
    program = compiled.program if program is None else program
    folder = write_job(work, hardware, program, coded=coded, **(settings or {}))
    parameters = hardware.sv_parameters() | dict(bus or {})
    options = {"fast": True, "timeout_s": 36000.0} | options
    options["env"] = {"PSF_JOB": str(folder)} | dict(options.get("env") or {})
    try:
        ran = runner.run(
            "psf_tb_top",
            test_module,
            parameters=parameters | {"MemoryBits": bits},
            extra_sources=HARNESS,
            dut="psf_accel",
            dut_parameters=parameters,
            visible=visible,
            **options,
        )
    except runner.SimulationFailed:
        raise  # the job is what failed
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)
    return ran


def run_small(test_module: str, testcase: str | None = None, **settings: object) -> Path:
    """One test of ``test_module`` on a small network and the 2x8 build, memories visible; the
    folder that it ran in. ``settings`` go to job.json.

    A build takes longer than a test: all of these share it, and pytest-xdist shares the tests.
    """
    hardware, seed = Hardware.named("2x8"), int(os.environ.get("SEED") or 1)
    network = seeing_network(SMALL, seed, "rows", lanes=hardware.lanes, codebook=15)
    work = NetworkWork(network, random_images(SMALL, SMALL_IMAGES, seed))
    visible = [(f"psf_ram_{ram}", "mem") for ram in ("1r1w", "1r1w_be", "async")]
    return run_bench(
        test_module, work, hardware, settings=settings, testcase=testcase, visible=visible
    )


def run_system(
    network: QuantNetwork,
    hardware: Hardware,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    program: bytes | None = None,
    coded: bool = True,
    batch: int | None = 1,
    **options,
) -> dict:
    """Classify ``images`` uint8 (N, C, H, W) of ``labels``: :func:`run_work` with its ``options``.

    ``program`` has to be as long as the one that the compiler makes. ``batch``: images of a job,
    None: as many as take the fewest cycles each by the compiler's model.
    """
    if batch is None:
        batch = compile_network(network, hardware, coded=coded, images=None).images
    work = NetworkWork(network, images, batch=batch)
    size = len(work.program(hardware, coded=coded).program)
    if program is not None and len(program) != size:
        raise UserError(
            f"the program has {len(program)} bytes, this network on {hardware.name} takes "
            f"{size}; export it again with `make vectors`"
        )
    return run_work(work, hardware, labels, program=program, coded=coded, **options)


@dataclass(frozen=True)
class WorkOptions:
    """How the accelerator does a work.

    sim, seed, quiet, waves: as in tb.run.runner.  stalls: percentage of cycles in which the memory
    holds back.  latency: cycles of a read.  program: what is put in memory instead of the program
    that the compiler makes.  coded: code the loads of weights and row tables that can be coded.
    monitors: ``events`` (tb.measure.events) and ``timeline`` (tb.measure.timeline); each leaves a
    file per run, ``events-<run>.bin``, in the folder. Verilator only: they look at signals that a
    netlist lacks.  number_from: number of the first run, in messages.
    """

    sim: str | None = None
    seed: int | None = None
    stalls: int = 0
    latency: int = 20
    quiet: bool = False
    waves: bool | None = None
    program: bytes | None = None
    coded: bool = True
    monitors: Sequence[str] = ()
    number_from: int = 0

    def __post_init__(self) -> None:
        sim = self.sim or os.environ.get("SIM") or "verilator"
        if self.monitors and sim != "verilator":
            raise UserError(
                f"{' and '.join(self.monitors)}: recorded on verilator only, the netlist that "
                "icarus simulates has not these signals"
            )


def run_work(work: Work, hardware: Hardware, labels: np.ndarray | None = None, **options) -> dict:
    """Do ``work`` with the scoreboard; returns results.json, with ``folder`` added.

    ``options`` are the fields of :class:`WorkOptions`. A run whose scoreboard found mismatches
    returns, too (``mismatches`` > 0); anything else that fails raises SimulationFailed.
    """
    how = WorkOptions(**options)
    settings = {
        "stalls": how.stalls,
        "latency": how.latency,
        "runs": work.runs,
        "labels": None if labels is None else [int(x) for x in labels],
        "monitors": list(how.monitors),
        "number_from": how.number_from,
    }
    waves = runner.flag("WAVES") if how.waves is None else how.waves
    try:
        ran = run_bench(
            "tb.system.accel_bench",
            work,
            hardware,
            program=how.program,
            settings=settings,
            coded=how.coded,
            sim=how.sim,
            seed=how.seed,
            fast=not waves,
            waves=waves,
            quiet=how.quiet,
        )
    except runner.SimulationFailed as error:
        results = error.run_dir / "results.json"
        out = json.loads(results.read_text()) if results.is_file() else {"mismatches": 0}
        if not out["mismatches"]:
            raise
        return out | {"folder": str(error.run_dir)}
    return json.loads((ran / "results.json").read_text()) | {"folder": str(ran)}
