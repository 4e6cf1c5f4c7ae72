# SPDX-License-Identifier: Apache-2.0
"""The workload of the peer models holds exactly the products of the integer model."""

import numpy as np
import pytest

from golden.contract.errors import UserError
from golden.contract.model import forward, patches, rows_of
from golden.contract.network import NetworkConfig
from golden.contract.random_network import random_images, random_network
from golden.hardware.peers.product import Product, of_convolution, of_network, useful_adds

TALL = NetworkConfig(depth=1, dim=16, heads=2, timesteps=3, in_channels=2, height=16, width=12)
FEW = NetworkConfig(depth=2, dim=32, heads=2, timesteps=2, in_channels=1, height=8, width=8)


@pytest.mark.parametrize("config", [TALL, FEW], ids=["K^T V", "K Q^T"])
def test_products_of_a_network_are_its_currents(config):
    network = random_network(config, seed=3)
    image = random_images(config, 1, seed=3)[0]
    trace = forward(network, image[None])
    products = {p.name: p for p in of_network(network, image)}
    layers = {f"tokenizer.{i}": x for i, x in enumerate([*network.tokenizer, network.patch])}
    residual = 0
    for i, block in enumerate(network.blocks):
        for part in ("q", "k", "v", "proj", "mlp1", "mlp2"):
            layers[f"blocks.{i}.{part}"] = getattr(block, part)
    for name, layer in layers.items():
        product = products.pop(name)
        out = product.spikes.astype(np.int64) @ product.weight.astype(np.int64)
        if name == "tokenizer.0":
            assert product.bit_planes
            out = np.repeat((out << np.arange(8)[:, None, None]).sum(0)[None], config.timesteps, 0)
        out += layer.bias
        if hasattr(layer, "shift"):
            residual = out = residual + (out << layer.shift)
        np.testing.assert_array_equal(out, trace.current[name][0], name)
    head = products.pop("head")
    logits = (head.spikes.astype(np.int64) @ head.weight).sum((0, 1)) + network.head_bias
    np.testing.assert_array_equal(logits, trace.logits[0])

    width = config.head_dim
    tall = config.tokens >= width
    assert tall == (config is TALL)
    second = "query" if tall else "value"
    for i in range(config.depth):
        current = trace.current[f"blocks.{i}.attention"][0]
        for t in range(config.timesteps):
            for h in range(config.heads):
                end = f".h{h}.t{t}"
                first = products.pop(
                    f"blocks.{i}.attention.key_{'value' if tall else 'query'}{end}"
                )
                last = products.pop(f"blocks.{i}.attention.{second}{end}")
                assert first.layer == first.name.removesuffix(end)
                counts = first.spikes[0].astype(np.int64) @ first.weight.astype(np.int64)
                np.testing.assert_array_equal(counts, last.weight)
                out = last.spikes[0].astype(np.int64) @ counts
                out = out if tall else out.T
                np.testing.assert_array_equal(out, current[t, :, h * width : (h + 1) * width])
    assert not products


@pytest.mark.parametrize("kernel", [1, 3])
def test_convolution(kernel):
    rng = np.random.default_rng(kernel)
    spikes = rng.integers(0, 2, (2, 5, 4, 3), dtype=np.uint8)
    weight = rng.integers(-128, 128, (7, 5, 3, 3) if kernel == 3 else (7, 5)).astype(np.int8)
    product = of_convolution("c", spikes, weight)
    assert product.taps == kernel**2
    tokens = spikes.transpose(0, 2, 3, 1).reshape(1, 2, 12, 5)
    inputs = patches(tokens, 4, 3) if kernel == 3 else tokens
    np.testing.assert_array_equal(product.spikes, inputs[0])
    np.testing.assert_array_equal(product.weight, rows_of(weight))
    # torch's unfold: all taps of channel 0 first
    by_channel = product.channel_major().reshape(2, 12, 5, product.taps)
    np.testing.assert_array_equal(by_channel[..., kernel**2 // 2], tokens[0])


@pytest.mark.parametrize("shape", [(7, 4, 3, 3), (7, 5, 5, 5), (7, 4), (7, 5, 3, 1)])
def test_convolution_that_does_not_fit(shape):
    with pytest.raises(UserError, match="do not fit"):
        of_convolution("c", np.zeros((2, 5, 4, 3), np.uint8), np.zeros(shape, np.int8))


def test_useful_adds_counts_pairs():
    spikes = np.array([[[1, 0, 1], [1, 0, 0]], [[0, 0, 1], [0, 1, 0]]], np.uint8)
    weight = np.array([[5, 0, -1, 2], [0, 0, 0, 0], [0, 0, 0, 7]], np.int8)
    assert useful_adds(Product("p", spikes, weight)) == 2 * 3 + 1 * 0 + 2 * 1
