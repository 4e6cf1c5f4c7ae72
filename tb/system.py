# SPDX-License-Identifier: Apache-2.0
"""Runs a quantised network on the accelerator in the simulator; used by sim, compare and pytest.

A job is a folder with the network, the images and job.json; ``tb.accel_tests`` reads it inside the
simulator and leaves results.json there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from golden.compile.hardware import Hardware
from golden.compile.program import Program, compile_network
from golden.integer.network import QuantNetwork
from tb import runner

MODELS = Path(__file__).parent / "models"
HARNESS = [MODELS / f"psf_{name}.sv" for name in ("memory", "trace", "host", "tb_top")]
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
) -> dict:
    """Classify ``images`` uint8 (B, C, H, W); returns results.json, with ``folder`` added.

    ``stalls``: percentage of cycles in which the memory holds back. A run whose scoreboard found
    mismatches returns, too (``mismatches`` > 0); anything else that fails raises SimulationFailed.
    """
    bits = max(17, (memory_map(compile_network(network, hardware))["end"] // 8).bit_length())
    job = {
        "hardware": asdict(hardware),
        "stalls": stalls,
        "latency": latency,
        "labels": None if labels is None else [int(x) for x in labels],
    }
    digest = hashlib.sha256(json.dumps([job, sim, seed], sort_keys=True).encode())
    digest.update(images.tobytes() + b"".join(t.tobytes() for t in network.tensors().values()))
    folder = JOBS / digest.hexdigest()[:16]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    network.save(folder / "network.safetensors")
    np.save(folder / "images.npy", images)
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
        ran = folder
    return json.loads(results.read_text()) | {"folder": str(ran)}
