# SPDX-License-Identifier: Apache-2.0
"""Prosperity: product sparsity, the reuse of one spike row's sum inside another's.

Source: Prosperity (HPCA 2025, arXiv 2503.03379) and its authors' simulator (repository
dubcyfor3/Prosperity, ``simulator.py``, read: ``run_fc_cuda``, which their published runs take; the
CPU's twin counts the ones of a row again for every 16 inputs).
PEs: ``pes`` adders over the output channels. Rows are (pixel, timestep), timestep innermost, inputs
in the order of torch's unfold; a tile has 256 rows and 16 inputs. In a tile every row of two or
more spikes looks for its prefix: the row with the most spikes among those that are part of it,
itself excluded and, of equal rows, only earlier ones. It takes over the prefix's sum and adds what
is left. A tile costs one cycle per spike left and one per exact match, for every ``pes`` output
channels; searching costs one cycle per row of two or more spikes and, for all inputs together,
rows / 8 to count them, and overlaps with computing over the whole layer.
Memory as theirs: 1024 bit/cycle, 8-bit weights, tiles read again for every pass; the first tile is
waited for, the rest overlaps.
Assumes: dense weights (a reused sum is a dense row), all rows of a tile found in order.
Not modelled: reuse across tiles, neurons (they overlap), the dispatcher's latency.
"""

import numpy as np

from golden.hardware.peers.product import Product

TILE_ROWS = 256
TILE_INPUTS = 16
POPCOUNTS = 8
WEIGHT_BITS = 8
MEMORY_WIDTH = 1024  # bits per cycle

_POPCOUNT = np.bitwise_count(np.arange(1 << TILE_INPUTS, dtype=np.uint32)).astype(np.uint8)


def prosperity(product: Product, pes: int = 128) -> int:
    """Cycles of computing, searching and loading, overlapped as described above."""
    passes = -(-product.outputs // pes)
    compute = search = 0
    for tile in tiles(product):
        own = _POPCOUNT[tile]
        left = own - prefix_sizes(tile)
        compute += int(left.sum(dtype=np.int64)) + int(((left == 0) & (own > 0)).sum())
        search += int((own > 1).sum())
    search += product.steps * product.rows // POPCOUNTS
    busy = max(compute, search) * passes
    first, rest = _memory_cycles(product, pes)
    return busy + first + max(0, rest - busy)


def density(product: Product) -> tuple[float, float]:
    """(bit density, product density): spikes, and spikes left after reuse, per element."""
    bits = left = 0
    for tile in tiles(product):
        own = _POPCOUNT[tile]
        bits += int(own.sum(dtype=np.int64))
        left += int((own - prefix_sizes(tile)).sum(dtype=np.int64))
    return bits / product.spikes.size, left / product.spikes.size


def tiles(product: Product):
    """Every tile as uint16 (rows,), the inputs packed into bits."""
    spikes = product.channel_major().swapaxes(0, 1).reshape(-1, product.inputs)
    spikes = np.pad(spikes, ((0, 0), (0, -product.inputs % TILE_INPUTS)))
    packed = np.packbits(spikes, axis=1).view(">u2").astype(np.uint16)
    for row in range(0, len(packed), TILE_ROWS):
        yield from packed[row : row + TILE_ROWS].T


def prefix_sizes(tile: np.ndarray) -> np.ndarray:
    """uint8 (rows,): spikes of the prefix of each row of ``tile`` uint16 (rows,), 0 without one."""
    row, other = tile[:, None], tile[None, :]
    part = (row & other) == other
    order = np.arange(len(tile))
    part &= (row != other) | (order[None, :] < order[:, None])
    sizes = np.where(part, _POPCOUNT[tile], 0).max(axis=1)
    return np.where(_POPCOUNT[tile] > 1, sizes, 0).astype(np.uint8)


def _memory_cycles(product: Product, pes: int) -> tuple[int, int]:
    """Cycles to read (the first tiles, everything else) of spikes and weights."""
    rows, inputs, outputs = product.steps * product.rows, product.inputs, product.outputs
    spikes = rows * inputs * -(-outputs // pes) // product.taps
    weights = inputs * outputs * WEIGHT_BITS * -(-rows // TILE_ROWS)
    width = min(TILE_INPUTS, inputs)
    first = width * min(TILE_ROWS, rows) + width * min(pes, outputs) * WEIGHT_BITS
    return first // MEMORY_WIDTH, max(0, spikes + weights - first) // MEMORY_WIDTH
