# SPDX-License-Identifier: Apache-2.0
"""Parallel Time Batching, without and with its spatio-temporal packing (StSAP).

Source: PTB (HPCA 2022, doi 10.1109/HPCA53966.2022.00031), second-hand: the paper was not read. The
schedule is the one of the Prosperity authors' model (repository dubcyfor3/Prosperity,
``baselines.py``, read). PEs: 16 rows (output channels) x 8 columns; with ``pes`` other than 128
the rows change. A column has one time window (up to 4 timesteps) of one pixel; the 8 columns of a
group are far apart, pixels i, i + M/8, ... One line (input) of a group costs a slot of as many
cycles as the window has timesteps, for each 16 output channels; weights are dense.
StSAP, as that model has it: lines without a spike in the group are dropped, then each line is
paired with the first later line that is active in none of its columns; a pair shares a slot. A
layer of one row (a fully connected one, whose columns are windows of the same neuron) pairs
nothing; more than 8 windows of it are several groups here, where that model has them in one.
Assumes: M * rows * 2 cycles to fill the array (of windows of 4; shorter ones pay their share), one
initial load of weights and sums.
Not modelled: memory beyond that load (1024 bit/cycle never binds), neurons. Attention (not in the
authors' model) is an ordinary product of one timestep: windows of one, nothing shared over time.
"""

import numpy as np

from golden.hardware.peers.product import Product

COLUMNS = 8
WINDOW = 4
LOAD_BITS = 8 + 4  # a weight and a spike window for each PE
MEMORY_WIDTH = 1024  # bits per cycle


def ptb(product: Product, pes: int = 128) -> int:
    """Every line of every group has its slot."""
    masks = line_masks(product)
    return _cycles(product, masks.size, pes)


def ptb_stsap(product: Product, pes: int = 128) -> int:
    """Lines packed by StSAP."""
    masks = line_masks(product)
    if product.rows == 1:
        return _cycles(product, np.count_nonzero(masks), pes)
    return _cycles(product, sum(packed_lines(group) for group in masks), pes)


def line_masks(product: Product) -> np.ndarray:
    """uint8 (groups, K): which of the 8 columns see a spike of this input in their window.

    Rows that do not fill the last group leave columns without spikes.
    """
    steps, rows, inputs = product.spikes.shape
    window = min(WINDOW, steps)
    spikes = np.pad(product.channel_major(), ((0, -steps % window), (0, 0), (0, 0)))
    active = spikes.reshape(-1, window, rows, inputs).any(1).reshape(-1, inputs)
    active = np.pad(active, ((0, -len(active) % COLUMNS), (0, 0)))
    return np.packbits(active.reshape(COLUMNS, -1, inputs), axis=0)[0]


def packed_lines(masks: np.ndarray) -> int:
    """Slots that StSAP needs for the lines ``masks`` uint8 (K,) of one group.

    The greedy choice of the earlier line (its first later disjoint line) is the same as each line
    joining the earliest line still without a partner, which takes one pass.
    """
    full = np.uint8(0xFF)
    lines = masks[(masks != 0) & (masks != full)]
    waiting = np.full(len(lines), full)  # the mask of a line without a partner, else full
    slots = len(lines) + int((masks == full).sum())
    for i, mask in enumerate(lines):
        disjoint = (waiting[:i] & mask) == 0
        first = int(disjoint.argmax()) if i else 0
        if i and disjoint[first]:
            waiting[first] = full
            slots -= 1
        else:
            waiting[i] = mask
    return slots


def _cycles(product: Product, slots: int, pes: int) -> int:
    rows = pes // COLUMNS
    window = min(WINDOW, product.steps)
    fill = -(-product.rows * rows * 2 * window // WINDOW)
    load = rows * COLUMNS * LOAD_BITS // MEMORY_WIDTH
    return slots * -(-product.outputs // rows) * window + fill + load
