# SPDX-License-Identifier: Apache-2.0
"""Energy of the accelerators that we compare with: published on-chip power times their time.

The powers are those that the Prosperity authors take from the publications (HPCA 2025, arXiv
2503.03379; repository dubcyfor3/Prosperity, simulator/energy.py) at 28 nm and 500 MHz, and so is
the DRAM price, 12.45 pJ/bit. The cycles come from a model of the peer or from its publication.
"""

from dataclasses import dataclass

from golden.contract.energy.technology import NM28
from golden.contract.errors import UserError

FREQUENCY = 500e6  # Hz
POWER_MW = {
    "Eyeriss": 1410.5,
    "PTB": 982.0,
    "SATO": 319.5,
    "MINT": 396.3,
    "Prosperity": 446.5,
}


@dataclass(frozen=True)
class PeerEnergy:
    """Energy in pJ of one run of a peer."""

    name: str
    seconds: float
    on_chip: float
    dram: float
    per_add: float | None  # of everything; None without adds

    @property
    def total(self) -> float:
        return self.on_chip + self.dram


def peer_energy(name: str, cycles: float, adds: float = 0, dram_bits: float = 0) -> PeerEnergy:
    """``cycles`` at FREQUENCY, ``adds`` that it executes, ``dram_bits`` that it moves."""
    if name not in POWER_MW:
        raise UserError(f"no published power of '{name}'; there is one of {', '.join(POWER_MW)}")
    seconds = cycles / FREQUENCY
    on_chip = POWER_MW[name] * 1e-3 * seconds * 1e12
    dram = NM28.dram(dram_bits)
    return PeerEnergy(name, seconds, on_chip, dram, (on_chip + dram) / adds if adds else None)
