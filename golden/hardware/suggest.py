# SPDX-License-Identifier: Apache-2.0
"""The smallest configuration on which a network runs: a preset, with what has to be larger.

A preset is tried as it is, then its parameters grow (golden.hardware.compile.growth).
"""

from dataclasses import dataclass, field

import numpy as np

from golden.contract.limits import Excess
from golden.contract.network import QuantNetwork
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.growth import grow
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations

BEAT_BYTES = 8


@dataclass
class Fit:
    """A network on a preset: ``program`` for ``hardware``, or ``refusal``, why there is none.

    ``broken``: what the preset does not hold, one for each parameter that is changed.
    """

    preset: Hardware
    hardware: Hardware
    program: Program | None = None
    refusal: str = ""
    broken: dict[str, Excess] = field(default_factory=dict)


def fit(network: QuantNetwork, preset: Hardware) -> Fit:
    """``preset`` with the smallest parameters on which ``network`` compiles."""
    found = grow(lambda hardware: compile_network(network, hardware, explain=False), preset)
    return Fit(preset, found.hardware, found.program, found.refusal, found.broken)


def cycles_bound(program: Program, network: QuantNetwork, image: np.ndarray) -> int:
    """Cycles of one image uint8 (C, H, W), or frames, that no schedule undercuts: rows over groups,
    drains, and the loads in front of the first layer. The RTL takes more, as it waits for banks,
    loads and the last token: 1.19 and 1.49 times as long on the committed networks
    (docs/log/scale.md).
    """
    hardware = program.hardware
    (expected,) = expectations(program, network, image[None])
    first = sum(load["bytes"] for load in program.loads[:4])
    total = -(-(program.image_bytes + first) // BEAT_BYTES)
    for compiled, layer in zip(program.layers, expected.layers, strict=True):
        units, drains, words = compiled.shape
        groups = min(hardware.groups, units)
        total += -(-max(layer.row_adds, units * drains * words) // groups)
    return total
