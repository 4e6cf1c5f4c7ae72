# SPDX-License-Identifier: Apache-2.0
"""Codebooks: at most so many int8 values in a layer, and gradients for entries and weights."""

import numpy as np
import pytest
import torch

from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig, prunable, set_masks
from golden.lab.quantise.codebook import Codebook, kmeans, nearest
from golden.lab.quantise.convert import calibrate, convert
from golden.lab.quantise.export import export, layers

SMALL = NetworkConfig(depth=1, dim=32, heads=2, height=8, width=8)


def test_kmeans_finds_clusters_and_is_a_fixed_point():
    torch.manual_seed(0)
    centres = torch.tensor([-90.0, -20.0, 15.0, 60.0])
    values = (centres[:, None] + torch.randn(4, 50)).flatten()
    found = kmeans(values, 4)
    torch.testing.assert_close(found, values.view(4, 50).mean(1))
    members = nearest(values, found)
    distances = (values[:, None] - found).abs()
    assert torch.equal(members, distances.argmin(1))


def test_kmeans_of_few_values():
    assert set(kmeans(torch.tensor([3.0, 3.0, -5.0]), 16).tolist()) >= {3.0, -5.0}
    assert len(kmeans(torch.empty(0), 16)) == 16
    with pytest.raises(UserError, match="0 entries"):
        kmeans(torch.ones(3), 0)


def test_values_are_int8_and_never_zero():
    book = Codebook(torch.tensor([-300.0, -0.4, 0.3, 0.6, 17.5001, 126.7]))
    assert book.values().tolist() == [-127.0, -1.0, 1.0, 1.0, 18.0, 127.0]


def test_gradients_are_the_sum_over_members_and_the_identity():
    book = Codebook(torch.tensor([-10.0, 20.0, 30.0]))
    weight = torch.tensor([-3.0, 4.0, 19.0, 22.0, 90.0], requires_grad=True)
    used = book(weight)
    assert used.tolist() == [-10.0, -10.0, 20.0, 20.0, 30.0]
    upstream = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0])
    used.backward(upstream)
    assert torch.equal(weight.grad, upstream)
    torch.testing.assert_close(book.entries.grad, torch.tensor([3.0, 12.0, 16.0]) * 127)


@pytest.mark.parametrize("entries", [4, 16])
def test_network_with_codebooks(entries):
    torch.manual_seed(entries)
    model = Spikingformer(SMALL)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.uniform_(module.bias, 0.5, 1.5)
    set_masks(model, PruneConfig(lanes=8, vary="row", sparsity=0.8), searching=False)
    masks = [layer.mask.clone() for layer in prunable(model).values()]
    images = torch.randint(256, (16, 1, 8, 8), dtype=torch.uint8)
    calibrate(model, images)
    convert(model, 6, entries)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
    model.train()(images.float() / 255).square().sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    optimiser.step()
    with torch.no_grad():
        network = export(model.eval(), 6, {})
        trace = forward(network, images.numpy())
        _, scale = model.head.integers()
        logits = model(images.float() / 255).double() / scale * model.head.positions
    assert np.abs(logits.numpy() - trace.logits).max() < 0.5
    coded = [layer.weight for name, layer in layers(network) if name != "tokenizer.0"]
    for weight, mask in zip(coded, masks, strict=True):
        assert len(np.unique(weight[weight != 0])) <= entries
        assert ((weight != 0) == (mask.numpy() == 1)).all()
    assert len(np.unique(network.tokenizer[0].weight)) > entries
    for block in network.blocks:  # one layer on the hardware
        fused = np.concatenate([block.q.weight, block.k.weight, block.v.weight])
        assert len(np.unique(fused[fused != 0])) <= entries
