# SPDX-License-Identifier: Apache-2.0
"""Spikes recorded elsewhere (npz) as products with random PE-balanced weights.

Per layer L the file has ``L.spikes`` (numpy.packbits of the flattened tensor), ``L.shape``
(T, C, H, W), ``L.out_channels`` and ``L.kernel`` (3: stride 1, padding 1; 1: no padding).
"""

import zipfile
from pathlib import Path

import numpy as np

from golden.errors import UserError
from golden.peers.product import Product, of_convolution

LANES = 32  # of a PE group of the 4x32 hardware


def load_trace(path: Path, density: float = 1.0, seed: int = 0) -> list[Product]:
    """The layers of ``path`` in the order of the file; raises UserError that says what is wrong."""
    if not 0 < density <= 1:
        raise UserError(f"weight density {density} must lie above 0 and not above 1")
    try:
        with np.load(path) as file:
            arrays = {key: file[key] for key in file.files}
        layers = [key.removesuffix(".spikes") for key in arrays if key.endswith(".spikes")]
        rng = np.random.default_rng(seed)
        products = [_product(name, arrays, density, rng) for name in layers]
    except OSError as error:
        raise UserError(f"trace {path} cannot be read ({error.strerror or error})") from None
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path} is not a spike trace ({error}); docs/peers.md has the layout"
        ) from None
    if not products:
        raise UserError(f"{path} has no entry that ends in .spikes; docs/peers.md has the layout")
    return products


def balanced_weight(
    rng: np.random.Generator, inputs: int, outputs: int, density: float, lanes: int = LANES
) -> np.ndarray:
    """int8 (inputs, outputs): in a row every lane (output modulo ``lanes``) keeps the same number.

    That number varies by one from row to row where ``density`` asks for a fraction.
    """
    lanes = min(lanes, outputs)
    depth = -(-outputs // lanes)
    keep = np.floor(depth * density + (rng.permutation(inputs) + 0.5) / inputs).astype(int)
    rank = rng.random((inputs, depth, lanes)).argsort(1).argsort(1)
    values = rng.integers(1, 128, rank.shape) * rng.choice([-1, 1], rank.shape)
    values[rank >= keep[:, None, None]] = 0
    return values.reshape(inputs, -1)[:, :outputs].astype(np.int8)


def _product(name, arrays, density, rng) -> Product:
    shape = tuple(int(size) for size in arrays[f"{name}.shape"])
    kernel, outputs = int(arrays[f"{name}.kernel"]), int(arrays[f"{name}.out_channels"])
    packed = arrays[f"{name}.spikes"]
    if len(shape) != 4 or kernel not in (1, 3) or outputs < 1 or min(shape) < 1:
        raise ValueError(f"{name} has shape {shape}, kernel {kernel}, {outputs} output channels")
    size = int(np.prod(shape))
    if packed.dtype != np.uint8 or packed.size * 8 < size:
        raise ValueError(f"{name}.spikes has {packed.size * 8} bits, its shape needs {size}")
    spikes = np.unpackbits(packed, count=size).reshape(shape)
    taps = kernel * kernel
    weight = balanced_weight(rng, taps * shape[1], outputs, density)
    weight = weight.reshape(taps, shape[1], outputs).transpose(2, 1, 0)
    weight = weight[..., 0] if kernel == 1 else weight.reshape(outputs, shape[1], 3, 3)
    return of_convolution(name, spikes, weight)
