# SPDX-License-Identifier: Apache-2.0
"""An ideal bit-sparse array with dense weights, in the manner of MINT.

Source: MINT (ASP-DAC 2024, arXiv 2305.09850, abstract read) is a quantisation scheme; the array is
the one that the Prosperity authors compare with (repository dubcyfor3/Prosperity, ``baselines.py``,
read). PEs: ``pes`` adders side by side over the output channels. Every spike costs one cycle per
``pes`` outputs; spikes are never waited for.
Assumes: 100 % utilisation of the adders that have an output channel; a layer narrower than the
array leaves the others idle, as in the authors' model (the narrow layers of Prosperity's own model
do the same).
Not modelled: weight sparsity, finding the spikes, memory, neurons.
"""

import numpy as np

from golden.hardware.peers.product import Product


def mint(product: Product, pes: int = 128) -> int:
    """spikes * ceil(N / pes)."""
    return int(product.spikes.sum(dtype=np.int64)) * -(-product.outputs // pes)
