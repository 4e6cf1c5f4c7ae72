# SPDX-License-Identifier: Apache-2.0
"""Dense weight-stationary systolic array in the manner of Eyeriss.

Source: Eyeriss (JSSC 2017, 14 x 12 PEs) as the Prosperity authors model it (repository
dubcyfor3/Prosperity, ``baselines.py``, read). PEs: 14 x 12 there; here the most nearly square
array of ``pes`` PEs, 16 x 8 for 128. Each cycle a PE does one dense multiply-accumulate step of one
timestep: columns take output channels, rows share the (timestep, pixel, input) steps.
Assumes: perfect filling along the rows, weights always there.
Not modelled: zero skipping of any kind, the array's fill, memory, neurons; attention is an ordinary
product here (the authors count its dense operations).
"""

import math

from golden.hardware.peers.product import Product


def array(pes: int) -> tuple[int, int]:
    """(rows, columns) of the most nearly square array of ``pes`` PEs, rows >= columns."""
    columns = max(c for c in range(1, math.isqrt(pes) + 1) if pes % c == 0)
    return pes // columns, columns


def eyeriss(product: Product, pes: int = 128) -> int:
    """ceil(N / columns) * ceil(T * M * K / rows)."""
    rows, columns = array(pes)
    steps = product.steps * product.rows * product.inputs
    return -(-product.outputs // columns) * -(-steps // rows)
