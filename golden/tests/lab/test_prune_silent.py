# SPDX-License-Identifier: Apache-2.0
"""Removal of channels that hardly fire."""

import dataclasses

import pytest
import torch

import golden.lab.networks.lif_neuron
from golden.contract.model import forward
from golden.contract.settings import read
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.network_masks import PruneConfig, set_masks
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.pruning_run import run_rounds
from golden.lab.prune.silent import channel_rates, remove_silent
from golden.lab.quantise.convert import convert
from golden.lab.quantise.export import integers
from golden.lab.train.checkpoint import save_dense
from golden.tests.tiny_networks import SMALL, all_spikes, awake, pixels

CONFIG = dataclasses.replace(SMALL["spikingformer"], depth=2)


def images(count=4):
    return (pixels(CONFIG, count) * 255).round().byte()


def quiet(model):
    """Some channels of every kind of layer that a norm can silence."""
    with torch.no_grad():
        for layer, channel in (
            (model.tokenizer.stages[0], 1), (model.tokenizer.stages[2], 3),
            (model.blocks[0].attention.q, 5), (model.blocks[0].attention.v, 6),
            (model.blocks[1].mlp.mlp1, 7),
        ):  # fmt: skip
            layer.norm.bias[channel] = -1e3
    return model


def test_rates_are_those_of_the_neurons():
    model = awake(CONFIG)
    rates = channel_rates(model, images())
    _, spikes = all_spikes(model, images().double() / 255)
    for name, module in (
        ("tokenizer.2", "tokenizer.lifs.2"), ("tokenizer.4", "blocks.0.attention.lif_in"),
        ("blocks.1.v", "blocks.1.attention.lif_v"), ("blocks.1.proj", "blocks.1.mlp.lif_in"),
    ):  # fmt: skip
        expected = spikes[module].flatten(0, -2).mean(0)
        assert torch.allclose(rates[name], expected, atol=1e-12), name
    assert torch.equal(rates["blocks.0.q"], channel_rates(model, images()[:4], 3)["blocks.0.q"])


def test_what_never_fires_leaves_without_a_trace():
    """The network computes the same with fewer weights, in harmony with its masks."""
    model = quiet(awake(CONFIG))
    set_masks(model, PruneConfig(method="balanced", lanes=4, fraction=0.5), searching=False)
    before = model(images().double() / 255)
    counts = remove_silent(model, images(), 1e-9)
    assert torch.equal(model(images().double() / 255), before)
    found = {name: count for name, count in counts.items() if count}
    assert {"tokenizer.0", "tokenizer.2", "blocks.0.q", "blocks.0.v", "blocks.1.mlp1"} <= set(found)
    layers = [
        model.tokenizer.stages[1], model.tokenizer.stages[2], model.tokenizer.stages[3],
        model.blocks[0].attention.q, model.blocks[1].mlp.mlp1, model.blocks[1].mlp.mlp2,
    ]  # fmt: skip
    one, two, three, q, mlp1, mlp2 = (layer.masked_weight() for layer in layers)
    assert not one[:, 1].any() and not two[3].any() and not three[:, 3].any()
    assert not q[5].any() and not mlp1[7].any() and not mlp2[:, 7].any()
    for layer in layers:  # at most as many as before in a row and lane, and not none at all
        rows = layer.mask.flatten(1)
        per_lane = rows.view(-1, 4, rows.shape[1]).sum(0)
        assert 0 < per_lane.max() <= max(1, round(0.5 * len(rows) / 4))


def test_what_hardly_fires_stays_silent():
    model = awake(CONFIG)
    rates = channel_rates(model, images())
    bound = float(rates["blocks.0.k"].median())
    gone = rates["blocks.0.k"] < bound
    assert 0 < gone.sum() < len(gone)
    counts = remove_silent(model, images(), bound)
    assert counts["blocks.0.k"] == int(gone.sum())
    again = channel_rates(model, images())["blocks.0.k"]
    assert not again[gone].any()
    first = model.tokenizer.stages[0]
    assert first.mask.all()  # as with all masks


def test_integers_have_no_weights_of_removed_channels():
    model = convert(quiet(awake(CONFIG)).float(), 4)
    full = integers(model, 4, {})
    remove_silent(model, images(), 1e-9)
    fewer = integers(model, 4, {})
    assert full.blocks[1].mlp1.weight[7].any() and full.blocks[1].mlp2.weight[:, 7].any()
    assert not fewer.blocks[1].mlp1.weight[7].any() and fewer.blocks[1].mlp1.bias[7] == 0
    assert not fewer.blocks[1].mlp2.weight[:, 7].any()
    spikes = forward(fewer, images().numpy()).spike["blocks.1.mlp1"]
    assert spikes.any() and not spikes[..., 7].any()


@pytest.mark.parametrize("bound", [0.0, 0.999])
def test_run(data, tmp_path, monkeypatch, bound):
    """A bound that nearly all channels miss leaves next to no weights."""
    monkeypatch.setattr(golden.lab.networks.lif_neuron, "COMPILE_FROM", 1 << 40)
    torch.manual_seed(0)
    dense = tmp_path / "d.safetensors"
    save_dense(dense, Spikingformer(NetworkConfig(depth=1, dim=16, heads=2, timesteps=2)), {})
    none = {"epochs": 0}
    qat = {"epochs": 2, "batch_size": 16, "images": 32, "monitor_images": 16,
           "precision": "float32"}  # fmt: skip
    table = {
        "search_epochs": 0, "silent": bound, "finetune": none, "qat": qat,
        "prune": {"lanes": 4, "fraction": 0.5},
        "quant": {"calibration": 16, "residual_frac_bits": 3},
    }  # fmt: skip
    config = read(PruneRunConfig, table)
    out = tmp_path / "out.safetensors"
    facts = run_rounds(config, "", dense, tmp_path / "run", out, False, "test")
    told = (tmp_path / "run/log.txt").read_text()
    assert told.count("channels that hardly fire") == (3 if bound else 0)
    if bound:
        assert facts["weight_sparsity"] > 0.9
    else:
        assert facts["weight_sparsity"] == pytest.approx(0.5, abs=0.05)


def test_all_neurons_but_those_of_the_head_are_looked_at():
    model = awake(CONFIG)
    neurons = sum(isinstance(module, LIF) for module in model.modules())
    assert len(channel_rates(model, images())) == neurons - 1
