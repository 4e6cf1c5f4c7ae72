# SPDX-License-Identifier: Apache-2.0
"""What a training on CUDA needs, without one: torch's device 'meta', which computes shapes only,
refuses an operation between two devices as CUDA would, and a stand-in has the state of CUDA's
random numbers."""

import contextlib
import functools
from dataclasses import replace

import pytest
import torch

from golden.contract.network import NetworkConfig as IntegerConfig
from golden.contract.random_network import random_network
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.layers import ConvBN
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.prune.budget import row_slots
from golden.lab.prune.importance import Activity, importance, per_row
from golden.lab.prune.masks import balanced_mask
from golden.lab.prune.network_masks import PruneConfig
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.search import MaskSearch
from golden.lab.quantise.convert import convert
from golden.lab.quantise.fold import SpikeFolded
from golden.lab.quantise.twin import TorchTwin, vector_lif
from golden.lab.train import distributed, loop
from golden.lab.train.batches import batches
from golden.lab.train.distillation import Distillation
from golden.lab.train.training_config import RoundConfig, TrainConfig

CPU, ELSEWHERE = torch.device("cpu"), torch.device("meta")


def test_masks_are_made_where_the_weights_are():
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device=ELSEWHERE) * torch.zeros(2)
    spikes = torch.rand(8)  # measured on the CPU, before the training
    layer = ConvBN(8, 32).to(ELSEWHERE)
    worth = importance(layer, "rate", Activity(spikes, spikes))
    slots = row_slots({"layer": worth}, 4, 1000, {"layer": per_row(spikes, layer)})["layer"]
    assert slots.device == ELSEWHERE
    assert balanced_mask(layer.weight, 4, slots).device == ELSEWHERE


def test_the_layer_that_sees_pixels_has_full_precision_on_its_own_device(monkeypatch):
    asked = []

    def autocast(device, **options):
        asked.append((device, options))
        return contextlib.nullcontext()

    monkeypatch.setattr(torch, "autocast", autocast)
    layer = SpikeFolded(ConvBN(8, 32), 255).to(ELSEWHERE)
    out = layer(torch.rand(2, 6, 6, 8, device=ELSEWHERE))
    assert asked == [("meta", {"enabled": False})]
    assert (out.device, out.dtype) == (ELSEWHERE, torch.float32)


def test_random_numbers_of_cuda_are_part_of_a_checkpoint(tmp_path, monkeypatch):
    state = torch.arange(16, dtype=torch.uint8)
    restored = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: state)
    monkeypatch.setattr(torch.cuda, "set_rng_state", restored.append)
    model = torch.nn.Linear(2, 2)
    optimiser = torch.optim.AdamW(model.parameters())
    parts = model, optimiser, loop.one_cycle(optimiser, [1.0], 0.5, 4), torch.Generator()
    loop.save_state(tmp_path / "last.pt", *parts, 1, 2, 61.5)
    assert loop.restore_state(tmp_path / "last.pt", *parts) == (1, 61.5)
    assert torch.equal(restored[0], state)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loop.restore_state(tmp_path / "last.pt", *parts)  # goes on on a CPU
    assert len(restored) == 1


def train_elsewhere(monkeypatch, tmp_path, model, config, hooks, lessons):
    """The training loop itself on 'meta', which has no values: what reads some is left out."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **_o: contextlib.nullcontext())
    adamw = functools.partial(torch.optim.AdamW, foreach=False)  # the fused one is CUDA's
    monkeypatch.setattr(torch.optim, "AdamW", lambda *a, fused, **o: adamw(*a, **o))
    monkeypatch.setattr(distributed.Ranks, "mean", lambda _self, value: float(value.device == CPU))
    seen = []
    monkeypatch.setattr(loop, "accuracy", lambda *_, **_o: seen.append("accuracy") or 0.5)
    monkeypatch.setattr(loop, "firing_rates", lambda *_: {})
    monkeypatch.setattr(loop, "save_state", lambda *_: seen.append("saved"))
    model.to(ELSEWHERE)
    loop._fit(model, model, ELSEWHERE, config, tmp_path, False, hooks, lessons)
    assert seen == ["accuracy", "saved"] * config.epochs
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads and all(grad.device == ELSEWHERE for grad in grads)


@pytest.mark.parametrize("quantised", [False, True])
def test_training_stays_on_its_device(monkeypatch, tmp_path, data, quantised):
    """Images, augmentation, forward and backward pass, optimiser, masks that follow the weights."""
    sizes = {"depth": 1, "dim": 16, "heads": 2, "timesteps": 2}
    model, teacher = (Spikingformer(NetworkConfig(**sizes)) for _ in range(2))
    config = TrainConfig(epochs=2, batch_size=16, monitor_images=8, shift=2, minutes=1000)
    hooks = loop.Hooks()
    if quantised:
        model.eval()
        convert(model, 6)
    else:
        both = {"data": "fashion_mnist"}
        prune = PruneRunConfig(
            search_epochs=1, prune=PruneConfig(lanes=4),
            finetune=replace(config, **both), qat=replace(config, **both),
        )  # fmt: skip
        search = MaskSearch(model, prune, every=1)
        hooks = loop.Hooks(search.before_epoch, search.after_step)
    lessons = Distillation(teacher, RoundConfig(distill=0.5))  # the teacher comes from the CPU
    train_elsewhere(monkeypatch, tmp_path, model, config, hooks, lessons)
    assert all(values.device == ELSEWHERE for values in teacher.parameters())


def test_images_are_augmented_where_they_are_and_alike():
    """Draws are of the CPU: a copy of the CPU tells what another device gets."""
    images = torch.arange(6 * 3 * 8 * 8).remainder(251).to(torch.uint8).view(6, 3, 8, 8)
    config = TrainConfig(batch_size=3, shift=2)
    states = []
    for where in CPU, ELSEWHERE:
        generator = torch.Generator().manual_seed(3)
        given = images.to(where), torch.arange(6).to(where)
        for pixels, truth in batches(*given, config, generator):
            assert pixels.device == truth.device == where and pixels.shape == (3, 3, 8, 8)
        states.append(generator.get_state())
    assert torch.equal(*states)


@pytest.mark.parametrize(
    "sizes", [{}, {"encoder_channels": 2}, {"input_timesteps": 2, "in_channels": 2}]
)
def test_the_integer_network_runs_elsewhere(sizes):
    network = random_network(IntegerConfig(depth=1, dim=16, heads=2, timesteps=2, **sizes), 1)
    images = torch.zeros(3, *network.config.input_shape, dtype=torch.uint8)
    logits = TorchTwin(network, neuron=vector_lif, device=ELSEWHERE)(images)
    assert (logits.device, logits.dtype, logits.shape) == (ELSEWHERE, torch.float64, (3, 10))
