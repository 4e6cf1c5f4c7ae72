# SPDX-License-Identifier: Apache-2.0
"""Pruning to a budget: exact sums, exact counts per row and lane, and no better choice nearby."""

import pytest
import torch

from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.budget import drop_slots, layer_slots, row_slots
from golden.lab.prune.importance import activities, importance, lamp
from golden.lab.prune.masks import balanced_mask, block_mask, by_lane, uticket_masks
from golden.lab.prune.network_masks import PruneConfig, prunable, set_masks, sparsity
from golden.lab.quantise.convert import calibrate

SHAPES = {"a": (64, 16), "b": (40, 5), "c": (10, 3, 3, 3), "d": (3, 7), "e": (256, 8)}
SMALL = NetworkConfig(depth=1, dim=32, heads=2, height=8, width=8)


def random_layers(seed):
    torch.manual_seed(seed)
    return {name: torch.randn(shape).abs() * (1 + n) for n, (name, shape) in
            enumerate(SHAPES.items())}  # fmt: skip


def kept_of(layers, lanes, slots):
    """The sum of squares and the number of weights that a choice of C keeps."""
    masks = {name: balanced_mask(w, lanes, slots[name]) for name, w in layers.items()}
    value = sum(float((masks[n] * w.double().square()).sum()) for n, w in layers.items())
    return value, sum(int(mask.sum()) for mask in masks.values())


