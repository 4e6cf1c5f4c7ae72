# SPDX-License-Identifier: Apache-2.0
"""Runs a quantised network on the accelerator in the simulator; used by sim, compare and pytest.

A job is a folder with the network, the images and job.json; ``tb.accel_tests`` reads it inside the
simulator and leaves results.json there.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from golden.compile.hardware import Hardware
from golden.compile.program import Program, compile_network
from golden.errors import UserError
from golden.integer.network import QuantNetwork
from tb import runner

MODELS = Path(__file__).parent / "models"
HARNESS = [MODELS / f"psf_{name}.sv" for name in ("memory", "axi_checker", "trace", "host", "tb_top")]
JOBS = runner.BUILD.parent / "jobs"


def memory_map(program: Program) -> dict[str, int]:
    """Byte addresses in DRAM, none at a round number so that relocation is exercised."""
    at, out = 0x40, {}
    for name, size in (
        ("program", len(program.program)),
        ("weights", len(program.weights)),
        ("image", program.image_bytes),
        ("result", program.result_bytes),
    ):
        out[name] = at
        at += -(-size // 64) * 64 + 0xAC0
    return out | {"end": at}


def run_system(
    network: QuantNetwork,
    hardware: Hardware,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    sim: str | None = None,
    seed: int | None = None,
    stalls: int = 0,
    latency: int = 20,
    quiet: bool = False,
    waves: bool | None = None,
    program: bytes | None = None,
) -> dict:
    """Classify ``images`` uint8 (B, C, H, W); returns results.json, with ``folder`` added.

    ``stalls``: percentage of cycles in which the memory holds back. A run whose scoreboard found
    mismatches returns, too (``mismatches`` > 0); anything else that fails raises SimulationFailed.
    ``program``: what is put in memory instead of the program that the compiler makes.
    """
    compiled = compile_network(network, hardware)
    if program is not None and len(program) != len(compiled.program):
        raise UserError(
            f"the program has {len(program)} bytes, this network on {hardware.name} takes "
            f"{len(compiled.program)}; export it again with `make vectors`"
        )
    bits = max(17, (memory_map(compiled)["end"] // 8).bit_length())
    job = {
        "hardware": asdict(hardware),
        "stalls": stalls,
        "latency": latency,
        "labels": None if labels is None else [int(x) for x in labels],
    }
    JOBS.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=JOBS))  # stays behind when something goes wrong
    network.save(folder / "network.safetensors")
    np.save(folder / "images.npy", images)
    (folder / "program.bin").write_bytes(compiled.program if program is None else program)
    (folder / "job.json").write_text(json.dumps(job))
    waves = runner._flag("WAVES") if waves is None else waves
    parameters = hardware.sv_parameters()
    results = folder / "results.json"
    try:
        ran = runner.run(
            "psf_tb_top",
            "tb.accel_tests",
            parameters=parameters | {"MemoryBits": bits},
            extra_sources=HARNESS,
            dut="psf_accel",
            dut_parameters=parameters,
            env={"PSF_JOB": str(folder)},
            sim=sim,
            seed=seed,
            fast=not waves,
            waves=waves,
            quiet=quiet,
            timeout_s=36000.0,
        )
    except runner.SimulationFailed:
        if not results.is_file() or not json.loads(results.read_text())["mismatches"]:
            raise
        return json.loads(results.read_text()) | {"folder": str(folder)}
    out = json.loads(results.read_text()) | {"folder": str(ran)}
    shutil.rmtree(folder)
    return out
