# SPDX-License-Identifier: Apache-2.0
"""AvgPool-FC: the sums of the residual stream as spikes, one timestep per bit-plane.

The hardware sums the stream over tokens and timesteps, 32 bits per channel, and writes the sums as
spikes of one token: timestep t is bit 31 - t. The head doubles the logits before every timestep, so
that nothing is shifted:  2 (2 (... + W p31) + W p30) + ... = W (sum of 2^b p_b). Two things make
that exact:

* the top plane is inverted, which adds 2^31 to every sum: no plane counts negatively;
* behind the channels lies a word of constants, lane i is 256^i of the last plane (i < 4), whose
  weights are the signed digits of what has to be added to the logits: their bias, less 2^31 W.

Planes below 2^shift are left out: the sum is shifted right. Everything is modulo 2^32.
"""

from __future__ import annotations

import numpy as np

from golden.hardware.configuration import SUM_BITS

DIGITS = 4  # of 8 bits, signed


def planes(shift: int) -> int:
    """Timesteps of the head."""
    return SUM_BITS - shift


def digits(values: np.ndarray) -> np.ndarray:
    """int8 d (..., DIGITS) with sum of d[i] 256^i = ``values`` modulo 2^32."""
    out, rest = [], np.asarray(values, np.int64)
    for _ in range(DIGITS):
        low = ((rest + 128) & 255) - 128
        out.append(low)
        rest = (rest - low) >> 8
    return np.stack(out, -1)


def weight(head: np.ndarray, bias: np.ndarray, shift: int, lanes: int) -> np.ndarray:
    """Weight (classes, (J+1)*P) of the planes of J words of channels and the word of constants,
    for the ``head`` (classes, D)."""
    head = head.astype(np.int64)
    words = -(-head.shape[1] // lanes)
    out = np.zeros((len(head), (words + 1) * lanes), np.int64)
    out[:, : head.shape[1]] = head
    offset = head.sum(1) << planes(shift) - 1
    out[:, words * lanes : words * lanes + DIGITS] = digits(bias - offset)
    return out


def spikes(sums: np.ndarray, shift: int, lanes: int) -> np.ndarray:
    """Planes uint8 (steps, (J+1)*P) of ``sums`` int64 (J*P,), the constants behind them."""
    bit = np.arange(SUM_BITS - 1, shift - 1, -1)[:, None]
    channels = (sums + (1 << SUM_BITS - 1)) >> bit & 1
    lane = np.arange(lanes)
    constants = (bit - shift == 8 * lane) & (lane < DIGITS)
    return np.concatenate([channels, constants], axis=1).astype(np.uint8)
