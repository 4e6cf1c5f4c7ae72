# SPDX-License-Identifier: Apache-2.0
"""Random programs on the accelerator: no hang, escape, silence or wrong result; ``make fuzz``.

docs/reference/verification.md, "Fuzzing", says what is run and what a hang, an escape, an
unreported error and a wrong run are. Exit status 1 when there was one.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images
from golden.hardware.configuration import Hardware
from tb.campaigns import campaign
from tb.lib.networks import seeing_network
from tb.lib.work import NetworkWork
from tb.measure import report
from tb.system.run import SMALL, run_bench

IMAGES = 4
VERDICTS = ("programs", "hangs", "escapes", "unreported", "wrong")
SHARE = 250  # programs of a shard, at most: every shard has another network
CONFIGS = ("2x8", "2x8 with 64-bit addresses", "4x16", "4x32")
WIDE = " with 64-bit addresses"
# Networks by what they have beyond others, with the sparsity and code of their weights, and images
# of a job.
FEATURES: dict[str, tuple[NetworkConfig, str, int, int]] = {
    "masked rows": (SMALL, "rows", 15, 1),
    "learned encoder, colour, average head": (
        replace(SMALL, in_channels=3, encoder_channels=3, head="avgpool_fc"), "balanced", 15, 1),
    "tiled layers, raw weights": (
        replace(SMALL, dim=64, heads=8, mlp_ratio=8, height=5, width=5), "unstructured", 0, 1),
    "average head, five timesteps": (
        replace(SMALL, timesteps=5, head="fc_avgpool", classes=30), "rows", 0, 1),
    "frames of events, blocks": (
        replace(SMALL, timesteps=4, input_timesteps=4, input_bits=1, in_channels=2),
        "block", 15, 1),
    "wide heads": (replace(SMALL, heads=1, height=5, width=7), "dense", 16, 1),
    "two images a job": (replace(SMALL, height=6), "balanced", 15, 2),
}  # fmt: skip


def shard(configs: Sequence[str], first: int, name: str, seed: int, programs: int) -> dict:
    """Shard ``seed - first`` of a campaign: its configuration and its network go by turns."""
    number = seed - first
    config = configs[number % len(configs)]
    # Each configuration meets every feature, too: the features move on after every round.
    turn = number + number // len(FEATURES) if len(FEATURES) % len(configs) == 0 else number
    feature = [*FEATURES][turn % len(FEATURES)]
    hardware = Hardware.named(config.removesuffix(WIDE))
    shape, sparsity, codebook, batch = FEATURES[feature]
    network = seeing_network(shape, seed, sparsity, lanes=hardware.lanes, codebook=codebook)
    images = random_images(shape, IMAGES * batch, seed)
    folder = run_bench(
        "tb.campaigns.fuzz_bench",
        NetworkWork(network, images, batch=batch),
        hardware,
        settings={"programs": programs},
        bus={"AxiAddrWidth": 64 if config.endswith(WIDE) else 32},
        extra_bytes=1 << 14,
        sim="verilator",
        seed=seed,
        name=name,
        quiet=True,
    )
    found = json.loads((folder / "results.json").read_text())
    counts = {"features": {feature: found["programs"]}, "configs": {config: found["programs"]}}
    return found | counts


def merge(parts: list[dict]) -> dict:
    out: dict = {k: sum(p[k] for p in parts) for k in (*VERDICTS, "well", "compared", "sim_cycles")}
    for key in ("causes", "kinds", "features", "configs", "open"):
        out[key] = dict(sum((Counter(p[key]) for p in parts), Counter()).most_common())
    return out | {"messages": [m for p in parts for m in p["messages"]]}


def run_fuzz(programs: int, config: str | None, jobs: int, seed: int | None) -> int:
    """Run, print, write build/reports/fuzz.json; the exit status. ``config``: None for all."""
    seed, began = campaign.fresh_seed(seed), time.monotonic()
    configs = [config] if config else CONFIGS
    parts = campaign.shards(
        partial(shard, configs, seed), "fuzz", programs, jobs, seed,
        max(jobs, -(-programs // SHARE)),
    )  # fmt: skip
    data = merge(parts)
    data |= {"config": ", ".join(data["configs"]), "seed": seed}
    data["seconds"] = time.monotonic() - began
    console = Console()
    titles = {
        "configs": "hardware", "features": "network", "kinds": "what ran",
        "causes": "how the runs ended", "open": "ended well, nothing compared, as",
    }  # fmt: skip
    for key, title in titles.items():
        table = Table(title, "programs")
        for name, count in data[key].items():
            table.add_row(name, f"{count:,}")
        tables.show(console, table)
    for message in data["messages"]:
        console.print(message, style="red", highlight=False)
    console.print(", ".join(f"{data[k]:,} {k}" for k in VERDICTS), highlight=False)
    console.print(
        f"{data['well']:,} ended well; {data['compared']:,} results of jobs compared",
        highlight=False,
    )
    console.print(f"seed {seed}; report: {report.write('fuzz', data)}", highlight=False)
    return 1 if any(data[k] for k in VERDICTS[1:]) else 0
