# SPDX-License-Identifier: Apache-2.0
"""Random programs on the accelerator: no hang, escape, silence or wrong result; ``make fuzz``.

A hang is a run without interrupt, an escape an access outside the windows, an unreported error a
run that ended well although its program is illegal or the bus failed, or that left something
behind which spoils a good run. A wrong run ended well with another result, or other counts of
layers, loads, rows and row-adds, than the functional model (where that knows them for certain), or
changed a word of the memory that was not its result. Exit status 1 when there was one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from functools import partial

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.random_network import random_images
from golden.hardware.configuration import Hardware
from tb.campaigns import campaign
from tb.lib.networks import seeing_network
from tb.lib.work import NetworkWork
from tb.measure import report
from tb.system.run import SMALL, run_bench

IMAGES = 4
VERDICTS = ("programs", "hangs", "escapes", "unreported", "wrong")


def shard(config: str, name: str, seed: int, programs: int) -> dict:
    hardware = Hardware.named(config)
    # Coded weights and masked rows, or neither.
    sparsity, codebook = ("rows", 15) if seed % 2 else ("balanced", 0)
    network = seeing_network(SMALL, seed, sparsity, lanes=hardware.lanes, codebook=codebook)
    folder = run_bench(
        "tb.campaigns.fuzz_bench",
        NetworkWork(network, random_images(SMALL, IMAGES, seed)),
        hardware,
        settings={"programs": programs},
        sim="verilator",
        seed=seed,
        name=name,
        quiet=True,
    )
    return json.loads((folder / "results.json").read_text())


def merge(parts: list[dict]) -> dict:
    out: dict = {k: sum(p[k] for p in parts) for k in (*VERDICTS, "well", "compared", "sim_cycles")}
    for key in ("causes", "kinds"):
        out[key] = dict(sum((Counter(p[key]) for p in parts), Counter()).most_common())
    return out | {"messages": [m for p in parts for m in p["messages"]]}


def run_fuzz(programs: int, config: str, jobs: int, seed: int | None) -> int:
    """Run, print, write build/reports/fuzz.json; the exit status."""
    seed, began = campaign.fresh_seed(seed), time.monotonic()
    parts = campaign.shards(partial(shard, config), "fuzz", programs, jobs, seed)
    data = merge(parts) | {"config": config, "seed": seed, "seconds": time.monotonic() - began}
    console = Console()
    for key, title in (("kinds", "programs of this kind"), ("causes", "how the runs ended")):
        table = Table(title, "programs")
        for name, count in data[key].items():
            table.add_row(name, f"{count:,}")
        tables.show(console, table)
    for message in data["messages"]:
        console.print(message, style="red", highlight=False)
    console.print(", ".join(f"{data[k]:,} {k}" for k in VERDICTS), highlight=False)
    console.print(f"seed {seed}; report: {report.write('fuzz', data)}", highlight=False)
    return 1 if any(data[k] for k in VERDICTS[1:]) else 0
