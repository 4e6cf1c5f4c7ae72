# SPDX-License-Identifier: Apache-2.0
"""One definition of sparsity, and the figure of the committed network that the README names."""

import numpy as np

from golden.contract.network import NetworkConfig, QuantNetwork
from golden.contract.paths import CHECKPOINTS
from golden.contract.random_network import random_network, reason
from golden.contract.sparsity import share_of_zeros, told, weight_sparsity


def test_by_hand():
    assert share_of_zeros([np.array([0, 1, 2]), np.array([[0, 0], [5, 0]])]) == 4 / 7


def test_a_random_network():
    network = random_network(NetworkConfig(dim=64), sparsity="unstructured", density=0.25)
    assert 0.74 < weight_sparsity(network) < 0.76


def test_first_layer_and_head_do_not_count():
    network = random_network(NetworkConfig(dim=64), sparsity="unstructured", density=0.25)
    before = weight_sparsity(network)
    network.tokenizer[0].weight[:] = 0
    network.head_weight[:] = 0
    assert weight_sparsity(network) == before
    network.patch.weight[:] = 0
    assert weight_sparsity(network) > before


def test_the_committed_networks():
    """The records of the pruning, made at that time, say the same."""
    for name in ("balanced", "codebook75", "codebook87"):
        network = QuantNetwork.load(CHECKPOINTS / f"{name}.safetensors")
        assert weight_sparsity(network) == network.provenance["weight_sparsity"], name
    balanced = QuantNetwork.load(CHECKPOINTS / "balanced.safetensors")
    assert round(100 * weight_sparsity(balanced), 2) == 75.07


def test_what_is_asked_and_what_is_there():
    """One weight per row of each of 16 lanes: an eighth is asked for, a quarter stays."""
    network = random_network(NetworkConfig(dim=64), sparsity="balanced", density=0.125)
    found = weight_sparsity(network)
    assert 0.74 < found < 0.77
    line = told(1 - 0.125, found, reason("balanced", 16, 0.125))
    assert line == (
        f"weight sparsity {found:.4f}, asked for 0.8750: each of 16 lanes keeps the same whole "
        "number of weights in every row, at least one"
    )
    assert told(0.75, 0.752, "why") == "weight sparsity 0.7520, asked for 0.7500"
    assert told(None, 0.5) == "weight sparsity 0.5000"
