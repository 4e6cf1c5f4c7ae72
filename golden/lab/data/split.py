# SPDX-License-Identifier: Apache-2.0
"""What every data set gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """images: uint8 (n, C, H, W), raw pixels, or event frames uint8 (n, T, 2, H, W), counts with
    OFF in channel 0 and ON in channel 1; labels: int64 (n,), 0..classes - 1."""

    images: np.ndarray
    labels: np.ndarray
