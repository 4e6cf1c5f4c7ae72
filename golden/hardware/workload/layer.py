# SPDX-License-Identifier: Apache-2.0
"""A layer on its own: weights, thresholds and the spikes that come in.

``run`` is its definition: the functions of golden.contract.model on these spikes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.contract.files import replacing
from golden.contract.model import apply, fire
from golden.contract.network import SpikeLayer
from golden.hardware.workload.recording import Recording


@dataclass
class BareLayer:
    """``recording`` goes into ``layer``, weight int8 (O, C) or (O, C, 3, 3)."""

    recording: Recording
    layer: SpikeLayer

    @property
    def name(self) -> str:
        return self.recording.name

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.recording.spikes.shape[2:]

    @property
    def load_bits(self) -> int:
        """About what has to be loaded before it can start: spikes and codes of the weights."""
        return self.recording.spikes.size + 8 * int(np.count_nonzero(self.layer.weight))

    def repeats(self, other: BareLayer) -> bool:
        """Whether it is the same layer as ``other`` with other spikes of the same shape."""
        alike = self.recording.spikes.shape == other.recording.spikes.shape
        return alike and self.layer is other.layer

    def run(self) -> tuple[np.ndarray, np.ndarray]:
        """(current int64, spikes uint8), both (T, N, O)."""
        current = apply(self.layer, self.recording.tokens[None], self.size)
        return current[0], fire(current, self.layer.theta2)[0]


def save(path: str | Path, layers: Sequence[BareLayer]) -> None:
    """Everything as one npz file; for files of recorded spikes see
    golden.hardware.workload.recording."""
    path, arrays = Path(path), {"names": np.array([x.name for x in layers])}
    kept = [next(k for k, y in enumerate(layers) if y.layer is x.layer) for x in layers]
    for i, x in enumerate(layers):
        arrays |= {f"{i}.spikes": x.recording.spikes, f"{i}.same": np.int64(kept[i])}
        if kept[i] < i:
            continue
        arrays |= {
            f"{i}.weight": x.layer.weight,
            f"{i}.bias": x.layer.bias,
            f"{i}.theta2": x.layer.theta2,
        }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def load(path: str | Path) -> list[BareLayer]:
    """What :func:`save` wrote."""
    out: list[BareLayer] = []
    with np.load(path) as file:
        for i, name in enumerate(file["names"]):
            same = int(file[f"{i}.same"])
            if same < i:
                layer = out[same].layer
            else:
                layer = SpikeLayer(*(file[f"{i}.{key}"] for key in ("weight", "bias", "theta2")))
            kernel = 3 if layer.weight.ndim == 4 else 1
            spikes = file[f"{i}.spikes"]
            out.append(BareLayer(Recording(str(name), spikes, len(layer.weight), kernel), layer))
    return out
