# SPDX-License-Identifier: Apache-2.0
"""What the job ring saves: jobs one by one against one batch, on the RTL; ``make batch``.

A job has one image, or some that share its weights. Both ways the stored label and logits of every
image must equal the golden model's. Cycles alone are those from start to interrupt; a batch counts
from the doorbell to its one interrupt. The limits are those of tb.measure.report.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from tb.lib.ring import ring_bytes
from tb.lib.work import NetworkWork
from tb.measure import report
from tb.measure.sim import RunOptions, check_memory, test_images
from tb.system.run import run_bench

MOST = 256  # images of a batch; the golden results of all of them are kept


def measure(checkpoint: Path, options: RunOptions) -> dict:
    """Cycles per image, alone and in a batch of ``options.images``, ``options.batch`` in a job."""
    images, stalls, latency = options.images, options.stalls, options.latency
    check_memory(stalls, latency)
    if not 0 < images <= MOST:
        raise UserError(f"--images {images} must lie between 1 and {MOST}")
    hardware = Hardware.named(options.config)
    network = QuantNetwork.load(checkpoint)
    x, _ = test_images(network, images, options.data)
    each = options.batch or compile_network(network, hardware, images=None).images
    work = NetworkWork(network, x, batch=each)
    program = work.program(hardware)
    log_entries = max(1, (work.runs - 1).bit_length())
    folder = run_bench(
        "tb.system.batch_bench",
        work,
        hardware,
        settings={"stalls": stalls, "latency": latency, "log_entries": log_entries},
        extra_bytes=ring_bytes(program, work.runs, log_entries),
        sim="verilator",
        seed=1,
        quiet=True,
    )
    figures = json.loads((folder / "results.json").read_text())
    jobs = [work.expected(program, job) for job in range(work.runs)]
    cycles = figures["batch_cycles"] * images * hardware.pes
    return {
        "hardware": hardware.name,
        "stalls": stalls,
        "latency": latency,
        "images_per_job": program.images,
        "limit_ratio": cycles / sum(job.useful for job in jobs),
        "pattern_ratio": cycles / sum(job.pattern_adds for job in jobs),
    } | figures


def run_batch(checkpoint: Path, options: RunOptions) -> None:
    """Print and write build/reports/batch.json."""
    data = measure(checkpoint, options)
    saved = 1 - data["batch_cycles"] / data["alone_cycles"]
    console = Console(highlight=False)
    console.print(
        f"{data['images']} images on {data['hardware']}, {data['images_per_job']} in a job, all "
        "results equal to the golden model's: "
        f"{data['alone_cycles']:.0f} cycles each alone, {data['batch_cycles']:.0f} in one batch "
        f"({100 * saved:.1f} % fewer); limit ratio {data['limit_ratio']:.3f}, "
        f"{data['pattern_ratio']:.3f} with a row once per window of timesteps",
        soft_wrap=True,
    )
    console.print(f"report: {report.write('batch', data)}")
