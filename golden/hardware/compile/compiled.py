# SPDX-License-Identifier: Apache-2.0
"""What the compiler makes: program image, weight image and how they came about."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from golden.contract import outputs
from golden.contract.network import NetworkConfig
from golden.hardware import isa
from golden.hardware.check import capabilities
from golden.hardware.compile import input_bytes
from golden.hardware.compile.lowering import Layer
from golden.hardware.compile.rows import PackedRows
from golden.hardware.compile.tensor import Tensor
from golden.hardware.compile.traffic import traffic
from golden.hardware.configuration import Hardware


def result_bytes(classes: int) -> int:
    """Of an image: beat 0, and the logits, two per beat."""
    return 8 + 8 * -(-classes // 2)


@dataclass
class CompiledLayer:
    """A lowered layer, its packed rows (None for attention) and its descriptor fields."""

    layer: Layer
    packed: PackedRows | None
    fields: dict[str, int]

    @property
    def id(self) -> int:
        return self.fields["id"]

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def single(self) -> CompiledLayer:
        """The same for one image of a layer that works on several."""
        images, layer = self.layer.images, self.layer
        if images == 1:
            return self
        source = replace(layer.source, height=layer.source.height // images)
        target = layer.target and replace(layer.target, height=layer.target.height // images)
        layer = replace(layer, source=source, target=target, images=1)
        return replace(self, layer=layer)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(units, steps, words) of its trace: what the groups drain, in their numbering."""
        return self.layer.units, self.layer.drains, self.layer.words


@dataclass(frozen=True)
class Search:
    """What was done for a better program: seconds that there were and that it took, programs that
    were tried, cycles by the compiler's model of the plain one and of the one that was taken."""

    seconds: float
    took: float
    tried: int
    plain: float
    cycles: float

    def __str__(self) -> str:
        return (
            f"effort: {self.took:.1f} of {self.seconds:g} s, {self.tried} other programs tried, "
            f"{self.plain:,.0f} -> {self.cycles:,.0f} cycles by the compiler's model"
        )


@dataclass
class Program:
    """What the accelerator needs besides an image; the images are whole bytes of DRAM."""

    hardware: Hardware
    config: NetworkConfig | None  # None: a list of layers without a head, nothing is stored
    program: bytes
    weights: bytes
    inputs: list[Tensor]  # in this order in the image region
    layers: list[CompiledLayer]
    loads: list[dict] = field(default_factory=list)  # what, offset and CRC, in program order
    memory_use: dict[str, int] = field(default_factory=dict)
    estimate: float = 0.0  # cycles by the compiler's model
    search: Search | None = None  # None: the plain rule
    images: int = 1  # of a job: golden.hardware.compile.batch

    @property
    def count(self) -> int:
        """Descriptors, the end included: what PROGRAM_COUNT has to be."""
        return len(self.program) // isa.DESCRIPTOR_BYTES

    def counted(self) -> list[tuple[CompiledLayer, list[int]]]:
        """Layers by the sets of counters: the first of each, and the numbers of all of them."""
        out: list[tuple[CompiledLayer, list[int]]] = []
        for number, layer in enumerate(self.layers):
            if layer.layer.continues:
                out[-1][1].append(number)
            else:
                out.append((layer, [number]))
        return out

    @property
    def image_bytes(self) -> int:
        return sum(input_bytes.size(tensor, self.hardware) for tensor in self.inputs)

    @property
    def result_bytes(self) -> int:
        """Of all images of a job, one behind the other; 0 without a store."""
        return self.images * result_bytes(self.config.classes) if self.config else 0

    def pack_image(self, image: np.ndarray) -> bytes:
        """An image uint8 (C, H, W), or frames (T, C, H, W), as bit-planes, one pixel after the
        other, for a program for one image."""
        return self.pack_images(image[None])

    def pack_images(self, images: np.ndarray) -> bytes:
        """The images or frames of a job, at most ``images``: without the last ones the job works
        on blank ones in their place."""
        missing = self.images - len(images)
        assert missing >= 0, f"{len(images)} images for a program for {self.images}"
        images = np.pad(images, [(0, missing)] + [(0, 0)] * (images.ndim - 1))
        planes = self.layers[0].layer.planes
        spikes = planes.spikes(self.config, images).swapaxes(1, 2)  # (B, N, T, C)
        parts = spikes.reshape(len(self.inputs), -1, *spikes.shape[2:])
        packed = zip(parts, self.inputs, strict=True)
        return b"".join(input_bytes.pack(x, tensor, self.hardware) for x, tensor in packed)

    def manifest(self) -> dict:
        """Everything about the images as plain JSON values."""
        return {
            "format": isa.DESCRIPTOR_FORMAT,
            "program_count": self.count,
            "program_crc": int.from_bytes(self.program[-4:], "little"),
            "hardware": asdict(self.hardware),
            "capabilities": [f"{word:#010x}" for word in capabilities(self.hardware)],
            "network": asdict(self.config) if self.config else None,
            "sha256": {
                "program.bin": hashlib.sha256(self.program).hexdigest(),
                "weights.bin": hashlib.sha256(self.weights).hexdigest(),
            },
            "images": self.images,
            "image_bytes": self.image_bytes,
            "result_bytes": self.result_bytes,
            "memory_use": self.memory_use,
            "search": self.search and asdict(self.search),
            "traffic": traffic(self).summary(),
            "loads": self.loads,
            "layers": [
                {
                    "name": c.name,
                    "id": c.id,
                    "units": c.shape[0],
                    "steps": c.shape[1],
                    "words": c.shape[2],
                    "row_cost": c.fields["row_cost"],
                    "weight_words_per_bank": c.packed.words if c.packed else 0,
                    "nonzero_weights": int(c.packed.useful.sum()) if c.packed else 0,
                }
                for c in self.layers
            ],
        }

    def save(self, folder: str | Path, files: dict[str, bytes] | None = None, **manifest) -> None:
        """Write the images, further ``files`` and manifest.json, all or nothing.

        UserError if ``folder`` holds anything that psf did not write."""
        contents = {"program.bin": self.program, "weights.bin": self.weights, **(files or {})}
        description = self.manifest() | manifest
        with outputs.writing(folder) as part:
            for name, data in contents.items():
                (part / name).write_bytes(data)
                description["sha256"][name] = hashlib.sha256(data).hexdigest()
            (part / "manifest.json").write_text(json.dumps(description, indent=1))
