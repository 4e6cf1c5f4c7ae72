# SPDX-License-Identifier: Apache-2.0
"""The table and the JSON file of ``psf peers``."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.files import write_json
from golden.hardware.peers.loas import loas_unpipelined
from golden.hardware.peers.product import Product, useful_adds
from golden.hardware.peers.prosperity import density
from golden.hardware.peers.published_cycles import PUBLISHED, Published
from golden.hardware.peers.registry import bit_serial, cycles_of


def measure(products: list[Product], pes: int, own: Sequence[str] = ()) -> dict[str, Any]:
    """Cycles of every model, useful adds and densities, per layer and in all.

    Densities are spikes per element; ``bit_density`` counts every spike, ``product_density`` those
    that Prosperity's reuse leaves. own: models of the user's (golden.hardware.peers.registry).
    """
    layers: dict[str, list[Product]] = {}
    for product in products:
        layers.setdefault(product.layer, []).append(product)
    facts = {name: _facts(members, pes, own) for name, members in layers.items()}
    unpipelined = sum((bit_serial if p.bit_planes else loas_unpipelined)(p, pes) for p in products)
    return {
        "pes": pes,
        "layers": facts,
        **_facts(products, pes, own),
        "loas_unpipelined": unpipelined,
    }


def _facts(products: list[Product], pes: int, own: Sequence[str]) -> dict[str, Any]:
    sizes = np.array([product.spikes.size for product in products])
    bits, left = sizes @ np.array([density(product) for product in products]) / sizes.sum()
    return {
        "useful_adds": sum(useful_adds(product) for product in products),
        "bit_density": float(bits),
        "product_density": float(left),
        "cycles_of": cycles_of(products, pes, own),
    }


def published_for(path: Path, pes: int) -> Published | None:
    """What is known about exactly this file at this number of adders."""
    figure = PUBLISHED.get(hashlib.sha256(path.read_bytes()).hexdigest())
    return figure if figure and figure.pes == pes else None


def show(facts: dict[str, Any], published: Published | None, title: str) -> None:
    """Print one row per product, the sums, the published figures and the difference; as many
    tables as the width of the output takes to show all models."""
    console = Console()
    rows = _rows(facts, published)
    table = Table("layer", title=title)
    for heading in rows[0][1]:
        table.add_column(heading, justify="right")
    for name, cells in rows:
        above = name == rows[len(facts["layers"]) - 1][0]
        table.add_row(name, *(cells.get(x, "") for x in rows[0][1]), end_section=above)
    tables.show(console, table)
    console.print(f"limit: useful adds / {facts['pes']} adders", highlight=False)
    console.print(
        f"LoAS with matches + 21 cycles per chunk: {facts['loas_unpipelined']:,}", highlight=False
    )
    if published:
        console.print(f"published: {published.source}", highlight=False)


def _rows(facts: dict[str, Any], published: Published | None) -> list[tuple[str, dict[str, str]]]:
    """Name and cells by heading of every row."""
    out = []
    for name, row in [*facts["layers"].items(), ("all", facts)]:
        cells = {
            "bits": f"{row['bit_density']:.2%}",
            "product": f"{row['product_density']:.2%}",
            "limit": f"{-(-row['useful_adds'] // facts['pes']):,}",
        }
        out.append((name, cells | {p: f"{c:,}" for p, c in row["cycles_of"].items()}))
    if published:
        ours, theirs = facts["cycles_of"], published.cycles
        out.append(("published", {p: f"{theirs[p]:,}" if p in theirs else "-" for p in ours}))
        difference = {p: f"{ours[p] / theirs[p] - 1:+.2%}" if p in theirs else "-" for p in ours}
        out.append(("difference", difference))
    return out


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write ``facts`` as JSON."""
    write_json(path, facts, indent=2)
