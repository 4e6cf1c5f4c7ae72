# SPDX-License-Identifier: Apache-2.0
"""`psf spikezip check`: the equivalence of a checkpoint and its spiking network."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.lab.spikezip.equivalence import compare
from golden.lab.spikezip.to_spiking import convert, exact_bits
from golden.lab.spikezip.vit_checkpoint import load
from golden.lab.train.source import tensors_for


def check(path: Path, count: int, data: str = "") -> bool:
    """Print the comparison of every module on the first `count` test images; whether all are
    equal and the spikes have stopped."""
    ann = load(path)
    found = compare(ann, convert(ann), tensors_for(ann, path, limit=count, data=data)[0])
    table = Table("module", "compared", "values", "different", "largest", "last spike at step")
    for row in found.modules:
        table.add_row(
            row.name, row.what, str(row.values), str(row.different), f"{row.largest:g}",
            str(row.last_spike) if row.what == "levels" else "",
        )  # fmt: skip
    console = Console()
    tables.show(console, table)
    values = sum(row.values for row in found.modules)
    console.print(
        f"{path.stem}: {found.different} of {values} values differ after {found.timesteps} steps, "
        f"{count} images; sums need at most {exact_bits(ann)} of float64's 53 bits"
    )
    if not found.quiet:
        console.print("the spikes have not stopped")
    return found.quiet and not found.different
