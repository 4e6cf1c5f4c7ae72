# SPDX-License-Identifier: Apache-2.0
"""Random small networks, compiled: what the fuzzer alters, and benches run."""

import random

from golden.contract.errors import UserError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.random_network import random_network
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware


def good_program(
    rng: random.Random, hardware: Hardware, **changes: int
) -> tuple[QuantNetwork, Program]:
    """A random small network that fits ``hardware``, compiled: what the fuzzer alters.

    ``changes``: fields of the network's configuration that are not left to chance.
    """
    while True:
        size = dict(
            depth=rng.choice((1, 1, 2)), dim=rng.choice((8, 16, 24, 32, 64)),
            heads=rng.choice((1, 2, 4, 8)), timesteps=rng.randrange(1, 5),
            in_channels=rng.choice((1, 1, 3)), height=rng.randrange(3, 11),
            width=rng.randrange(3, 11), mlp_ratio=rng.choice((1, 2, 4)),
            classes=rng.randrange(2, 21), encoder_channels=rng.choice((0, 0, 3)),
            pooled_stages=tuple(sorted(rng.sample(range(1, 5), rng.randrange(4)))),
        )  # fmt: skip
        sparsity = rng.choice(("balanced", "block", "dense", "unstructured"))
        try:
            config = NetworkConfig(**(size | changes))
            network = random_network(
                config, rng.getrandbits(31), sparsity, lanes=hardware.lanes,
                codebook=rng.choice((0, 15, 15, 16)),
            )  # fmt: skip
            return network, compile_network(network, hardware, explain=False)
        except (UserError, ValueError):  # does not fit, or no such network
            continue
