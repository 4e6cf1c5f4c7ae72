# SPDX-License-Identifier: Apache-2.0
"""`psf inputs`: are the inputs of every convolution spikes?"""

from __future__ import annotations

from pathlib import Path

from golden.contract.files import write_json
from golden.lab.studies.layer_inputs import inputs, report, table
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.source import network_input, tensors_for

BATCH = 250


def print_inputs(checkpoint: Path, images: int, out: Path | None, data: str = "") -> None:
    """Run `images` test images; print a line per layer, and write the histograms to `out`."""
    model = load_dense(checkpoint)
    pixels, _ = tensors_for(model, checkpoint, limit=images, data=data)
    found = inputs(model, (network_input(model, part) for part in pixels.split(BATCH)))
    print(table(found))
    if out is not None:
        content = {"checkpoint": str(checkpoint), "images": len(pixels), "layers": report(found)}
        write_json(out, content, indent=2)
