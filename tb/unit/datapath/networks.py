# SPDX-License-Identifier: Apache-2.0
"""The random networks of the datapath's bench, and the hardware that each runs on."""

from dataclasses import dataclass, field

from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_network
from tb.lib.parameters import hardware


@dataclass(frozen=True)
class Case:
    """A configuration of the hardware and a random network that it runs."""

    hardware: str
    sparsity: str
    changes: dict = field(default_factory=dict)  # of the smallest network

    def network(self, seed: int) -> tuple[NetworkConfig, QuantNetwork]:
        size = dict(depth=1, dim=16, heads=2, timesteps=2, height=6, width=6, classes=5)
        config = NetworkConfig(**size | self.changes)
        return config, random_network(config, seed, self.sparsity, lanes=hardware().lanes)


CASES = {
    "2x8": Case("2x8", "balanced"),
    "2x8-odd-rgb": Case(
        "2x8,acc_width=22", "dense",
        dict(in_channels=3, height=5, width=7, timesteps=3, heads=1),
    ),
    "4x16": Case("4x16", "unstructured", dict(dim=32, heads=4, timesteps=4)),
    "2x8-average": Case(
        "2x8", "rows", dict(dim=24, heads=3, head="avgpool_fc", encoder_channels=3)
    ),
}  # fmt: skip
