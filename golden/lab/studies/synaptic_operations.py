# SPDX-License-Identifier: Apache-2.0
"""`psf sops`: the paper's energy of a float checkpoint, layer by layer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.contract.energy.paper_row import totals
from golden.contract.files import write_json
from golden.lab.studies.torch_rows import measure
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.source import network_input, tensors_for


def report(dense: Path, images: int, out: Path, data: str = "") -> dict:
    """Measure on the first `images` test images, print, write `out`."""
    model = load_dense(dense)
    pixels, _ = tensors_for(model, dense, limit=images, data=data)
    rows = measure(model, network_input(model, pixels))
    sums = totals(rows)
    table = Table("layer", "input", "rate", "T x FLOPs", "weights", "kind", "operations", "nJ")
    for row in rows:
        table.add_row(
            row.name, row.values, f"{row.rate:.4f}", f"{row.flops:,.0f}", f"{row.density:.1%}",
            row.kind, f"{row.operations:,.0f}", f"{row.energy / 1e3:,.2f}",
        )  # fmt: skip
    table.add_row("all", "", "", f"{sum(r.flops for r in rows):,.0f}", "", "MAC + AC",
                  f"{sums['mac']:,.0f} + {sums['ac']:,.0f}",
                  f"{sums['energy_pj'] / 1e3:,.2f}")  # fmt: skip
    tables.show(Console(), table)
    facts = [
        asdict(row) | {"kind": row.kind, "operations": row.operations, "energy_pj": row.energy}
        for row in rows
    ]
    result = {"checkpoint": str(dense), "images": len(pixels), **sums, "layers": facts}
    write_json(out, result)
    return result
