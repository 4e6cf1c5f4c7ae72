# SPDX-License-Identifier: Apache-2.0
"""What a program reads from memory, against the dense weights that it stands for."""

import numpy as np

from golden.compile import isa
from golden.compile.check import load_bytes
from golden.compile.program import Program
from golden.compile.sequence import descriptors

TARGETS = {
    isa.TARGET_WEIGHT: "weights",
    isa.TARGET_ROW: "rows",
    isa.TARGET_PARAM: "parameters",
    isa.TARGET_SPIKE: "spikes",
    isa.TARGET_LOGIT: "logits",
    isa.TARGET_MASK: "masks",
}


def load_bytes_of(program: Program) -> dict[str, int]:
    """Bytes that the loads of one run read, by what they fill."""
    out = dict.fromkeys(TARGETS.values(), 0)
    for op, fields in descriptors(program.program):
        if op == isa.OP_LOAD:
            out[TARGETS[fields["target"]]] += load_bytes(program.hardware, fields)
    return out


def dense_weights(program: Program) -> int:
    """Weights of all layers, zeros included; what is padded to whole words is no weight."""
    total = 0
    for c in program.layers:
        layer = c.layer
        if layer.weight is not None:
            inputs = layer.rows // (8 if layer.planes else 1)  # the bits of a pixel share a row
            total += layer.taps * inputs * np.count_nonzero(layer.columns >= 0)
    return int(total)


def bits_per_dense_weight(program: Program) -> float:
    """Bits of the weight loads per dense weight; row tables are not in it."""
    return 8 * load_bytes_of(program)["weights"] / dense_weights(program)
