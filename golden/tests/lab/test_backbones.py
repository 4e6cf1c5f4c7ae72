# SPDX-License-Identifier: Apache-2.0
"""What every backbone must do: keep samples apart, learn everywhere, take frames, be prunable."""

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import nn

from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.lab.networks import backbones, lif_neuron
from golden.lab.networks.layers import ConvBN, FirstConvBN
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.importance import importance
from golden.lab.prune.network_masks import PruneConfig, prunable, set_masks, sparsity
from golden.lab.train.checkpoint import load_dense, save_dense
from golden.lab.train.training_config import RunConfig
from golden.tests.tiny_networks import SMALL, all_spikes, awake, losses, pixels

ZOO = Path("golden/configs/zoo")


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch):
    """A compilation takes longer than all of these networks; test_neuron compares the two."""
    monkeypatch.setattr(lif_neuron, "COMPILE_FROM", 1 << 40)


every = pytest.mark.parametrize("name", SMALL)


@every
@torch.no_grad()
def test_nothing_leaks_between_samples(name):
    """Batch 1 = batch 64. The spikes are equal; the logits to a rounding of float64, because BLAS
    picks another order of summation for another number of rows."""
    model = awake(SMALL[name])
    images = pixels(model.config, 64)
    logits, spikes = all_spikes(model, images)
    assert logits.std(0).min() > 0  # the samples differ
    for index in range(64):
        alone, single = all_spikes(model, images[index : index + 1])
        torch.testing.assert_close(alone, logits[index : index + 1], rtol=0, atol=1e-12)
        for lif, values in single.items():
            assert torch.equal(values[:, 0], spikes[lif][:, index]), (name, lif, index)
    for lif, values in spikes.items():
        assert 0 < values.mean() < 1, f"{lif} says nothing"


@every
def test_gradients_reach_every_parameter(name):
    model = awake(SMALL[name], seed=2)
    model.train()
    model(pixels(model.config, 8)).square().sum().backward()
    for parameter, tensor in model.named_parameters():
        assert tensor.grad is not None, parameter
        # (that of a bias in front of a batch normalisation is nothing but rounding)
        assert tensor.grad.abs().sum() > 0, parameter


@every
def test_a_fresh_network_learns(name):
    """From the initial weights, so that no backbone starts dead: the loss on one batch falls."""
    torch.manual_seed(4)
    model = backbones.build(dataclasses.replace(SMALL[name], timesteps=2))
    found = losses(model)
    assert found[-1] < 0.7 * found[0], found


@every
@torch.no_grad()
def test_frames_are_images_over_time(name):
    """The constant input that is computed once gives what T different computations give."""
    model = awake(SMALL[name], seed=3)
    images = pixels(model.config, 2)
    frames = images.repeat(3, 1, 1, 1, 1)
    first = next(m for m in model.modules() if isinstance(m, FirstConvBN))
    rows = []
    hook = first.register_forward_hook(lambda _m, i, _o: rows.append(len(i[0])))
    torch.testing.assert_close(model(frames), model(images), rtol=0, atol=1e-12)
    hook.remove()
    assert rows == [6, 2]
    torch.testing.assert_close(model(images, 2), model(frames[:2]), rtol=0, atol=1e-12)
    frames[1] = 0
    assert not torch.allclose(model(frames), model(images))


@every
@torch.no_grad()
def test_pruning_masks(name):
    model = awake(SMALL[name])
    layers = prunable(model)
    synapses = [n for n, m in model.named_modules() if hasattr(m, "masked_weight")]
    first = [n for n, m in model.named_modules() if isinstance(m, FirstConvBN)]
    assert set(synapses) - set(layers) == set(first)
    assert len(first) == 1
    images = pixels(model.config, 4)
    dense = model(images)
    set_masks(model, PruneConfig("unstructured", sparsity=0.5), searching=False)
    assert sparsity(model) == pytest.approx(0.5, abs=1e-3)
    pruned = model(images)
    assert not torch.allclose(pruned, dense)
    for layer in layers.values():
        layer.weight.copy_(layer.masked_weight())
        layer.mask.fill_(1.0)
    assert torch.equal(model(images), pruned)
    set_masks(model, PruneConfig(lanes=8, fraction=0.5), searching=False)
    for layer in layers.values():
        kept = layer.mask.reshape(-1, 8, layer.mask[0].numel()).sum(0)
        assert (kept == max(1, len(layer.mask) // 16)).all()


@every
@torch.no_grad()
def test_checkpoint(name, tmp_path):
    model = awake(SMALL[name]).float()
    save_dense(tmp_path / "a.safetensors", model, {})
    again = load_dense(tmp_path / "a.safetensors").eval()
    assert again.config == model.config
    images = pixels(model.config, 2).float()
    assert torch.equal(again(images), model(images))


@every
def test_spikes_have_readable_names(name):
    names = [n for n, m in backbones.build(SMALL[name]).named_modules() if isinstance(m, LIF)]
    assert all("lif" in n for n in names)
    assert len(names) == len(set(names)) > 6


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"backbone": "sew_resnet", "depth": 19}, "choose 18, 34, 50, 101, 152 or any 6 n"),
        ({"backbone": "ms_resnet", "depth": 2}, "choose 18, 34, 104 or any 6 n"),
        ({"backbone": "ms_resnet", "depth": 104}, "layout 'imagenet'"),
        ({"backbone": "sew_resnet", "depth": 8, "layout": "dvs"}, "cifar and imagenet"),
    ],
)
def test_impossible_residual_networks(sizes, sentence):
    with pytest.raises(UserError, match=sentence):
        backbones.build(NetworkConfig(**sizes))


def test_pools_follow_the_layout():
    assert NetworkConfig().pooled_stages == (3, 4)
    assert NetworkConfig(layout="imagenet").pooled_stages == (1, 2, 3, 4)
    assert NetworkConfig(layout="dvs", pooled_stages=(2,)).pooled_stages == (2,)
    assert NetworkConfig(pooled_stages=()).pooled_stages == ()


@every
def test_zoo_of_about_equal_size(name):
    path = ZOO / f"{name}.toml"
    config, first = load(path, RunConfig), load(ZOO / "spikingformer.toml", RunConfig)
    with torch.device("meta"):
        model = backbones.build(config.network)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert 150_000 < count < 180_000
    assert f"{count:,} parameters" in path.read_text()
    assert config.train == first.train
    for field in "backbone", "connect", "tau":  # the tests run on the same kinds of networks
        assert getattr(config.network, field) == getattr(SMALL[name], field)


@every
@torch.no_grad()
def test_fused_norms_change_nothing(name):
    """A network whose norms lie in its weights fires the same spikes, and can be saved, pruned by
    gain and trained."""
    model = awake(SMALL[name], seed=5)
    images = pixels(model.config, 2)
    expected, spikes = all_spikes(model, images)
    backbones.fuse(model)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in model.modules())
    fused = backbones.build(dataclasses.replace(SMALL[name], fused=True)).double().eval()
    fused.load_state_dict(model.state_dict())
    logits, same = all_spikes(fused, images)
    assert same.keys() == spikes.keys() and all(torch.equal(same[n], spikes[n]) for n in same)
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-9)
    layer = next(module for module in fused.modules() if isinstance(module, ConvBN))
    torch.testing.assert_close(importance(layer, "gain"), importance(layer, "magnitude"))
    with torch.enable_grad():
        fused.train()(images).sum().backward()
    assert layer.bias.grad is not None
