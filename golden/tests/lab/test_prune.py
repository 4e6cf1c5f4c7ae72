# SPDX-License-Identifier: Apache-2.0
"""Pruning masks: exact counts for every row and lane, and for the unstructured twin as a whole."""

import pytest
import torch

from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.masks import balanced_mask, unstructured_masks
from golden.lab.prune.network_masks import PruneConfig, prunable, set_masks, sparsity

pytestmark = pytest.mark.smoke

DEFAULT = PruneConfig(slots={"mlp1": 3})


@pytest.mark.parametrize("lanes", [4, 8, 16])
@pytest.mark.parametrize("slots", [1, 2, 3, 9])
@pytest.mark.parametrize("shape", [(64, 16), (40, 5), (10, 3, 3, 3), (3, 7)])
def test_balanced_counts_and_magnitudes(shape, slots, lanes):
    torch.manual_seed(len(shape) + slots + lanes)
    weight = torch.randn(shape)
    mask = balanced_mask(weight, lanes, slots)
    assert mask.shape == weight.shape
    rows, kept = weight.abs().flatten(1), mask.flatten(1) == 1
    for lane in range(min(lanes, shape[0])):
        inside = kept[lane::lanes]
        assert (inside.sum(0) == min(slots, len(inside))).all()
        for row in range(rows.shape[1]):
            values, chosen = rows[lane::lanes, row], inside[:, row]
            if not chosen.all():
                assert values[chosen].min() >= values[~chosen].max()


def test_unstructured_counts_and_magnitudes():
    torch.manual_seed(0)
    weights = {"a": torch.randn(8, 5), "b": torch.randn(6, 2, 3, 3) * 2}
    masks = unstructured_masks(weights, 70)
    dropped = torch.cat([w.abs()[masks[n] == 0] for n, w in weights.items()])
    kept = torch.cat([w.abs()[masks[n] == 1] for n, w in weights.items()])
    assert len(dropped) == 70
    assert dropped.max() <= kept.min()


def test_default_network_is_75_percent_sparse():
    torch.manual_seed(0)
    model = Spikingformer(NetworkConfig())
    assert len(prunable(model)) == 16
    set_masks(model, DEFAULT, searching=False)
    zeros = {name: int((layer.mask == 0).sum()) for name, layer in prunable(model).items()}
    assert sparsity(model) == pytest.approx(0.7502, abs=1e-4)
    assert (prunable(model)["blocks.0.mlp.mlp1"].mask.view(16, 16, 64).sum(0) == 3).all()
    assert (model.tokenizer.stages[0].mask == 1).all()
    set_masks(model, PruneConfig("unstructured", slots={"mlp1": 3}), searching=False)
    assert sum(int((layer.mask == 0).sum()) for layer in prunable(model).values()) == sum(
        zeros.values()
    )


def test_masks_in_the_loop():
    model = Spikingformer(NetworkConfig(depth=1, dim=32, heads=2, height=8, width=8))
    for searching in (True, False):
        set_masks(model, PruneConfig(), searching)
        model.zero_grad()
        layer = model.blocks[0].mlp.mlp2
        used = layer.masked_weight()
        assert torch.equal(used, layer.weight * layer.mask)
        used.sum().backward()
        assert bool((layer.weight.grad[layer.mask == 0] != 0).all()) is searching
        assert (layer.weight.grad[layer.mask == 1] == 1).all()


def test_bad_settings():
    with pytest.raises(UserError, match="method"):
        PruneConfig(method="random")
    with pytest.raises(UserError, match="fraction"):
        PruneConfig(fraction=0.0)
    with pytest.raises(UserError, match="lanes"):
        balanced_mask(torch.ones(4, 4), 0, 1)
    with pytest.raises(UserError, match="zeros"):
        unstructured_masks({"a": torch.ones(2)}, 3)


@pytest.mark.parametrize("key", ["slots", "block", "emphasis"])
def test_a_layer_that_is_not_there_is_named(key):
    model = Spikingformer(NetworkConfig(depth=1, dim=32, heads=2, height=8, width=8))
    config = PruneConfig(lanes=8, vary="row", sparsity=0.5, **{key: {"mlp9": 1}})
    with pytest.raises(UserError, match=rf"prune\.{key} names 'mlp9', the network has .*mlp1"):
        set_masks(model, config, searching=False)
