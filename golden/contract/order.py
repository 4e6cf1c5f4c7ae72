# SPDX-License-Identifier: Apache-2.0
"""The order of output channels in the accumulators of the hardware (docs/reference/formats.md).

Column o is lane ``o mod P``, accumulator ``o div P``; blocks for pruning are neighbours in it.
"""

import numpy as np


def plain(outputs: int, lanes: int) -> np.ndarray:
    """Channel of every column, -1 where there is none, padded to whole words."""
    columns = np.arange(-(-outputs // lanes) * lanes)
    return np.where(columns < outputs, columns, -1)


def fused_qkv(dim: int, heads: int, lanes: int) -> np.ndarray:
    """Channels of q (0 to dim - 1), k (from dim on) and v (from 2 * dim on) in one layer.

    The words of q come first, then block by block m words of k and m of v.
    """
    m = max(1, dim // heads // lanes)
    q = plain(dim, lanes).reshape(-1, lanes)
    words = len(q)
    first = -(-words // (2 * m)) * 2 * m
    columns = np.full((first + 2 * words, lanes), -1)
    columns[:words] = q
    for part, offset in ((1, 0), (2, m)):
        for word in range(words):
            at = first + word // m * 2 * m + offset + word % m
            columns[at] = np.where(q[word] >= 0, part * dim + q[word], -1)
    return columns.ravel()
