# SPDX-License-Identifier: Apache-2.0
"""`psf report`: run the sections, write the page."""

from __future__ import annotations

import time
from pathlib import Path

from golden.contract.files import write_json
from golden.contract.paths import BUILD
from golden.lab.report import (
    ddp,
    encoders,
    firing,
    lanes,
    networks,
    pruning,
    sparsity,
    spikes,
    spikezip,
    spikezip_text,
    sweeps,
    values,
)
from golden.lab.report.inputs import Inputs
from golden.lab.report.page import write
from golden.lab.report.section import Section
from golden.lab.report.zoo import record

SECTIONS = {
    "networks": networks,
    "firing": firing,
    "encoders": encoders,
    "values": values,
    "sparsity": sparsity,
    "pruning": pruning,
    "lanes": lanes,
    "sweeps": sweeps,
    "spikes": spikes,
    "spikezip": spikezip,
    "spikezip_text": spikezip_text,
    "ddp": ddp,
}


def report(
    out: Path,
    figures: Path,
    images: int,
    command: str = "",
    root: Path = Path(),
    cache: Path = BUILD / "report-cache",
    kept: Path | None = None,
) -> dict[str, Section]:
    """Write `out`/index.html with its PNGs, and every number to `figures`; print what is absent.
    What was measured once is read from `cache`. kept: a file for `golden.lab.report.zoo.record`."""
    inputs = Inputs(root, cache, images)
    sections = {name: module.section(inputs) for name, module in SECTIONS.items()}
    facts = {
        "made": time.strftime("%Y-%m-%d %H:%M"), "command": command, "test images run": images,
        "numbers": str(figures),
    }  # fmt: skip
    if kept is not None:
        write_json(kept, record(inputs, command, time.strftime("%Y-%m-%d")))
    page = write(sections, facts, out, figures)
    for section in sections.values():
        for entry in section.absent:
            print(f"not there: {entry.what}; made by `{entry.command}`")
    print(f"page: {page}\nnumbers: {figures}")
    return sections
