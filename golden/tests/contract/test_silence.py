# SPDX-License-Identifier: Apache-2.0
"""Layers that cannot fire or cannot but fire are named, with the one that is the cause."""

import numpy as np
import pytest

from golden.contract.model import forward
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.contract.silence import seen, stuck, warn

SIZES = NetworkConfig(depth=1, dim=16, heads=2, timesteps=3, height=12, width=12)


def network(**changes):
    return random_network(SIZES if not changes else NetworkConfig(**vars(SIZES) | changes), 3)


def test_a_network_that_works_is_not_warned_of(capsys):
    for changes in ({}, {"encoder_channels": 5}, {"head": "avgpool_fc"}):
        warn(network(**changes))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "how"),
    [("tokenizer.1", "never"), ("tokenizer.1", "always"), ("blocks.0.q", "never"),
     ("blocks.0.mlp1", "always")],
)  # fmt: skip
def test_thresholds_out_of_reach(name, how):
    """Proved from the integers, and so on images: not one spike, or all of them."""
    found = network()
    block = found.blocks[0]
    layer = found.tokenizer[1] if name == "tokenizer.1" else getattr(block, name.split(".")[-1])
    layer.theta2 = np.full_like(layer.theta2, 1 << 18 if how == "never" else -(1 << 18))
    first, *behind = stuck(found)
    assert (first.layer, first.how) == (name, how)
    assert str(first.why).split()[-1] == str(layer.theta2[0])
    trace = forward(found, random_images(SIZES, 4))
    rates = {layer: float(spikes.mean()) for layer, spikes in trace.spike.items()}
    assert rates[name] == (how == "always")
    for follows in behind:
        assert rates[follows.layer] == (follows.how == "always")
    if name == "blocks.0.q":
        assert (behind[0].layer, behind[0].how) == ("blocks.0.attention", "never")
        assert behind[0].why == "its input comes from blocks.0.q, which is silent"
    assert seen(rates, "4 images")[0].startswith(f"layer {name} {how} fires over 4 images")


def test_exactly_the_threshold():
    """The largest potential reaches a threshold: it can fire; one more and it cannot."""
    found = network()
    layer = found.tokenizer[2]
    layer.weight = np.zeros_like(layer.weight)
    layer.bias = np.full_like(layer.bias, 100)  # U = 100, 150, 175
    layer.theta2 = np.full_like(layer.theta2, 175)
    assert not [s for s in stuck(found) if s.layer == "tokenizer.2"]
    layer.theta2 += 1
    assert stuck(found)[0].layer == "tokenizer.2" and stuck(found)[0].how == "never"
    layer.theta2[:] = 100
    assert stuck(found)[0].how == "always"
    layer.theta2[:] = 101
    assert not [s for s in stuck(found) if s.layer == "tokenizer.2"]
