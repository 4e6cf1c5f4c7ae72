# SPDX-License-Identifier: Apache-2.0
"""Removal of channels that hardly fire, beside the masks.

The channel of a neuron layer whose firing rate over some images is below a bound loses, as masks
of 0, its own weights where one layer alone makes it (tokenizer stages, q, k, v, mlp1) and the
weights that read it. The bias of a channel without weights becomes 0, so that it stays silent.
Masks only lose weights: no lane of a row has more than before, PE-balanced ones stay balanced, and
a row that nobody needs is empty and costs nothing (docs/reference/pipeline.md).

The first convolution and the head keep their weights, as with all masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.layers import FirstConvBN
from golden.lab.networks.watching import watching
from golden.lab.quantise.firing import neurons
from golden.lab.train.source import network_input


@dataclass(frozen=True)
class Wiring:
    """What makes a channel of a neuron layer, where that is one layer, and what reads it."""

    writer: nn.Module | None
    readers: tuple[nn.Module, ...]


def wiring(model: Spikingformer) -> dict[str, Wiring]:
    """Of every neuron layer between two layers, by the names of `neurons`; float or converted."""
    stages, found, stream = model.tokenizer.stages, {}, "tokenizer.4"
    for index in range(4):
        found[f"tokenizer.{index}"] = Wiring(stages[index], (stages[index + 1],))
    for index, block in enumerate(model.blocks):
        name, attention, mlp = f"blocks.{index}", block.attention, block.mlp
        read = attention.q, attention.k, attention.v
        found[stream] = Wiring(None, read)
        for part, layer in zip("qkv", read, strict=True):
            found[f"{name}.{part}"] = Wiring(layer, ())
        found[f"{name}.attention"] = Wiring(None, (attention.proj,))
        found[f"{name}.proj"] = Wiring(None, (mlp.mlp1,))
        found[f"{name}.mlp1"] = Wiring(mlp.mlp1, (mlp.mlp2,))
        stream = f"{name}.mlp2"
    return found


@torch.no_grad()
def channel_rates(
    model: Spikingformer, images: torch.Tensor, batch_size: int = 100
) -> dict[str, torch.Tensor]:
    """Firing rate (C,) of every channel that `wiring` names, over uint8 images (n, C, H, W) or
    frames (n, T, C, H, W)."""
    known, sums = neurons(model), {}
    watched = {name: known[name] for name in wiring(model)}

    def see(name: str, spikes: torch.Tensor) -> None:
        part = spikes.flatten(0, -2)
        fired, places = sums.get(name, (0.0, 0))
        sums[name] = fired + part.sum(0, dtype=torch.float64), places + len(part)

    training = model.training
    model.eval()
    with watching(watched, see), torch.compiler.set_stance("force_eager"):
        for part in images.split(batch_size):
            model(network_input(model, part))
    model.train(training)
    return {name: fired / places for name, (fired, places) in sums.items()}


@torch.no_grad()
def remove_silent(model: Spikingformer, images: torch.Tensor, bound: float) -> dict[str, int]:
    """Remove the channels whose rate over `images` is below `bound`; how many are, by layer."""
    rates, counts = channel_rates(model, images), {}
    for name, parts in wiring(model).items():
        gone = rates[name] < bound
        counts[name] = int(gone.sum())
        if parts.writer is not None:
            _remove(parts.writer, gone)
        for layer in parts.readers:
            _mask(layer, ~gone[None])
    return counts


def _remove(layer: nn.Module, gone: torch.Tensor) -> None:
    """No weights and no bias for the outputs `gone` (O,) of a layer that may lose weights."""
    source = getattr(layer, "source", layer)
    if isinstance(source, FirstConvBN):
        return
    _mask(layer, ~gone[:, None])
    if isinstance(source.norm, nn.Identity):
        source.bias[gone] = 0.0
        return
    bias = 0.0 if source.bias is None else source.bias
    source.norm.bias[gone] = ((source.norm.running_mean - bias) * source.gain)[gone]


def _mask(layer: nn.Module, kept: torch.Tensor) -> None:
    """Masks the weights (O, I, ...) where `kept`, which fits their first two sizes, is false."""
    source = getattr(layer, "source", layer)
    mask = source.mask * kept.view(*kept.shape, *[1] * (source.mask.dim() - 2)).to(source.mask)
    source.register_buffer("mask", mask)  # part of the state from now on
