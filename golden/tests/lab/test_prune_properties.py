# SPDX-License-Identifier: Apache-2.0
"""Properties of every mask on random layers: counts, shapes, nesting, u-Ticket's utilisation.

Shapes, lanes, shares and weights are drawn from the seed in the test's name; SEED=<n> runs one
more. Ties and zeros are among the weights on purpose.
"""

import os
import random

import pytest
import torch

from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.budget import drop_slots
from golden.lab.prune.masks import (
    balance_lanes,
    balanced_mask,
    block_mask,
    layerwise_masks,
    prune_further,
    unstructured_masks,
    uticket_masks,
)
from golden.lab.prune.network_masks import METHODS, PruneConfig, prunable, set_masks
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.search import MaskSearch
from golden.lab.prune.utilisation import lane_work, load, picture, utilisation
from golden.lab.train.training_config import TrainConfig

SEEDS = [*range(12), *([int(os.environ["SEED"])] if "SEED" in os.environ else [])]
SMALL = NetworkConfig(depth=1, dim=32, heads=2, height=8, width=8)


def drawn(seed):
    """(generator, lanes, layers): three to five layers, every fourth weight a multiple of 1/2."""
    dice = random.Random(seed)
    torch.manual_seed(seed)
    layers = {}
    for number in range(dice.randint(3, 5)):
        shape = (dice.randint(1, 70), dice.randint(1, 12), *dice.choice([(), (3, 3)]))
        weight = torch.randn(shape) * 2 ** dice.randint(-2, 2)
        layers[f"layer{number}"] = torch.where(
            torch.rand(shape) < 0.25, (2 * weight).round() / 2, weight
        )
    return dice, dice.choice([1, 2, 4, 8, 16, 48]), layers


def binary(masks, layers):
    for name, mask in masks.items():
        assert mask.shape == layers[name].shape
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert masks.keys() == layers.keys()


def zeros(masks):
    return sum(int((mask == 0).sum()) for mask in masks.values())


@pytest.mark.parametrize("seed", SEEDS)
def test_balanced_rows_and_lanes(seed):
    dice, lanes, layers = drawn(seed)
    for weight in layers.values():
        rows = weight[0].numel()
        slots = torch.tensor([dice.randint(0, 6) for _ in range(rows)])
        mask = balanced_mask(weight, lanes, slots)
        binary({"": mask}, {"": weight})
        for lane in range(min(lanes, len(weight))):
            inside = mask.flatten(1)[lane::lanes]
            assert torch.equal(inside.sum(0).long(), slots.clamp(max=len(inside)))


@pytest.mark.parametrize("seed", SEEDS)
def test_blocks(seed):
    """One of every block and lane that has an output, and it is the largest."""
    dice, lanes, layers = drawn(seed)
    for weight in layers.values():
        block = dice.randint(1, 9)
        mask = block_mask(weight, lanes, block)
        for lane in range(min(lanes, len(weight))):
            inside, values = mask.flatten(1)[lane::lanes], weight.abs().flatten(1)[lane::lanes]
            for kept, of in zip(inside.split(block), values.split(block), strict=True):
                assert (kept.sum(0) == 1).all()
                assert torch.equal((kept * of).sum(0), of.max(0).values)


