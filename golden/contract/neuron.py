# SPDX-License-Identifier: Apache-2.0
"""Leaky integrate-and-fire on integers, the only nonlinearity of the network."""

import numpy as np


def lif_step(current: np.ndarray, membrane: np.ndarray, theta2: np.ndarray):
    """One timestep of LIF with tau = 2, hard reset to zero and decayed input.

    U = X + (U_prev >>> 1);  spike = U >= theta2;  U' = 0 if spike else U

    ``current`` X and ``membrane`` U_prev are integers of one shape, ``theta2`` (twice the
    threshold, on the grid of X) broadcasts to it. Returns (spike uint8, membrane int64).
    Equal to spikingjelly ``LIFNode(tau=2, v_threshold=theta2/2)`` because nested floors of halves
    are the floor of the exact value (docs/reference/contract.md).
    """
    potential = current + (membrane >> 1)
    spike = potential >= theta2
    return spike.astype(np.uint8), np.where(spike, 0, potential)


def start(height: int, width: int, charge: int) -> np.ndarray:
    """What charged membranes add to the first current: int64 (height * width,), by place.

    As if the membranes of four neighbours began at 0, 1/2 (right), 3/4 (below) and 1/4 of
    2 ``charge``, which is then halved like every U_prev: so they fire at different times.
    """
    y, x = np.mgrid[:height, :width] & 1
    return ((x ^ y) * (charge >> 1) + y * (charge >> 2)).reshape(-1)


def lif(currents: np.ndarray, theta2: np.ndarray) -> np.ndarray:
    """LIF over the leading time axis of ``currents`` (T, ...), starting at rest.

    Returns the spikes, uint8 of the same shape. The state lives inside this call only, so nothing
    can leak from one sample to the next.
    """
    membrane = np.zeros(currents.shape[1:], np.int64)
    spikes = np.empty(currents.shape, np.uint8)
    for step, current in enumerate(currents):
        spikes[step], membrane = lif_step(current, membrane, theta2)
    return spikes
