# SPDX-License-Identifier: Apache-2.0
"""What one event costs in 45 nm and in 28 nm, from published figures. All energies are in pJ.

45 nm: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014, at
0.9 V: integer and float additions and products, 64-bit accesses of three caches, DRAM.

28 nm: nothing as complete is published, so logic and SRAM are Horowitz's figures times the ratio
of the energy factors of A. Stillmaker and B. Baas, "Scaling equations for the accurate prediction
of CMOS device performance from 180 nm to 7 nm", Integration 58 (2017), Table 5, high performance,
0.9 V on both sides. The paper has 32 nm (planar) and 20 nm (multi-gate) but not 28 nm, which is
interpolated between them, linearly in the logarithms of node and factor. Off-chip energy does not
scale with the logic: DRAM is the 12.45 pJ/bit (DRAMsim3) of the Prosperity simulator
(dubcyfor3/Prosperity, simulator/energy.py), so that ours and the peers' count alike.

What no published figure covers is stated where it is computed: other widths and capacities.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import exp, log

KIB = 8 * 1024  # bits
INT_ADD = {8: 0.03, 32: 0.1}  # bits: pJ
FLOAT_ADD, FLOAT_MULT = 0.9, 3.7  # 32 bits
SRAM_ACCESS = {8 * KIB: 10.0, 32 * KIB: 20.0, 1024 * KIB: 100.0}  # capacity in bits: pJ
SRAM_WIDTH = 64  # bits of these accesses
DRAM_ACCESS = (1300.0, 2600.0)  # 64 bits, the range of the paper
VOLTAGE = 0.9
# Energy factor a V^2 + b V + c of Stillmaker and Baas, Table 5 (HP).
ENERGY_FACTOR = {
    45: (1.018, -0.3107, 0.1539),
    32: (0.8367, -0.4341, 0.1701),
    20: (0.373, -0.1582, 0.04104),
}


def _between(x: float, low: tuple[float, float], high: tuple[float, float]) -> float:
    """The power law through two points (x, y), at ``x``."""
    share = (log(x) - log(low[0])) / (log(high[0]) - log(low[0]))
    return exp(log(low[1]) + share * (log(high[1]) - log(low[1])))


def energy_factor(node: float, voltage: float = VOLTAGE) -> float:
    """Relative energy of a gate in ``node`` nm, 20 to 45; between the table's nodes a power law."""
    points = sorted((n, a * voltage**2 + b * voltage + c) for n, (a, b, c) in ENERGY_FACTOR.items())
    for low, high in pairwise(points):
        if low[0] <= node <= high[0]:
            return _between(node, low, high)
    raise ValueError(f"{node} nm lies outside {points[0][0]} to {points[-1][0]} nm")


@dataclass(frozen=True)
class Technology:
    """Energies per event; ``scale`` multiplies Horowitz's figures for logic and SRAM."""

    name: str
    scale: float
    dram_bit: float  # pJ per bit
    source: str

    def add(self, bits: int) -> float:
        """Integer addition: the line through the published 8 and 32 bits."""
        (b0, e0), (b1, e1) = INT_ADD.items()
        return self.scale * (e0 + (bits - b0) * (e1 - e0) / (b1 - b0))

    def sram(self, capacity: float, width: float) -> float:
        """Access of ``width`` bits in a memory of ``capacity`` bits, be it read or written.

        Energy per bit: the power laws through the published capacities (below 8 KiB that between
        8 and 32 KiB goes on, the square root); proportional to the width. The published accesses
        are of caches, so the figures of plain arrays are rather too high than too low.
        """
        points = list(SRAM_ACCESS.items())
        low, high = points[:2] if capacity <= points[1][0] else points[1:]
        return self.scale * _between(capacity, low, high) * width / SRAM_WIDTH

    def dram(self, bits: float) -> float:
        """Traffic of ``bits`` bits with the memory outside."""
        return self.dram_bit * bits


NM45 = Technology(
    "45 nm",
    1.0,
    DRAM_ACCESS[0] / SRAM_WIDTH,
    "Horowitz, ISSCC 2014, 0.9 V; DRAM at the lower end of its range",
)
NM28 = Technology(
    "28 nm",
    energy_factor(28) / energy_factor(45),
    12.45,
    "45 nm scaled by Stillmaker and Baas 2017; DRAM of the Prosperity simulator, HPCA 2025",
)
TECHNOLOGIES = (NM45, NM28)