@pytest.mark.parametrize("seed", SEEDS)
def test_drop(seed):
    """Every row keeps C in each lane or nothing, and the budget is not exceeded."""
    dice, lanes, layers = drawn(seed)
    weights = int(dice.random() * sum(w.numel() for w in layers.values()))
    magnitudes = {name: weight.abs() for name, weight in layers.items()}
    slots = drop_slots(magnitudes, lanes, weights)
    masks = {name: balanced_mask(w, lanes, slots[name]) for name, w in magnitudes.items()}
    assert sum(int(mask.sum()) for mask in masks.values()) <= weights
    for name, mask in masks.items():
        most = int(slots[name].max())
        assert set(slots[name].tolist()) <= {0, most}
        for lane in range(min(lanes, len(mask))):
            inside = mask.flatten(1)[lane::lanes]
            expected = torch.where(slots[name] > 0, min(most, len(inside)), 0)
            assert torch.equal(inside.sum(0).long(), expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_unstructured_is_exact(seed):
    dice, _, layers = drawn(seed)
    share = dice.choice([0.0, 1.0, dice.random()])
    total = sum(w.numel() for w in layers.values())
    masks = unstructured_masks(layers, round(share * total))
    binary(masks, layers)
    assert zeros(masks) == round(share * total)
    kept = torch.cat([layers[n].abs()[m == 1] for n, m in masks.items()])
    gone = torch.cat([layers[n].abs()[m == 0] for n, m in masks.items()])
    assert not len(kept) or not len(gone) or gone.max() <= kept.min()


@pytest.mark.parametrize("seed", SEEDS)
def test_layerwise_is_exact_in_every_layer(seed):
    dice, _, layers = drawn(seed)
    share = dice.random()
    masks = layerwise_masks(layers, share)
    binary(masks, layers)
    for name, mask in masks.items():
        values = layers[name].abs()
        assert int((mask == 0).sum()) == round(share * mask.numel())
        if 0 < mask.sum() < mask.numel():
            assert values[mask == 0].max() <= values[mask == 1].min()


@pytest.mark.parametrize("seed", SEEDS)
def test_rounds_are_nested_and_exact(seed):
    """Though the weights change between the rounds, and kept ones may become 0."""
    _, _, layers = drawn(seed)
    total = sum(w.numel() for w in layers.values())
    masks = {name: torch.ones_like(w) for name, w in layers.items()}
    for number in range(1, 6):
        goal = total - round(total * 0.7**number)
        changed = {n: torch.randn_like(w).relu() for n, w in layers.items()}
        after = prune_further(changed, masks, goal)
        binary(after, layers)
        assert zeros(after) == goal
        assert all((after[name] <= masks[name]).all() for name in masks)
        masks = after
    with pytest.raises(UserError, match="dropped already"):
        prune_further(layers, masks, goal - 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_uticket_reaches_full_utilisation(seed):
    """ceil(mean) weights in every lane that has room for them: u-Ticket's formula says 1."""
    dice, lanes, layers = drawn(seed)
    total = sum(w.numel() for w in layers.values())
    goal = round(dice.random() * total)
    before = unstructured_masks(layers, goal)
    masks = uticket_masks(layers, goal, lanes)
    binary(masks, layers)
    assert all(torch.equal(m, balance_lanes(before, layers, lanes)[n]) for n, m in masks.items())
    for name, weight in layers.items():
        work = lane_work(masks[name], lanes).sum(1)
        filled = min(lanes, len(weight))
        target = -(-int(before[name].sum()) // filled)
        assert len(work) == filled
        room = torch.tensor([len(weight[lane::lanes]) for lane in range(filled)])
        room = room * weight[0].numel()
        assert torch.equal(work, room.clamp(max=target))
        if int(room.min()) >= target:
            assert utilisation(work) == 1.0
            assert utilisation(work) >= utilisation(lane_work(before[name], lanes).sum(1))


@pytest.mark.parametrize("seed", SEEDS)
def test_load(seed):
    dice, lanes, layers = drawn(seed)
    masks = unstructured_masks(layers, round(0.6 * sum(w.numel() for w in layers.values())))
    for mask in masks.values():
        work = lane_work(mask, lanes)
        by_hand = [mask.flatten(1)[lane::lanes].sum(0).long() for lane in range(len(work))]
        assert torch.equal(work, torch.stack(by_hand))
        seen = picture(mask, lanes)
        assert sum(seen["per_lane"]) == seen["weights"] == int(mask.sum())
        assert sum(seen["rows_by_fullest_lane"]) == mask[0].numel()
        assert sum(seen["row_lane_counts"]) == work.numel()
    together = load(masks, lanes)
    assert 1.0 <= together.max_over_mean <= together.row_wait
    whole = balanced_mask(torch.rand(lanes * 4, 5), lanes, dice.randint(1, 4))
    even = load({"": whole}, lanes)
    assert (even.max_over_mean, even.utilisation, even.row_wait) == (1.0, 1.0, 1.0)


def test_utilisation_by_hand():
    assert utilisation(torch.tensor([4, 4, 4])) == 1.0
    assert utilisation(torch.tensor([6, 0, 0])) == 0.0
    assert utilisation(torch.tensor([4, 2])) == pytest.approx(1 - (4 - 3) / 4 * 2)
    assert utilisation(torch.tensor([8, 4, 4, 4])) == pytest.approx(1 - 3 / 8 * 4 / 3)
    assert utilisation(torch.tensor([0, 0])) == utilisation(torch.tensor([5])) == 1.0


def test_layerwise_and_kept_in_a_network():
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    set_masks(model, PruneConfig("layerwise", sparsity=0.8), searching=False)
    for layer in prunable(model).values():
        assert int((layer.mask == 0).sum()) == round(0.8 * layer.mask.numel())
    twin = Spikingformer(SMALL)
    set_masks(twin, PruneConfig("layerwise"), searching=False)  # as many zeros as balanced
    set_masks(model, PruneConfig("balanced"), searching=False)
    share = [zeros({n: x.mask for n, x in prunable(m).items()}) for m in (model, twin)]
    assert share[0] == pytest.approx(share[1], abs=len(prunable(model)))
    with torch.no_grad():
        for layer in prunable(model).values():
            layer.weight *= layer.mask
    before = {name: layer.mask for name, layer in prunable(model).items()}
    set_masks(model, PruneConfig("kept"), searching=False)
    assert all(torch.equal(layer.mask, before[n]) for n, layer in prunable(model).items())
    assert "layerwise" in METHODS


@pytest.mark.parametrize("method", ["balanced", "unstructured", "layerwise", "uticket"])
def test_one_shot_and_gradual(method):
    """search_epochs = 0: the masks of the start, at once and for good. A ramp: from dense."""
    prune = PruneConfig(method, lanes=8, vary="row", sparsity=0.75)
    seen = {}
    for name, settings in (("one", {"search_epochs": 0}), ("gradual", {"ramp": 1.0})):
        torch.manual_seed(0)
        model = Spikingformer(SMALL)
        run = PruneRunConfig(prune=prune, finetune=TrainConfig(epochs=2), **settings)
        search = MaskSearch(model, run, every=1)
        seen[name] = []
        for epoch in (0, 1):
            search.before_epoch(epoch)
            for step in (0.5, 1.0):
                masks = {n: layer.mask for n, layer in prunable(model).items()}
                seen[name].append(zeros(masks) / sum(m.numel() for m in masks.values()))
                for layer in prunable(model).values():
                    layer.weight.data = torch.randn_like(layer.weight)
                search.after_step(epoch + step)
    assert seen["one"] == pytest.approx([0.75] * 4, abs=0.01)
    assert seen["gradual"] == pytest.approx([0.0, 0.75 * (1 - 0.5**3), 0.75, 0.75], abs=0.01)
