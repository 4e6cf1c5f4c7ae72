# SPDX-License-Identifier: Apache-2.0
"""`psf sops`: the paper's energy of a checkpoint of any kind, layer by layer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import checkpoint, tables
from golden.contract.energy.paper_row import Row, totals
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.network import QuantNetwork
from golden.lab.data import shown
from golden.lab.spikezip import spikezip_checkpoint
from golden.lab.spikezip.samples import samples_of
from golden.lab.studies import integer_rows, spikezip_rows, torch_rows
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.source import network_input, tensors_for


def rows_of(
    path: Path, images: int, data: str = "", integers: str = "mac", timesteps: int = 0
) -> tuple[list[Row], int]:
    """The layers of a checkpoint on the first `images` test images or sentences, and how many there
    were.

    integers: golden.lab.studies.torch_rows.INTEGERS, of float networks; no integers enter a layer
    of the other kinds.  timesteps: of those of `psf spikezip`, 0: until the spikes stop.
    """
    kind = checkpoint.kind_of(path)
    if timesteps and kind not in checkpoint.SPIKEZIP:
        raise UserError(
            f"{path} is {checkpoint.KINDS[kind]}, whose timesteps are its own: --timesteps is for "
            "networks of `psf spikezip`"
        )
    if kind in checkpoint.SPIKEZIP:
        ann = spikezip_checkpoint.load(path)
        samples, _ = samples_of(ann, path, limit=images, data=data)
        return spikezip_rows.measure(ann, samples, timesteps), len(samples)
    if kind == "quantised":
        network = QuantNetwork.load(path)
        told = network.provenance.get("data", {})
        frames = shown(network.config, told, data).images[:images]
        return integer_rows.measure(network, frames), len(frames)
    model = load_dense(path)
    pixels, _ = tensors_for(model, path, limit=images, data=data)
    rows = torch_rows.measure(model, network_input(model, pixels), integers=integers)
    return rows, len(pixels)


def report(
    path: Path, images: int, out: Path, data: str = "", integers: str = "mac", timesteps: int = 0
) -> dict:
    """Measure, as `rows_of`, print, write `out`."""
    rows, count = rows_of(path, images, data, integers, timesteps)
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
    result = {
        "checkpoint": str(path), "images": count, "integers": integers, **sums, "layers": facts
    }  # fmt: skip
    write_json(out, result)
    return result
