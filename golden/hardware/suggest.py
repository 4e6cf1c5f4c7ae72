# SPDX-License-Identifier: Apache-2.0
"""The smallest configuration on which a network runs: a preset, with what has to be larger.

A preset is tried as it is. Every limit that the compiler finds broken names a parameter and the
smallest value that would keep it; that parameter grows, until the network compiles or a parameter
would leave its range.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from golden.contract.errors import UserError
from golden.contract.limits import Excess, LimitError, smallest
from golden.contract.network import QuantNetwork
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.execute.expected import expectations
from golden.hardware.interface import table

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
    out = Fit(preset, preset)
    while True:
        try:
            out.program = compile_network(network, out.hardware)
            return out
        except LimitError as error:
            for excess in error.found:
                known = out.broken.get(excess.field)
                if known is None or known.least < excess.least:
                    out.broken[excess.field] = excess
            if any(not excess.field for excess in error.found):
                out.refusal = str(error)
                return out
            found = smallest(error.found)
        except UserError as error:  # nothing that a parameter of the preset would mend
            out.refusal = str(error)
            return out
        try:
            out.hardware = grown(out.hardware, found)
        except UserError as error:
            out.refusal = f"{'; '.join(map(str, out.broken.values()))}; {error}"
            return out


def grown(hardware: Hardware, fields: dict[str, int]) -> Hardware:
    """``hardware`` with larger ``fields``; a wide stream needs wide accumulators. UserError if that
    leaves the range of a parameter."""
    stream = fields.get("stream_width", hardware.stream_width)
    wide = max(fields.get("acc_width", hardware.acc_width), stream + 2)
    if wide != hardware.acc_width:
        fields = fields | {"acc_width": wide}
    for p in table.PARAMETERS:
        if fields.get(p.name, 0) > p.high:
            raise UserError(f"hardware {p.name} would have to be {fields[p.name]}, the most is "
                            f"{p.high}; use a smaller network")  # fmt: skip
    return replace(hardware, **fields)


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
