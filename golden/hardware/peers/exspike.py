# SPDX-License-Identifier: Apache-2.0
"""ExSpike: event-driven convolution, without and with its event compression (APEC).

Source: ExSpike (FPL 2026, arXiv 2606.20414, read) and its authors' RTL (repository
xiaoyuehai/ExSpike, ``rtl/``, read; no line of it is here). One event, a spike of one input channel
at one position, adds one weight word: the nine taps of 32 output channels, a cycle (sections II-A
and III-A, ``weight_top.v``). The map is gone through once for every 32 output channels, layer by
layer and timestep by timestep (algorithm 1, ``layer_ctrl.v``). Positions without a spike cost
nothing. A cluster has nine weight adders, one for membrane potentials and one for firing, hence
the published 352 PEs = 32 x 11; only weight adders count here, in favour of ExSpike: ``pes`` of
them take ceil(9 N / pes) passes (clusters may be split).
A 1x1 layer has one target of nine (``aim_range_generate.v``); its weight words have nine taps all
the same and eight adders idle. The sums of a position go into the membrane potentials one tap a
cycle, nine cycles for either kernel (``read_membrane_p.v``), while the next positions are added.
APEC, the default in the paper, in groups of two, its best: the spikes that two neighbours share
are added once, then what is left of each (section III-A2). Neighbours are positions 2i and 2i + 1
in raster order (``sparse_processing.v``), in every layer but the head.
A layer of at most ten outputs, the head, is the EAFC core's: an event a cycle (``fc_core.v``).
Assumes, in favour of ExSpike: any number of sums may wait for the membrane potentials (the RTL has
two); a pair that leaves nothing of a position costs no cycle for it (figure 5; the RTL has one);
the last of an odd number of positions stands alone. Attention is an ordinary product that fills
all adders, its sums kept in them: the authors' Boolean one (K and V, OR over tokens, and Q) costs
nothing but is another network.
Not modelled: weight sparsity (it has no use for it), the cycles of the state machines between
positions, weights from DRAM (256 bit/cycle), firing, pooling.
"""

import numpy as np

from golden.hardware.peers.product import Product

TAPS = 9  # weight adders of a cluster
HEAD_OUTPUTS = 10  # adders of the EAFC core


def exspike(product: Product, pes: int = 128) -> int:
    """Every event is added (the paper's baseline)."""
    return _cycles(product, pes, TAPS, shared=False)


def exspike_apec(product: Product, pes: int = 128) -> int:
    """Events compressed in groups of two (the paper's G2)."""
    return _cycles(product, pes, TAPS, shared=True)


def exspike_filled(product: Product, pes: int = 128) -> int:
    """APEC on a machine whose 1x1 layers fill all adders, to show what the idle ones are worth."""
    return _cycles(product, pes, product.taps, shared=True)


def events(product: Product) -> np.ndarray:
    """uint8 (T, M, C): the spikes of each input position, which are the middle tap's."""
    channels = product.inputs // product.taps
    first = product.taps // 2 * channels
    return product.spikes[..., first : first + channels]


def shared_events(spikes: np.ndarray) -> np.ndarray:
    """Events (T,) that APEC saves in ``spikes`` (T, M, C): those of both positions of a pair."""
    pairs = spikes.shape[1] // 2 * 2
    return (spikes[:, 0:pairs:2] & spikes[:, 1:pairs:2]).sum((1, 2), dtype=np.int64)


def _cycles(product: Product, pes: int, taps: int, shared: bool) -> int:
    """Passes times the longer of adding events and updating membrane potentials, per timestep."""
    spikes = events(product)
    added = spikes.sum((1, 2), dtype=np.int64)
    if product.outputs <= HEAD_OUTPUTS and not product.attention:
        return int(added.sum())
    if shared:
        added = added - shared_events(spikes)
    if product.attention:
        return int(added.sum()) * -(-product.outputs // pes)
    updated = taps * spikes.any(2).sum(1, dtype=np.int64)
    return int(np.maximum(added, updated).sum()) * -(-taps * product.outputs // pes)
