# SPDX-License-Identifier: Apache-2.0
"""One layer of a network and what the Spikingformer paper says it costs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from golden.contract.energy.synaptic import AC, MAC


@dataclass(frozen=True)
class Row:
    """A layer, per image.

    flops: products of all timesteps (T * FLOPs), without bias additions, which are `bias`.
    values: what enters it: 'spikes' ({0, 1}), 'integers', 'reals', or '' of a meta tensor.
    rate: mean of what enters: of spikes, the firing rate.  density: weights that are not 0.
    counted: an integer n that enters is n spikes, as in the first of the two calculations of the
    authors' appendix; without it, a MAC.
    """

    name: str
    flops: float
    bias: float
    values: str
    rate: float
    density: float = 1.0
    counted: bool = False

    @property
    def kind(self) -> str:
        """'AC' or 'MAC'."""
        return "AC" if self.values == "spikes" or self.counted else "MAC"

    @property
    def operations(self) -> float:
        """SOP of an AC layer, products of a MAC layer."""
        return self.flops * self.rate if self.kind == "AC" else self.flops

    @property
    def energy(self) -> float:
        """In pJ."""
        return self.operations * (AC if self.kind == "AC" else MAC)


def totals(rows: Iterable[Row]) -> dict[str, float]:
    """{'mac', 'ac', 'energy_pj'} of an image."""
    rows = list(rows)
    mac = sum(row.operations for row in rows if row.kind == "MAC")
    ac = sum(row.operations for row in rows if row.kind == "AC")
    return {"mac": mac, "ac": ac, "energy_pj": mac * MAC + ac * AC}
