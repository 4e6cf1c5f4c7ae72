# SPDX-License-Identifier: Apache-2.0
"""Networks for tests depend on their images in every layer."""

from dataclasses import replace

import pytest

from golden.contract.random_network import random_network
from tb.lib import networks
from tb.lib.networks import seeing_network, unseeing
from tb.system.run import SMALL

# One input channel and four outputs: most draws of "rows" leave the first layer without a weight.
SPARSE = replace(SMALL, encoder_channels=4)


def test_layer_without_weights_is_drawn_again(seed):
    draws = [random_network(SPARSE, seed + i, "rows", lanes=8) for i in range(20)]
    assert any("encoder" in unseeing(network, seed) for network in draws)
    network = seeing_network(SPARSE, seed, "rows", lanes=8)
    assert network.encoder.weight.any() and not unseeing(network, seed)


def test_seeing_network_is_taken_as_it_is():
    network = seeing_network(SMALL, 1, "dense", lanes=8)
    again = random_network(SMALL, 1, "dense", lanes=8)
    assert network.provenance == again.provenance


def test_network_that_can_see_nothing(seed, monkeypatch):
    monkeypatch.setattr(networks, "DRAWS", 3)
    with pytest.raises(AssertionError, match=r"tokenizer\.0, .* depends on no image"):
        seeing_network(SMALL, seed, "unstructured", density=0.0)
