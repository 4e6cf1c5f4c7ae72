# SPDX-License-Identifier: Apache-2.0
"""Random networks whose every layer depends on the image.

With few weights or few spikes a random network may have a layer that gives the same for every
image, such as a convolution without weights. A test on it passes whatever is wrong before it.
"""

from golden.contract.model import forward
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_images, random_network

DRAWS = 100


def unseeing(network: QuantNetwork, seed: int) -> list[str]:
    """The layers that fire alike for the two ``random_images`` of ``seed``."""
    spikes = forward(network, random_images(network.config, 2, seed)).spike
    return [name for name, (first, second) in spikes.items() if (first == second).all()]


def seeing_network(config: NetworkConfig, seed: int, *weights, **options) -> QuantNetwork:
    """``random_network(config, seed, *weights, **options)``, drawn again while a layer is unseeing.

    Raises AssertionError when no draw is better.
    """
    for draw in range(DRAWS):
        network = random_network(config, seed + draw * 0x10001, *weights, **options)
        blind = unseeing(network, seed)
        if not blind:
            return network
    raise AssertionError(f"{DRAWS} draws: {', '.join(blind)} of {config} depends on no image")
