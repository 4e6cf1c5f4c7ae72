# SPDX-License-Identifier: Apache-2.0
"""The cycle model against the RTL, layer by layer, with rows of one length and of many."""

import pytest

from golden import api
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network

CONFIG = NetworkConfig(
    depth=1, dim=128, heads=8, mlp_ratio=4, height=16, width=16, timesteps=4, in_channels=3
)
SHARE, CYCLES = 0.06, 30  # of a layer's cycles, and beside it: beginning and end


@pytest.mark.long
def test_the_cycle_model_is_near_the_rtl():
    seed = 5
    print(f"SEED={seed}")
    images, apart = random_images(CONFIG, 2, seed), set()
    for sparsity in ("balanced", "unstructured"):
        network = random_network(CONFIG, seed, lanes=16, sparsity=sparsity)
        program = api.compile(network, "4x16")
        apart |= {c.name for c in program.layers if c.fields.get("rows_ahead")}
        found = api.simulate(network, images, "4x16", seed=seed)
        jobs = api.estimate(network, images, "4x16")
        for layer in found.figures["layers"]:
            rtl = layer["cycles"]
            model = sum(job.layers[layer["name"]] for job in jobs) / len(jobs)
            print(f"{sparsity} {layer['name']}: RTL {rtl:.0f}, model {model:.0f}")
            assert abs(model - rtl) <= SHARE * rtl + CYCLES, layer["name"]
    assert len(apart) >= 5, apart  # layers whose rows have several lengths