@pytest.mark.parametrize("lanes", [1, 4, 16, 48])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.8, 1.0])
def test_row_budget(lanes, share):
    layers = random_layers(lanes)
    total = sum(w.numel() for w in layers.values())
    weights = int(share * total)
    slots = row_slots(layers, lanes, weights)
    value, kept = kept_of(layers, lanes, slots)
    assert weights - lanes < kept <= weights
    for name, weight in layers.items():
        mask = balanced_mask(weight, lanes, slots[name]).flatten(1)
        assert int(slots[name].min()) >= 0
        for lane in range(min(lanes, len(weight))):
            inside = mask[lane::lanes]
            assert (inside.sum(0) == slots[name].clamp(max=len(inside))).all()
    uniform = {n: torch.full((w[0].numel(),), max(1, int(share * -(-len(w) // lanes))))
               for n, w in layers.items()}  # fmt: skip
    other, more = kept_of(layers, lanes, uniform)
    if more <= kept:
        assert value >= other


def test_row_budget_is_optimal_against_single_exchanges():
    layers = {"a": torch.rand(16, 5), "b": torch.rand(16, 4) * 2}
    slots = row_slots(layers, 4, 72)
    best, kept = kept_of(layers, 4, slots)
    assert kept == 72
    places = [(name, row) for name in layers for row in range(len(slots[name]))]
    for give in places:
        for take in places:
            if give == take or slots[give[0]][give[1]] == 0 or slots[take[0]][take[1]] == 4:
                continue
            other = {name: value.clone() for name, value in slots.items()}
            other[give[0]][give[1]] -= 1
            other[take[0]][take[1]] += 1
            assert kept_of(layers, 4, other)[0] <= best + 1e-9


@pytest.mark.parametrize("lanes", [1, 4, 16, 48])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.8, 1.0])
def test_dropped_rows(lanes, share):
    layers = random_layers(lanes)
    layers["f"] = torch.rand(24, 5)  # as many rows as b
    weights = int(share * sum(w.numel() for w in layers.values()))
    slots = drop_slots(layers, lanes, weights, group=lambda name: "bf" if name in "bf" else name)
    kept = kept_of(layers, lanes, slots)[1]
    assert kept <= weights
    row = {n: kept_of({n: w}, lanes, {n: slots[n]})[1] / max(1, int((slots[n] > 0).sum()))
           for n, w in layers.items()}  # fmt: skip
    for name, weight in layers.items():
        assert len(set(slots[name].tolist()) - {0}) <= 1
        if 0 < kept < weights and not bool((slots[name] > 0).all()):
            assert weights - kept <= max(*row.values(), row["b"] + row["f"], len(weight))
    assert torch.equal(slots["b"] > 0, slots["f"] > 0)


def test_dropped_rows_are_those_that_are_worth_least():
    weight = torch.ones(8, 6) * torch.tensor([3.0, 1.0, 2.0, 5.0, 4.0, 0.5])
    assert drop_slots({"a": weight}, 4, 24)["a"].tolist() == [2, 0, 0, 2, 2, 0]
    costs = {"a": torch.tensor([1.0, 1.0, 1.0, 99.0, 99.0, 99.0])}
    assert drop_slots({"a": weight}, 4, 24, costs)["a"].tolist() == [2, 2, 2, 0, 0, 0]
    pair = {"q": weight, "k": weight.flip(1) * 2}
    found = drop_slots(pair, 4, 32, group=lambda name: "qk")
    assert found["q"].tolist() == found["k"].tolist() == [0, 2, 2, 0, 0, 0]


def test_cycles_as_cost_move_words_to_quiet_rows():
    layers = {"a": torch.ones(8, 6) + torch.rand(8, 6) * 0.01}
    costs = {"a": torch.tensor([1.0, 1.0, 1.0, 9.0, 9.0, 9.0])}
    assert row_slots(layers, 4, 24, costs)["a"].tolist() == [2, 2, 2, 0, 0, 0]


@pytest.mark.parametrize("lanes", [2, 16])
def test_layer_budget(lanes):
    layers = random_layers(1)
    least = sum(min(lanes, len(w)) * w[0].numel() for w in layers.values())
    total = sum(w.numel() for w in layers.values())
    for weights in [*range(least, total, 11), total]:
        slots = layer_slots(layers, lanes, weights)
        assert all(int(c.min()) == int(c.max()) >= 1 for c in slots.values())
        assert kept_of(layers, lanes, slots)[1] <= weights
    assert kept_of(layers, lanes, slots)[1] == total
    with pytest.raises(UserError, match="one weight per row and lane is 1 more"):
        layer_slots(layers, lanes, least - 1)


@pytest.mark.parametrize("lanes", [4, 16])
@pytest.mark.parametrize("block", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("shape", [(256, 8), (40, 5), (10, 2, 3, 3), (3, 7)])
def test_one_in_each_block(shape, block, lanes):
    torch.manual_seed(block + lanes)
    weight = torch.rand(shape) + 0.01
    mask = block_mask(weight, lanes, block)
    assert mask.shape == weight.shape
    for kept, values in zip(by_lane(mask, lanes).split(block), by_lane(weight, lanes).split(block),
                            strict=True):  # fmt: skip
        kept = kept.clamp(min=0)
        assert (kept.sum(0) == (values > 0).any(0)).all()
        assert torch.equal((kept * values).amax(0), values.amax(0).clamp(min=0))


@pytest.mark.parametrize("lanes", [1, 4, 16, 48])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.99])
def test_uticket_counts_and_magnitudes(lanes, share):
    layers = random_layers(lanes)
    total = sum(w.numel() for w in layers.values())
    zeros = int(share * total)
    masks = uticket_masks(layers, zeros, lanes)
    kept = sum(int(mask.sum()) for mask in masks.values())
    assert kept <= total - zeros + lanes * len(layers)
    for name, weight in layers.items():
        counts = [int(masks[name][lane::lanes].sum()) for lane in range(min(lanes, len(weight)))]
        sizes = [weight[lane::lanes].numel() for lane in range(min(lanes, len(weight)))]
        target = max(counts)
        assert counts == [min(target, size) for size in sizes]
        for lane in range(min(lanes, len(weight))):
            values, chosen = weight[lane::lanes], masks[name][lane::lanes] == 1
            if chosen.any() and not chosen.all():
                assert values[chosen].min() >= values[~chosen].max()


def test_uticket_target_is_the_mean_rounded_up():
    weight = torch.tensor([[9.0, 8, 7, 6], [5, 1, 1, 1], [4, 1, 1, 1], [3, 1, 1, 1]])
    mask = uticket_masks({"a": weight}, zeros=9, lanes=4)["a"]  # 7 weights are left for 4 lanes
    assert mask.sum(1).tolist() == [2, 2, 2, 2]
    assert mask[0].tolist() == [1, 1, 0, 0]


def test_lamp_keeps_order_within_and_compares_between_layers():
    torch.manual_seed(0)
    weight = torch.randn(6, 5)
    scores = lamp(weight.abs())
    assert torch.equal(scores.flatten().argsort(), weight.abs().flatten().argsort())
    torch.testing.assert_close(lamp(weight.abs() * 100), scores)
    assert float(scores.max()) == 1.0
    flat = weight.abs().flatten()
    expected = flat[3].square() / flat[flat >= flat[3]].square().sum()
    torch.testing.assert_close(scores.flatten()[3].square(), expected)


@torch.no_grad()
def test_importance_is_the_second_moment_of_what_a_weight_adds():
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    images = torch.randint(256, (12, 1, 8, 8), dtype=torch.uint8)
    calibrate(model, images)
    layers = prunable(model)
    seen = activities(model, layers, images)
    layer = model.blocks[0].mlp.mlp2
    found = {}
    layer.register_forward_pre_hook(lambda _, inputs: found.update(x=inputs[0]))
    model.eval()(images.float() / 255)
    name, spikes = "blocks.0.mlp.mlp2", found["x"].flatten(0, -2)
    torch.testing.assert_close(seen[name].rate, spikes.mean(0))
    torch.testing.assert_close(seen[name].words, spikes.sum(0) / len(images))
    gain = layer.norm.weight / (layer.norm.running_var + layer.norm.eps).sqrt()
    added = (spikes[:, None] * layer.weight * gain[:, None]).square().mean(0)
    torch.testing.assert_close(importance(layer, "rate", seen[name]).square(), added)
    assert torch.equal(importance(layer, "magnitude"), layer.weight.abs())


@pytest.mark.parametrize("method", ["balanced", "unstructured", "uticket"])
@pytest.mark.parametrize("goal", [0.5, 0.75, 0.9])
def test_goal_is_met_over_the_network(method, goal):
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    total = sum(layer.weight.numel() for layer in prunable(model).values())
    config = PruneConfig(method, lanes=8, vary="row", sparsity=goal, lamp=True)
    set_masks(model, config, searching=False)
    slack = {"balanced": 8, "unstructured": 1, "uticket": 8 * len(prunable(model))}[method]
    assert abs(sparsity(model) - goal) * total <= slack
    set_masks(model, config, searching=True, sparsity=0.25)
    zeros = sum(int((layer.mask == 0).sum()) for layer in prunable(model).values())
    assert abs(zeros - 0.25 * total) <= slack


@pytest.mark.parametrize("budget", ["weights", "cycles"])
@pytest.mark.parametrize("vary", ["row", "layer", "drop"])
def test_network_with_blocks_and_measured_rates(vary, budget):
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    images = torch.randint(256, (8, 1, 8, 8), dtype=torch.uint8)
    calibrate(model, images)
    config = PruneConfig(
        lanes=8, vary=vary, budget=budget, sparsity=0.7, importance="rate", block={"mlp1": 4}
    )
    set_masks(model, config, False, activities(model, prunable(model), images))
    assert 0.7 <= sparsity(model) <= (0.75 if vary == "layer" else 0.705)
    if vary == "drop":
        attention = model.blocks[0].attention
        rows = [part.mask.amax(0) for part in (attention.q, attention.k, attention.v)]
        assert torch.equal(rows[0], rows[1]) and torch.equal(rows[0], rows[2])
    mask = by_lane(model.blocks[0].mlp.mlp1.mask, 8)  # J = 16
    assert (mask.view(4, 4, 8, 32).sum(1) == 1).all()


def test_emphasis_moves_weights_to_a_layer():
    torch.manual_seed(0)
    model = Spikingformer(SMALL)
    kept = []
    for factor in (0.1, 1.0, 10.0):
        config = PruneConfig(
            lanes=8, vary="row", sparsity=0.8, lamp=True, emphasis={"mlp2": factor, "2": 1.0}
        )
        set_masks(model, config, searching=False)
        kept.append(int(model.blocks[0].mlp.mlp2.mask.sum()))
        assert sparsity(model) == pytest.approx(0.8, abs=1e-3)
    assert kept[0] < kept[1] < kept[2]


def test_bad_budgets():
    with pytest.raises(UserError, match=r"emphasis\.q is 0"):
        PruneConfig(emphasis={"q": 0})
    with pytest.raises(UserError, match="vary is 'column'"):
        PruneConfig(vary="column")
    with pytest.raises(UserError, match=r"sparsity is 1\.0"):
        PruneConfig(vary="row", sparsity=1.0)
    with pytest.raises(UserError, match=r"needs prune\.vary"):
        PruneConfig(sparsity=0.5)
    with pytest.raises(UserError, match="block of 0"):
        block_mask(torch.ones(4, 4), 2, 0)
    model = Spikingformer(SMALL)
    with pytest.raises(UserError, match=r"prune\.block keeps \d+ weights more"):
        set_masks(model, PruneConfig(lanes=8, vary="row", sparsity=0.99, block={"mlp1": 1}), False)
