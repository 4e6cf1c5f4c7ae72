# SPDX-License-Identifier: Apache-2.0
"""What a training on CUDA needs, without one: torch's device 'meta', which computes shapes only,
refuses an operation between two devices as CUDA would, and a stand-in has the state of CUDA's
random numbers."""

import contextlib

import pytest
import torch

from golden.lab.networks.layers import ConvBN
from golden.lab.prune.budget import row_slots
from golden.lab.prune.importance import Activity, importance, per_row
from golden.lab.prune.masks import balanced_mask
from golden.lab.quantise.fold import SpikeFolded
from golden.lab.train import loop

ELSEWHERE = torch.device("meta")


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
    loop.save_state(tmp_path / "last.pt", *parts, 1, 2)
    assert loop.restore_state(tmp_path / "last.pt", *parts) == 1
    assert torch.equal(restored[0], state)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loop.restore_state(tmp_path / "last.pt", *parts)  # goes on on a CPU
    assert len(restored) == 1
