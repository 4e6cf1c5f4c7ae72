# SPDX-License-Identifier: Apache-2.0
"""`psf spikezip check`: the equivalence of a checkpoint and its spiking network."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from golden.contract import tables
from golden.lab.spikezip.equivalence import compare
from golden.lab.spikezip.samples import NAMES, samples_of
from golden.lab.spikezip.spikezip_checkpoint import load
from golden.lab.spikezip.to_spiking import convert, exact_bits


def check(path: Path, count: int, data: str = "") -> bool:
    """Print the comparison of every module on the first `count` test samples; whether all are
    equal and the spikes have stopped."""
    ann = load(path)
    samples, _ = samples_of(ann, path, limit=count, data=data)
    found = compare(ann, convert(ann), samples)
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
        f"{len(samples)} {NAMES[ann.family]}; sums need at most {exact_bits(ann)} of float64's 53 "
        "bits"
    )
    if not found.quiet:
        console.print("the spikes have not stopped")
    return found.quiet and not found.different
