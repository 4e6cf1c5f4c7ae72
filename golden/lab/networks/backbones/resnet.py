# SPDX-License-Identifier: Apache-2.0
"""The stages of a residual network, from `depth` and `dim` of its NetworkConfig."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from golden.contract.errors import UserError
from golden.lab.networks.network_config import NetworkConfig

STAGES = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    104: (3, 8, 32, 8),
}


@dataclass(frozen=True)
class Plan:
    """widths and blocks: of each stage; every stage but the first halves height and width."""

    widths: tuple[int, ...]
    blocks: tuple[int, ...]


def plan(config: NetworkConfig, named: Collection[int]) -> Plan:
    """named: the depths that the authors have, with their four stages (ResNets for ImageNet).

    Any other depth 6 n + 2 has three stages of n basic blocks, as the ResNets for CIFAR of He et
    al. (arXiv 1512.03385, section 4.2). UserError for other depths and for the layout 'dvs'.
    """
    if config.layout == "dvs":
        raise UserError(
            f"network.layout is 'dvs', but {config.backbone} has the layouts cifar and imagenet; "
            "frames of any size run in these"
        )
    if config.depth in named:
        blocks = STAGES[config.depth]
    elif config.depth >= 8 and config.depth % 6 == 2:
        blocks = ((config.depth - 2) // 6,) * 3
    else:
        choices = ", ".join(str(depth) for depth in sorted(named))
        raise UserError(
            f"network.depth of {config.backbone} is {config.depth}, choose {choices} or any 6 n + 2"
        )
    return Plan(tuple(config.dim >> i for i in range(len(blocks)))[::-1], blocks)
