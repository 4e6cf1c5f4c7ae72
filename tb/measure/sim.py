# SPDX-License-Identifier: Apache-2.0
"""Classify test images on the RTL; every spike is compared with the golden model.

``psf sim``. Exit status: 0 everything equal, 1 a mismatch (or the simulation failed), 2 a user's
mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from rich.console import Console

from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.contract.paths import CHECKPOINTS
from golden.contract.silence import warn
from golden.hardware.configuration import Hardware
from golden.lab.data import shown
from tb.measure import report
from tb.system.run import run_system

DEFAULT = CHECKPOINTS / "balanced.safetensors"
Run = Callable[..., dict]


@dataclass(frozen=True)
class RunOptions:
    """How a measurement runs the accelerator.

    images: test images, one after the other.  config: hardware configuration by name.  sim:
    verilator or icarus.  seed: of stalls and start values, None: a fresh one.  stalls: percent of
    the cycles in which the memory holds back.  latency: cycles of a memory read.  data: in place of
    the data set that the network was trained on.  first: number of the first image.  jobs:
    simulations side by side, each with a share of the images.  batch: images of a job
    (golden.hardware.compile.batch), 0: as many as take the fewest cycles each.
    """

    images: int = 1
    config: str = "4x16"
    sim: str = "verilator"
    seed: int | None = None
    stalls: int = 0
    latency: int = 20
    data: str = ""
    first: int = 0
    jobs: int = 1
    batch: int = 1


def test_images(network: QuantNetwork, count: int, data: str = "", first: int = 0):
    """``count`` test images from ``first`` and their labels, of ``data`` or else of the data set
    that ``network`` was trained on; UserError unless it can take them."""
    told = network.provenance.get("data", {})
    split = shown(network.config, told, data, count=count, first=first)
    return split.images, split.labels


def check_memory(stalls: int, latency: int) -> None:
    """Raise UserError for what the memory of the bench cannot do."""
    if not 0 <= stalls <= 95:
        raise UserError(f"--stalls {stalls} must lie between 0 and 95 percent")
    if not 0 <= latency <= 255:
        raise UserError(f"--latency {latency} must lie between 0 and 255 cycles")


def measure(
    checkpoint: Path,
    options: RunOptions,
    program: Path | None = None,
    monitors: Sequence[str] = (),
) -> dict:
    """Run a checkpoint and return the report's figures; ``monitors`` as in
    tb.system.run.run_work."""
    check_memory(options.stalls, options.latency)
    hardware = Hardware.named(options.config)
    network = QuantNetwork.load(checkpoint)
    warn(network)
    x, labels = test_images(network, options.images, options.data, options.first)
    if program is not None and not program.is_file():
        raise UserError(f"program {program} does not exist; export one with `make vectors`")
    run = partial(
        run_system,
        network,
        hardware,
        sim=options.sim,
        seed=options.seed,
        stalls=options.stalls,
        latency=options.latency,
        quiet=True,
        program=None if program is None else program.read_bytes(),
        batch=options.batch or None,
        monitors=monitors,
    )
    results = side_by_side(run, x, labels, options)
    return report.summarise(results, hardware) | {
        "checkpoint": str(checkpoint),
        "first": options.first,
        "batch": options.batch,
        "simulator": options.sim,
        "messages": results["messages"],
        "folder": results["folder"],
    }


def side_by_side(run: Run, images: np.ndarray, labels: np.ndarray, options: RunOptions) -> dict:
    """results.json of ``run`` on all ``images``, in ``options.jobs`` parts if there are so many."""
    jobs = min(options.jobs, -(-len(images) // max(options.batch, 1)))
    each = max(options.batch, 1)  # jobs of the accelerator are whole
    count = -(-len(images) // each)
    edges = [min(len(images), count * i // jobs * each) for i in range(jobs + 1)]
    places = [slice(*edge) for edge in pairwise(edges)]
    named = [
        partial(run, images[p], labels[p], number_from=options.first + p.start) for p in places
    ]
    if jobs == 1:
        return named[0]()
    with ProcessPoolExecutor(jobs) as pool:  # each shows its own progress
        parts = [future.result() for future in [pool.submit(one) for one in named]]
    return merged(parts)


def merged(parts: Sequence[dict]) -> dict:
    """One results.json of several that ran side by side."""
    out = parts[0] | {"images": [], "messages": [], "layers": []}
    for same in zip(*(part["layers"] for part in parts), strict=True):
        sums = {k: sum(layer[k] for layer in same) for k in same[0] if k != "name"}
        out["layers"].append({"name": same[0]["name"]} | sums)
    for part in parts:
        out["images"] += part["images"]
        out["messages"] += part["messages"]
    out |= {k: sum(part[k] for part in parts) for k in ("mismatches", "sim_cycles", "cpu_s")}
    return out | {"wall_s": max(part["wall_s"] for part in parts)}


def simulate(checkpoint: Path, options: RunOptions, program: Path | None = None) -> int:
    """Run, print, write build/reports/sim.json; the exit status."""
    console = Console()
    figures = measure(checkpoint, options, program)
    report.show_layers(console, figures)
    report.show_images(console, figures)
    for message in figures["messages"]:
        console.print(f"mismatch: {message}", style="red", highlight=False)
    report.show_totals(console, figures)
    console.print(f"report: {report.write('sim', figures)}", highlight=False)
    for path in Path(figures["folder"]).glob("*.fst"):
        console.print(f"waves: {path}", highlight=False)
    return 1 if figures["mismatches"] else 0
