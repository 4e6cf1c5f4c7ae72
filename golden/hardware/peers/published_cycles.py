# SPDX-License-Identifier: Apache-2.0
"""Figures of other people, to hold the models against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Cycles of some models on one trace file, known by its SHA-256."""

    sha256: str
    pes: int
    cycles: dict[str, int]
    source: str


VGG9 = Published(
    "21104ca58fa3018360230edb51e554273bad099a4c0fd7c87f0cfa3da85fbbbc",
    128,
    {"prosperity": 316_081, "ptb_stsap": 1_949_525, "sato": 693_952, "mint": 789_097},
    "simulator of the Prosperity authors (dubcyfor3/Prosperity) run on these layers, second-hand",
)

# Spikformer-4-384 on CIFAR-10, T = 4, without the first convolution, 500 MHz, 168 PEs for Eyeriss
# and 128 for the others: reference/time_reference.xlsx of dubcyfor3/Prosperity, second-hand
# (the sheet says ms). The unit must be 10 ms: docs/log/peers.md.
SPIKFORMER_TIME = {
    "eyeriss": 4.381,
    "ptb_stsap": 2.690,
    "sato": 1.926,
    "mint": 1.141,
    "prosperity": 0.374,
}
SPIKFORMER_DENSITY = (0.1492, 0.0483)  # bits, product


@dataclass(frozen=True)
class Board:
    """One network on ExSpike's board: its RTL, logs and scripts (repository xiaoyuehai/ExSpike)."""

    steps: int  # timesteps that the RTL is built for (``uart_combine_controller.v``)
    lines: int  # of 256 bit, of the weights that are loaded, without the first layer
    gop: float  # dense operations of an image, two for each addition (``sourceme``)
    seconds: float  # for all images at 200 MHz, with APEC, 288 weight adders
    images: int = 10_000


EXSPIKE_BOARD = {
    "VGG11": Board(2, 288_000, 2.43, 67.215702),
    "ResNet18": Board(2, 391_680, 2.47, 118.005095),
    "SpikingFormer-4-256": Board(1, 472_320, 2.43, 50.716356),
    "SpikingFormer-2-512": Board(2, 933_120, 9.08, 195.727351),
}

PUBLISHED = {figure.sha256: figure for figure in (VGG9,)}
