# SPDX-License-Identifier: Apache-2.0
"""Recorded input spikes of layers, as one npz file (docs/log/traces.md).

For every layer L: ``L.spikes`` uint8, numpy.packbits of the flattened spikes; ``L.shape`` (T, C, H,
W); ``L.out_channels``; ``L.kernel`` 3 (stride 1, padding 1) or 1 (also a linear layer of H * W
tokens). Weights are not part of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.contract.unpacking import arrays as unpacked
from golden.contract.unpacking import first_line

KERNELS = (1, 3)
KEYS = ("spikes", "shape", "out_channels", "kernel")
LARGEST = 1 << 16  # tokens, channels or steps: beyond any descriptor field


@dataclass
class Recording:
    """The input spikes uint8 (T, C, H, W), 0 or 1, of one layer."""

    name: str
    spikes: np.ndarray
    out_channels: int
    kernel: int

    @property
    def tokens(self) -> np.ndarray:
        """The spikes as (T, N, C), token n in raster order."""
        t, c = self.spikes.shape[:2]
        return self.spikes.reshape(t, c, -1).swapaxes(1, 2)


def images_of(wide: Recording, images: int) -> list[Recording]:
    """The layer once per image whose spikes lie side by side in ``wide``; a layer that has a single
    token per image and no neighbours stays one, with a token per image."""
    steps, channels, height, width = wide.spikes.shape
    if images == 1 or (wide.kernel == 1 and height * width == images):
        return [wide]
    each = wide.spikes.reshape(steps, channels, height, images, -1)
    return [
        replace(wide, name=f"{wide.name}#{k}" if k else wide.name, spikes=each[:, :, :, k])
        for k in range(images)
    ]


def repeated(recording: Recording, images: int) -> Recording:
    """The same spikes for every image of a batch, side by side."""
    return replace(recording, spikes=np.tile(recording.spikes, images))


def read(path: str | Path) -> list[Recording]:
    """All layers of a file, in the order in which their spikes were stored.

    Raises UserError with one sentence for whatever is wrong with it.
    """
    path = Path(path)
    try:
        arrays = unpacked(path)
    except FileNotFoundError:
        raise UserError(f"trace {path} does not exist; give an npz file with TRACE=") from None
    except Exception as error:  # zip, zlib and numpy raise what they meet
        raise UserError(
            f"trace {path} is not an npz file of plain arrays ({first_line(error)}); write it as "
            "docs/log/traces.md says"
        ) from None
    names = [key.removesuffix(".spikes") for key in arrays if key.endswith(".spikes")]
    for key in arrays:
        layer, _, part = key.rpartition(".")
        if layer not in names or part not in KEYS:
            raise UserError(
                f"trace {path}: array '{key}' is none of <layer>.spikes, .shape, .out_channels or "
                ".kernel of a layer with spikes; rename it or leave it out"
            )
    if not names:
        raise UserError(f"trace {path} holds no layer; every layer needs <layer>.spikes")
    return [_layer(path, name, arrays) for name in names]


def _layer(path: Path, name: str, arrays: dict[str, np.ndarray]) -> Recording:
    where = f"trace {path}, layer '{name}'"
    for key in KEYS:
        if f"{name}.{key}" not in arrays:
            raise UserError(f"{where}: array '{name}.{key}' is missing; see docs/log/traces.md")
    packed, shape, outputs, kernel = (arrays[f"{name}.{key}"] for key in KEYS)
    shape = _numbers(where, "shape", shape, 4)
    (outputs,), (kernel,) = (
        _numbers(where, key, value, 1)
        for key, value in (("out_channels", outputs), ("kernel", kernel))
    )
    if kernel not in KERNELS:
        raise UserError(
            f"{where}: kernel {kernel} is none of {', '.join(map(str, KERNELS))}; the accelerator "
            "has 3x3 convolutions with stride 1 and padding 1, and 1x1 ones"
        )
    count = math.prod(shape)
    if packed.dtype != np.uint8 or packed.ndim != 1 or packed.size != -(-count // 8):
        raise UserError(
            f"{where}: spikes are {packed.dtype} {packed.shape}, numpy.packbits of {count} spikes "
            f"of shape {shape} gives uint8 ({-(-count // 8)},)"
        )
    bits = np.unpackbits(packed)
    if bits[count:].any():
        raise UserError(
            f"{where}: bits behind the last of {count} spikes are not 0; the shape is not that of "
            "the packed tensor"
        )
    return Recording(name, bits[:count].reshape(shape), outputs, kernel)


def _numbers(where: str, key: str, value: np.ndarray, count: int) -> tuple[int, ...]:
    """``count`` positive integers."""
    if value.dtype.kind not in "iu" or value.size != count or value.ndim > 1:
        wanted = "one integer" if count == 1 else f"{count} integers (T, C, H, W)"
        raise UserError(f"{where}: {key} is {value.dtype} {value.shape} and should be {wanted}")
    numbers = tuple(int(x) for x in value.ravel())
    if not all(0 < x <= LARGEST for x in numbers):
        raise UserError(f"{where}: {key} {numbers} must lie between 1 and {LARGEST}")
    return numbers


def write(path: str | Path, recordings: Sequence[Recording]) -> None:
    """Write ``recordings``, whose names differ, as :func:`read` takes them.

    Raises UserError for spikes that are not 0 and 1 or not (T, C, H, W), for kernels that the
    accelerator does not have, and for names that cannot be told apart.
    """
    path, arrays = Path(path), {}
    for r in recordings:
        spikes = np.asarray(r.spikes)
        if spikes.ndim != 4 or not spikes.size or not np.isin(spikes, (0, 1)).all():
            raise UserError(
                f"layer '{r.name}': spikes must be 0 or 1 of shape (T, C, H, W), these are "
                f"{spikes.dtype} {spikes.shape}"
            )
        if not r.name or f"{r.name}.spikes" in arrays:
            raise UserError(f"layer '{r.name}': every layer needs a name of its own")
        if r.kernel not in KERNELS or r.out_channels < 1:
            raise UserError(
                f"layer '{r.name}': kernel {r.kernel} must be 1 or 3 and out_channels "
                f"{r.out_channels} at least 1"
            )
        values = (
            np.packbits(spikes.astype(np.uint8).ravel()),
            np.array(spikes.shape, np.int64),
            np.int64(r.out_channels),
            np.int64(r.kernel),
        )
        arrays |= {f"{r.name}.{key}": value for key, value in zip(KEYS, values, strict=True)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
