# SPDX-License-Identifier: Apache-2.0
"""Accuracy and firing rates of a torch model."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import nn

from golden.contract.progress import over
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.watching import watching
from golden.lab.train.precision import Precision, autocast
from golden.lab.train.source import network_input


@torch.no_grad()
def accuracy(
    model: nn.Module,
    images: torch.Tensor,
    labels: torch.Tensor,
    batch_size: int = 250,
    precision: Precision = "float32",
) -> float:
    """Fraction of uint8 images (n, C, H, W) or event frames (n, T, 2, H, W) classified
    right; in the precision of the model, but with "bfloat16", and "auto" where it means that."""
    model.eval()
    right, parameter = 0, next(model.parameters())
    parts = zip(images.split(batch_size), labels.split(batch_size), strict=True)
    for part, truth in over(parts, "evaluating", "batches", -(-len(images) // batch_size)):
        with autocast(parameter.device.type, precision):
            logits = model(network_input(model, part))
        right += int((logits.argmax(1).cpu() == truth).sum())
    return right / len(images)


@torch.no_grad()
def firing_rates(model: nn.Module, images: torch.Tensor, batch_size: int = 250) -> dict[str, float]:
    """Mean spikes per neuron and timestep of every LIF module, by module name."""
    sums: dict[str, list[float]] = defaultdict(list)
    neurons = {name: module for name, module in model.named_modules() if isinstance(module, LIF)}
    model.eval()
    with watching(neurons, lambda name, out: sums[name].append(float(out.float().mean()))):
        for part in images.split(batch_size):
            model(network_input(model, part))
    return {name: sum(values) / len(values) for name, values in sums.items()}
