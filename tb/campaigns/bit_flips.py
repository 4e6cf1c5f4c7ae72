# SPDX-License-Identifier: Apache-2.0
"""Soft errors: flips one bit of one memory per inference and counts what happens; ``psf faults``.

A flip is detected (the run stops and says so), harmless (label and every logit are right) or
silent (a wrong result that nobody told). Exit status 1 when one was silent.
"""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork
from golden.hardware.configuration import Hardware
from tb.campaigns import campaign
from tb.lib.work import NetworkWork
from tb.measure import report
from tb.measure.sim import test_images
from tb.system.run import run_bench

RAMS = ("psf_ram_1r1w", "psf_ram_1r1w_be", "psf_ram_async")
IMAGES = 8  # different ones, in random order


def shard(checkpoint: Path, config: str, name: str, seed: int, flips: int) -> dict:
    network, hardware = QuantNetwork.load(checkpoint), Hardware.named(config)
    images, _ = test_images(network, IMAGES)
    folder = run_bench(
        "tb.campaigns.bit_flips_bench",
        NetworkWork(network, images),
        hardware,
        settings={"flips": flips},
        visible=[(ram, "mem") for ram in RAMS],
        sim="verilator",
        seed=seed,
        name=name,
        asserts=False,  # a flip breaks what they state; the hardware has to notice without them
        quiet=True,
    )
    return json.loads((folder / "results.json").read_text())


def merge(parts: list[dict]) -> dict:
    """One table of all shards, and the totals."""
    table: dict[str, dict] = {}
    for part in parts:
        for kind, row in part["table"].items():
            into = table.setdefault(kind, {"detected": 0, "harmless": 0, "silent": 0, "causes": {}})
            for key in ("detected", "harmless", "silent"):
                into[key] += row[key]
            for cause, n in row["causes"].items():
                into["causes"][cause] = into["causes"].get(cause, 0) + n
    totals = {k: sum(r[k] for r in table.values()) for k in ("detected", "harmless", "silent")}
    return (
        {"flips": sum(totals.values())}
        | totals
        | {
            "memories": dict(sorted(table.items())),
            "bits": parts[0]["bits"],
            "instances": parts[0]["instances"],
            "messages": [m for part in parts for m in part["messages"]],
        }
    )


def show(console: Console, data: dict) -> None:
    """One row per kind of memory."""
    table = Table("memory", title="bit flips during inferences")
    for name in ("instances", "bits", "flips", "detected", "harmless", "silent"):
        table.add_column(name, justify="right")
    for kind, row in data["memories"].items():
        flips = row["detected"] + row["harmless"] + row["silent"]
        cells = (data["instances"][kind], data["bits"][kind], flips)
        cells += tuple(row[k] for k in ("detected", "harmless", "silent"))
        table.add_row(kind, *(f"{c:,}" for c in cells))
    table.add_section()
    totals = (sum(data["instances"].values()), sum(data["bits"].values()), data["flips"])
    totals += tuple(data[k] for k in ("detected", "harmless", "silent"))
    table.add_row("all", *(f"{c:,}" for c in totals))
    tables.show(console, table)


def run_flips(checkpoint: Path, config: str, flips: int, jobs: int, seed: int | None) -> int:
    """Run, print, write build/reports/faults.json; the exit status."""
    if not Hardware.named(config).parity:
        raise UserError(
            f"--config {config} has no parity to find bit flips with; leave parity=0 out"
        )
    seed, began = campaign.fresh_seed(seed), time.monotonic()
    parts = campaign.shards(partial(shard, checkpoint, config), "bit_flips", flips, jobs, seed)
    data = merge(parts) | {"config": config, "seed": seed, "seconds": time.monotonic() - began}
    console = Console()
    show(console, data)
    for message in data["messages"]:
        console.print(f"silent: {message}", style="red", highlight=False)
    console.print(f"seed {seed}; report: {report.write('faults', data)}", highlight=False)
    return 1 if data["silent"] else 0
