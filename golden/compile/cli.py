# SPDX-License-Identifier: Apache-2.0
"""``python -m golden vectors``: images for the hardware and everything it must answer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from golden.compile.expected import expectations
from golden.compile.hardware import Hardware
from golden.compile.program import compile_network
from golden.data.fashion_mnist import load
from golden.errors import UserError
from golden.integer.network import QuantNetwork


def vectors(checkpoint: Path, hardware: str, images: int, out: Path) -> str:
    """Write program, weights, packed images and the expected trace to the folder ``out``.

    Per image ``image<i>.bin`` is what IMAGE_BASE points to and ``expected<i>.npz`` holds, per
    hardware layer, ``<name>.value`` and ``<name>.spikes`` (units, steps, words, lanes), and
    ``logits`` and ``label``. manifest.json has the shapes and checksums. Returns one line to print.
    """
    network = QuantNetwork.load(checkpoint)
    program = compile_network(network, Hardware.named(hardware))
    data = load("test")
    if not 0 < images <= len(data.images):
        raise UserError(f"--images {images} must lie between 1 and {len(data.images)}")
    files = {}
    useful = []
    for i, image in enumerate(data.images[:images]):
        (expected,) = expectations(program, network, image[None])
        arrays = {"logits": expected.logits, "label": np.int64(expected.label)}
        for compiled, layer in zip(program.layers, expected.layers, strict=True):
            arrays[f"{compiled.name}.value"] = layer.value.astype(np.int32)
            if layer.spikes is not None:
                arrays[f"{compiled.name}.spikes"] = layer.spikes
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        files[f"image{i}.bin"] = program.pack_image(image)
        files[f"expected{i}.npz"] = buffer.getvalue()
        useful.append([layer.useful for layer in expected.layers])
    program.save(
        out,
        files,
        checkpoint=str(checkpoint),
        labels=[int(x) for x in data.labels[:images]],
        useful_adds=useful,
    )
    return f"{out}: {images} images for {hardware}, {len(program.layers)} layers"
