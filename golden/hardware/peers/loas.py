# SPDX-License-Identifier: Apache-2.0
"""LoAS-style inner join: sparse spikes times sparse weights, timesteps unrolled in space.

Source: LoAS (MICRO 2024, arXiv 2407.14073), second-hand (notes of readers that quote the paper; the
authors published no simulator). A temporal-parallel PE (TPPE) has one pseudo-accumulator and 4
correction accumulators for T = 4, so ``pes`` adders make pes // 5 TPPEs (25 for 128; the paper
has 16). A TPPE makes one output neuron of one row for all 4 timesteps at once: in chunks of 128
inputs it joins the bitmask of the inputs that fire at least once with the bitmask of the
non-zero weights, one match per cycle, while a slow prefix sum of 16 adders counts the spike side (8
cycles for 128).
Assumes, in favour of LoAS: a chunk costs max(matches, 8) cycles, its two sides perfectly
overlapped, and 1 if nothing matches; corrections are hidden; output neurons balance perfectly over
the TPPEs. A third party's closed form has matches + 21 per chunk: ``loas_unpipelined``
(repository gautamdev17/Parallel-Sparse-High-Throughput-SNN-Accelerator, cycle_compare_loas.py).
Not modelled: masking of neurons that fire once (it changes the network), FiberCache misses,
memory, neurons. More than 4 timesteps take more passes; fewer leave correction adders idle.
"""

import numpy as np

from golden.hardware.peers.product import Product

CHUNK = 128
TIMESTEPS = 4
ADDERS = 1 + TIMESTEPS  # of one TPPE
PREFIX_ADDERS = 16
UNPIPELINED = 21  # cycles of a chunk beside its matches, third party


def loas(product: Product, pes: int = 128) -> int:
    """Chunks overlapped: max(matches, prefix sum)."""
    total = 0
    for matches, width in _chunks(product):
        prefix = -(-width // PREFIX_ADDERS)
        total += int(np.where(matches > 0, np.maximum(matches, prefix), 1).sum(dtype=np.int64))
    return -(-total // (pes // ADDERS))


def loas_unpipelined(product: Product, pes: int = 128) -> int:
    """Chunks one after the other: matches + 21, to show what the assumption is worth."""
    total = sum(int((matches + UNPIPELINED).sum(dtype=np.int64)) for matches, _ in _chunks(product))
    return -(-total // (pes // ADDERS))


def _chunks(product: Product):
    """(matches int32 (M, N), inputs of the chunk) for each pass over time and chunk of inputs."""
    for step in range(0, product.steps, TIMESTEPS):
        fires = product.spikes[step : step + TIMESTEPS].any(0).astype(np.float32)
        kept = (product.weight != 0).astype(np.float32)
        for k in range(0, product.inputs, CHUNK):
            part = fires[:, k : k + CHUNK]
            yield (part @ kept[k : k + CHUNK]).astype(np.int32), part.shape[1]
