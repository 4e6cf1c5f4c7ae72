# SPDX-License-Identifier: Apache-2.0
"""Cycles of an image against the latency of the memory and the reads outstanding; ``make latency``.

One build of the RTL with AxiOutstanding = 16; that fewer are outstanding is the memory's doing,
which takes no further address. Label and logits must equal the golden model's every time.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract.network import QuantNetwork
from golden.hardware.configuration import Hardware
from tb.lib.work import NetworkWork
from tb.measure import report
from tb.measure.sim import test_images
from tb.system.run import run_bench

LATENCIES = (10, 50, 100, 200, 500)  # cycles from an address to its first beat
READS = (1, 2, 4, 8, 16)  # bursts of at most 64 beats


def measure(checkpoint: Path, config: str, data: str = "") -> dict:
    """``points``: latency, reads, cycles; with the bytes that an image takes from the memory."""
    hardware = Hardware.named(config)
    network = QuantNetwork.load(checkpoint)
    x, _ = test_images(network, 1, data)
    work = NetworkWork(network, x)
    folder = run_bench(
        "tb.system.latency_bench",
        work,
        hardware,
        settings={"latencies": LATENCIES, "reads": READS},
        bus={"AxiOutstanding": max(READS)},
        sim="verilator",
        seed=1,
        quiet=True,
    )
    program = work.program(hardware)
    size = len(program.program) + len(program.weights) + program.image_bytes
    points = json.loads((folder / "results.json").read_text())
    return {"hardware": hardware.name, "bytes": size, "points": points}


def run_latency(checkpoint: Path, config: str, data: str) -> None:
    """Print and write build/reports/latency.json."""
    found = measure(checkpoint, config, data)
    table = Table(title=f"Cycles of an image, {found['hardware']}, {found['bytes']:,} bytes read")
    table.add_column("latency", justify="right")
    for reads in READS:
        table.add_column(f"{reads} outstanding", justify="right")
    for latency in LATENCIES:
        row = [p["cycles"] for p in found["points"] if p["latency"] == latency]
        table.add_row(str(latency), *(f"{cycles:,}" for cycles in row))
    console = Console(highlight=False)
    console.print(table)
    console.print(f"report: {report.write('latency', found)}")
