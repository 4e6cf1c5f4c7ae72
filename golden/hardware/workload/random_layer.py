# SPDX-License-Identifier: Apache-2.0
"""Random PE-balanced layers for recorded spikes.

Every row (tap, input channel) has C non-zero weights in each of P lanes, J = ceil(O / P); lane p
owns the outputs o with o mod P = p. C is density * J where that is whole, else the integer below or
above, from row to row, so that the layer has the density; rows with C = 0 are left out by the row
mask. Weights lie one in each block of J / C consecutive accumulators where that divides, so that an
index needs only log2(J / C) bits.
The values come from a codebook of 16 int8 entries, one of which is 0.
"""

import numpy as np

from golden.contract.errors import UserError
from golden.contract.model import apply
from golden.contract.network import SpikeLayer
from golden.contract.neuron import lif
from golden.hardware.configuration import WEIGHT_WIDTH
from golden.hardware.workload.layer import BareLayer
from golden.hardware.workload.recording import Recording

CODEBOOK = 16
_MAX_WEIGHT = (1 << WEIGHT_WIDTH - 1) - 1
RATES = (0.05, 0.2)  # of the outputs of a channel fire


def random_layer(
    recording: Recording, density: float, lanes: int, seed: int, acc_width: int = 20
) -> BareLayer:
    """A layer for ``recording``: its biases centre the currents, its thresholds let 5 to 20 % of
    the outputs fire. No input makes a current that needs more than ``acc_width`` - 1 bits.
    """
    if not 0 < density <= 1:
        raise UserError(f"density {density} must lie above 0 and up to 1")
    rng = np.random.default_rng(seed)
    outputs, inputs = recording.out_channels, recording.spikes.shape[1]
    taps = recording.kernel**2
    keep = balanced_mask(rng, taps * inputs, outputs, density, lanes)
    limit = (1 << acc_width - 3) - 1  # of the sum of the weights of an output; as much for a bias
    largest = min(_MAX_WEIGHT, limit // max(1, int(keep.sum(0).max())))
    if largest < CODEBOOK:
        raise UserError(
            f"layer '{recording.name}': sums of {int(keep.sum(0).max())} weights do not fit "
            f"{acc_width} bits; use a smaller density"
        )
    rows = np.where(keep, rng.choice(codebook(rng, largest), keep.shape), 0)
    zero = np.zeros(outputs, np.int64)
    layer = SpikeLayer(from_rows(rows, taps).astype(np.int8), zero, zero)
    out = BareLayer(recording, layer)
    current = apply(layer, recording.tokens[None], out.size)[0]
    layer.bias = -np.rint(current.mean((0, 1))).astype(np.int64)
    layer.theta2 = thresholds(rng, current + layer.bias)
    return out


def from_rows(rows: np.ndarray, taps: int) -> np.ndarray:
    """Rows (taps * I, O), tap-major, as weights (O, I, 3, 3), or (O, I) of one tap."""
    inputs, outputs = len(rows) // taps, rows.shape[1]
    weight = rows.T.reshape(outputs, taps, inputs).swapaxes(1, 2)
    return weight.reshape(outputs, inputs, 3, 3) if taps == 9 else weight[:, :, 0]


def balanced_mask(
    rng: np.random.Generator, rows: int, outputs: int, density: float, lanes: int
) -> np.ndarray:
    """Which weights (rows, O) are kept."""
    depth = -(-outputs // lanes)  # J
    count = int(density * depth)  # the smaller C
    more = round((density * depth - count) * rows)  # rows with one more
    counts = rng.permutation(np.arange(rows) < more) + count
    mask = np.zeros((rows, outputs), bool)
    for c in np.unique(counts[counts > 0]):
        chosen = counts == c
        mask[chosen] = _uniform_mask(rng, int(chosen.sum()), outputs, int(c), lanes)
    return mask


def _uniform_mask(
    rng: np.random.Generator, rows: int, outputs: int, count: int, lanes: int
) -> np.ndarray:
    """``count`` weights in every row and lane."""
    depth = -(-outputs // lanes)
    blocks = count if depth % count == 0 else 1
    rank = rng.random((rows, depth, lanes))
    real = np.arange(depth * lanes).reshape(depth, lanes) < outputs
    rank = np.where(real, rank, 2.0)  # what does not exist comes last
    rank = rank.reshape(rows, blocks, depth // blocks, lanes).argsort(2).argsort(2)
    keep = (rank < count // blocks).reshape(rows, depth * lanes)
    return keep[:, :outputs]


def codebook(rng: np.random.Generator, largest: int) -> np.ndarray:
    """The 15 non-zero entries, all different, at most ``largest`` in magnitude."""
    values = np.arange(-largest, largest + 1)
    return rng.choice(values[values != 0], CODEBOOK - 1, replace=False)


def thresholds(rng: np.random.Generator, current: np.ndarray) -> np.ndarray:
    """theta2 (O,) with which a share of RATES of a channel's outputs fires; current (T, N, O)."""
    rates = rng.uniform(*RATES, current.shape[2])
    low = np.ones(current.shape[2], np.int64)
    high = np.maximum(2 * current.max((0, 1)), 1) + 1  # nothing fires
    while (low < high).any():  # the least threshold that no more than the wanted share reaches
        middle = (low + high) // 2
        enough = lif(current, middle).mean((0, 1)) <= rates
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
    return low
