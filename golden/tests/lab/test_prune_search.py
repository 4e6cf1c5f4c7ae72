# SPDX-License-Identifier: Apache-2.0
"""The mask search over training time: where the sparsity is, and when the masks stop moving."""

import pytest
import torch

from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig, prunable, sparsity
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.search import MaskSearch
from golden.lab.train.training_config import RoundConfig, TrainConfig


def searched(**settings):
    torch.manual_seed(0)
    model = Spikingformer(NetworkConfig(depth=1, dim=32, heads=2))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.bias.data.fill_(1.0)  # so that its neurons fire
    prune = PruneConfig(lanes=8, vary="row", sparsity=0.8, importance="rate")
    return model, MaskSearch(model, PruneRunConfig(prune=prune, **settings), every=2)


def masks(model):
    return {name: layer.mask.clone() for name, layer in prunable(model).items()}


def test_sparsity_rises_over_the_ramp_and_then_stays(data):
    model, search = searched(search_epochs=4, ramp=0.5, finetune=TrainConfig(epochs=6))
    search.before_epoch(0)
    assert sparsity(model) == 0.0
    seen = []
    for half in range(1, 8):
        search.after_step(half / 2)
        search.after_step(half / 2)
        used = [layer.mask for layer in prunable(model).values()]
        seen.append(1 - sum(float(m.sum()) for m in used) / sum(m.numel() for m in used))
    assert seen[:4] == pytest.approx([0.8 * (1 - 0.75**3), 0.8 * (1 - 0.5**3),
                                      0.8 * (1 - 0.25**3), 0.8], abs=1e-3)  # fmt: skip
    assert seen[4:] == pytest.approx([0.8] * 3, abs=1e-3)


def test_ramp_from_a_network_that_is_sparse_already(data):
    model, search = searched(
        search_epochs=1, ramp=1.0, ramp_from=0.6, finetune=TrainConfig(epochs=1)
    )
    search.set(0, searching=False)
    assert sparsity(model) == pytest.approx(0.6, abs=1e-3)
    search.set(0.5, searching=False)
    assert sparsity(model) == pytest.approx(0.6 + 0.2 * (1 - 0.5**3), abs=1e-3)


def test_masks_follow_the_weights_only_while_they_are_searched(data):
    model, search = searched(search_epochs=1, finetune=TrainConfig(epochs=3))
    search.before_epoch(0)
    before = masks(model)
    for layer in prunable(model).values():
        layer.weight.data = torch.randn_like(layer.weight)
    search.after_step(0.5)
    assert all(torch.equal(mask, before[name]) for name, mask in masks(model).items())
    search.after_step(1.0)
    found = masks(model)
    assert not all(torch.equal(mask, before[name]) for name, mask in found.items())
    search.before_epoch(1)
    for layer in prunable(model).values():
        layer.weight.data = torch.randn_like(layer.weight)
        assert not layer.searching
    moved = masks(model)
    search.after_step(1.5)
    search.after_step(2.0)
    search.before_epoch(2)
    assert all(torch.equal(mask, moved[name]) for name, mask in masks(model).items())


def test_without_fine_tuning_the_goal_is_there_at_once(data):
    model, _ = searched(search_epochs=1, ramp=1.0, finetune=RoundConfig(epochs=0))
    assert sparsity(model) == pytest.approx(0.8, abs=1e-3)


def test_bad_schedules():
    with pytest.raises(UserError, match="search_epochs is 3"):
        PruneRunConfig(search_epochs=3, finetune=TrainConfig(epochs=2))
    with pytest.raises(UserError, match=r"ramp is 1\.5"):
        PruneRunConfig(ramp=1.5)
    with pytest.raises(UserError, match=r"ramp_from is 0\.7"):
        PruneRunConfig(ramp=0.5, ramp_from=0.7, prune=PruneConfig(vary="row", sparsity=0.5))
