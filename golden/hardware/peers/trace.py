# SPDX-License-Identifier: Apache-2.0
"""Recorded spikes (docs/log/traces.md) as products with random PE-balanced weights."""

from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.hardware.peers.product import Product, of_convolution
from golden.hardware.workload import recording
from golden.hardware.workload.random_layer import balanced_mask, from_rows
from golden.hardware.workload.recording import Recording

LANES = 32  # of a PE group of the 4x32 hardware


def load_trace(path: Path, density: float = 1.0, seed: int = 0) -> list[Product]:
    """The layers of ``path`` in the order of the file; raises UserError that says what is wrong.

    The weights are 0 and 1: no model looks at more than their zeros.
    """
    if not 0 < density <= 1:
        raise UserError(f"weight density {density} must lie above 0 and not above 1")
    rng = np.random.default_rng(seed)
    return [_product(r, density, rng) for r in recording.read(path)]


def _product(r: Recording, density: float, rng: np.random.Generator) -> Product:
    taps = r.kernel**2
    kept = balanced_mask(rng, taps * r.spikes.shape[1], r.out_channels, density, LANES)
    return of_convolution(r.name, r.spikes, from_rows(kept.astype(np.int8), taps))
