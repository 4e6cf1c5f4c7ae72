# SPDX-License-Identifier: Apache-2.0
"""The table and the JSON file of ``psf peers``."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from golden.contract.files import write_json
from golden.hardware.peers.loas import loas_unpipelined
from golden.hardware.peers.product import Product, useful_adds
from golden.hardware.peers.prosperity import density
from golden.hardware.peers.published_cycles import PUBLISHED, Published
from golden.hardware.peers.registry import PEERS, bit_serial, cycles_of


def measure(products: list[Product], pes: int) -> dict[str, Any]:
    """Cycles of every model, useful adds and densities, per layer and in all.

    Densities are spikes per element; ``bit_density`` counts every spike, ``product_density`` those
    that Prosperity's reuse leaves.
    """
    layers: dict[str, list[Product]] = {}
    for product in products:
        layers.setdefault(product.layer, []).append(product)
    facts = {name: _facts(members, pes) for name, members in layers.items()}
    unpipelined = sum((bit_serial if p.bit_planes else loas_unpipelined)(p, pes) for p in products)
    return {
        "pes": pes,
        "layers": facts,
        **_facts(products, pes),
        "loas_unpipelined": unpipelined,
    }


def _facts(products: list[Product], pes: int) -> dict[str, Any]:
    sizes = np.array([product.spikes.size for product in products])
    bits, left = sizes @ np.array([density(product) for product in products]) / sizes.sum()
    return {
        "useful_adds": sum(useful_adds(product) for product in products),
        "bit_density": float(bits),
        "product_density": float(left),
        "cycles_of": cycles_of(products, pes),
    }


def published_for(path: Path, pes: int) -> Published | None:
    """What is known about exactly this file at this number of adders."""
    figure = PUBLISHED.get(hashlib.sha256(path.read_bytes()).hexdigest())
    return figure if figure and figure.pes == pes else None


def show(facts: dict[str, Any], published: Published | None, title: str) -> None:
    """Print one row per product, the sums, the published figures and the difference."""
    table = Table(title=title)
    table.add_column("layer")
    for heading in ("bits", "product", "limit", *PEERS):
        table.add_column(heading, justify="right")
    rows = [*facts["layers"].items(), ("all", facts)]
    for i, (name, row) in enumerate(rows, 2 - len(rows)):
        limit = -(-row["useful_adds"] // facts["pes"])
        table.add_row(
            name,
            f"{row['bit_density']:.2%}",
            f"{row['product_density']:.2%}",
            f"{limit:,}",
            *(f"{row['cycles_of'][peer]:,}" for peer in PEERS),
            end_section=i == 0,
        )
    if published:
        ours, theirs = facts["cycles_of"], published.cycles
        cells = [f"{theirs[peer]:,}" if peer in theirs else "-" for peer in PEERS]
        table.add_row("published", "", "", "", *cells)
        cells = [f"{ours[p] / theirs[p] - 1:+.2%}" if p in theirs else "-" for p in PEERS]
        table.add_row("difference", "", "", "", *cells)
    console = Console()
    console.print(table, soft_wrap=False)
    console.print(f"limit: useful adds / {facts['pes']} adders", highlight=False)
    console.print(
        f"LoAS with matches + 21 cycles per chunk: {facts['loas_unpipelined']:,}", highlight=False
    )
    if published:
        console.print(f"published: {published.source}", highlight=False)


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write ``facts`` as JSON."""
    write_json(path, facts, indent=2)
