# SPDX-License-Identifier: Apache-2.0
"""SATO: temporal-parallel accumulation with balanced dispatch of spike rows.

Source: SATO (DAC 2022, doi 10.1145/3489517.3530592, abstract read) as the Prosperity authors model
it (repository dubcyfor3/Prosperity, ``baselines.py``, read). PEs: ``pes`` accumulators. A row is
one (timestep, pixel); rows go in order to the PE with the fewest spikes so far, a PE adds one spike
to one output channel per cycle, and the fullest PE decides. Weights are dense.
Assumes: no bank conflicts, no cost of the bucket sort and of the adder-search tree.
Not modelled: neurons, memory. Attention (not in the authors' model) is an ordinary product; where
a product has fewer than half as many rows as there are PEs, its output channels are shared between
copies of the rows, in favour of SATO (the authors' networks have no such layer).
"""

import heapq

import numpy as np

from golden.hardware.peers.product import Product


def sato(product: Product, pes: int = 128) -> int:
    """Load of the fullest PE times the output channels that a PE serves."""
    counts = product.spikes.sum(2, dtype=np.int64).ravel()
    copies = max(1, pes // len(counts))
    return fullest(counts, pes) * -(-product.outputs // copies)


def fullest(counts: np.ndarray, pes: int) -> int:
    """Spikes of the fullest PE when each row goes, in order, to the least-loaded one."""
    loads = [0] * pes
    for count in counts.tolist():
        heapq.heapreplace(loads, loads[0] + count)
    return max(loads)
