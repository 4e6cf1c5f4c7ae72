# SPDX-License-Identifier: Apache-2.0
"""A price on the additions that spikes cause, as a part of the loss.

    penalty = train.spike_penalty * ln(A / A_all)

A: additions of the batch, every spike times the weights that are not 0 and read it: of each
convolution and linear layer behind it (a tap beside the map reads nothing), of a head behind a
LIF, and of the products Q (K^T V). A_all: the same if every neuron fired at every timestep. The
logarithm makes the number mean the same for every network: one per cent of the additions is
worth spike_penalty / 100 of loss.

With train.spike_window = w > 1, a neuron of a convolution or linear layer pays once for w
timesteps in a row, whether it fires in one of them or in all: the hardware reads and adds a row
once per window of timesteps (docs/reference/pipeline.md).

Gradients go through the surrogates of the neurons; the weights that are counted are constants.
That synaptic operations are priced, not spikes alone, is as in Sorbaro et al., "Optimizing the
energy consumption of spiking neural networks for neuromorphic applications", Front. Neurosci.
14:662, 2020. Pruned rows, windows, attention and the logarithm are added here.
"""

from __future__ import annotations

import torch
from torch import nn

from golden.contract.errors import UserError
from golden.lab.networks.backbones.spikingformer import SelfAttention, Spikingformer
from golden.lab.networks.layers import Synapses, split_heads
from golden.lab.networks.lif_neuron import LIF
from golden.lab.train.training_config import TrainConfig


class SpikePenalty:
    """Hooks that count the additions of every forward pass that has gradients."""

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.price, self.window = config.spike_penalty, config.spike_window
        self.parts: list[tuple[torch.Tensor, float]] = []  # (additions, those if all fired)
        if not self.price:
            return
        if not isinstance(model, Spikingformer):
            raise UserError(
                "train.spike_penalty counts the additions of a Spikingformer, but "
                "network.backbone is another; set it to 'spikingformer' or drop the penalty"
            )
        self.timesteps, self.classes = model.config.timesteps, model.config.classes
        model.register_forward_pre_hook(self._begin)
        for module in model.modules():
            if isinstance(module, Synapses):
                module.register_forward_hook(self._layer)
            elif isinstance(module, SelfAttention):
                self._attention(module)
        for module in model.head.modules():
            if isinstance(module, LIF):
                module.register_forward_hook(self._head)

    @property
    def additions(self) -> torch.Tensor | float:
        """Of the last forward pass, of all images of its batch together."""
        return sum(part for part, _ in self.parts)

    def __call__(self) -> torch.Tensor | float:
        """What to add to the loss of the last forward pass."""
        if not self.parts:
            return 0.0
        share = self.additions.clamp(min=1.0) / sum(most for _, most in self.parts)
        return self.price * share.log()

    def _begin(self, model: nn.Module, inputs: tuple) -> None:
        """inputs: (images, timesteps or None) of the whole model."""
        self.parts = []
        self.timesteps = (inputs[1] if len(inputs) > 1 else None) or model.config.timesteps

    def _layer(self, layer: Synapses, inputs: tuple, _out: torch.Tensor) -> None:
        """inputs: spikes (T * B, H, W, I) or (T, B, N, I). What the data set gives has no gradient
        and no price."""
        spikes = inputs[0]
        if not spikes.requires_grad:
            return
        places = spikes.shape[-3:] if layer.weight_used().dim() == 4 else spikes.shape[-2:]
        spikes = spikes.reshape(self.timesteps, -1, *places)
        if self.window > 1:  # those that fire share the gradient of their window
            spikes = torch.stack([part.amax(0) for part in spikes.split(self.window)])
        cost = layer.readers(places)
        fired = spikes.sum((0, 1), dtype=_wide(spikes))
        most = float(cost.sum()) * spikes.shape[0] * spikes.shape[1]
        self.parts.append(((fired * cost).sum(), most))

    def _head(self, _neuron: nn.Module, _inputs: tuple, spikes: torch.Tensor) -> None:
        """All classes read every spike."""
        if spikes.requires_grad:
            fired = spikes.sum(dtype=_wide(spikes))
            self.parts.append((self.classes * fired, float(self.classes * spikes.numel())))

    def _attention(self, attention: SelfAttention) -> None:
        """K^T V: a spike of K adds the V of its head and token. Q: a spike adds the counts of its
        row that are not 0."""
        fired: dict[str, torch.Tensor] = {}

        def keep(name: str):
            def hook(_neuron: nn.Module, _inputs: tuple, spikes: torch.Tensor) -> None:
                fired[name] = split_heads(spikes, attention.heads)  # (T, B, heads, N, d)
                if name == "v" and spikes.requires_grad:  # the last of the three
                    q, k, v = (fired.pop(each) for each in "qkv")
                    wide = _wide(spikes)
                    pairs = k.sum(-1, dtype=wide) * v.sum(-1, dtype=wide)
                    counts = (k.transpose(-1, -2) @ v).detach()
                    read = (counts != 0).sum(-1, dtype=wide) * q.sum(-2, dtype=wide)
                    most = float(q.numel() * q.shape[-1])
                    self.parts.extend([(pairs.sum(), most), (read.sum(), most)])

            return hook

        for name in "qkv":
            getattr(attention, f"lif_{name}").register_forward_hook(keep(name))


def _wide(spikes: torch.Tensor) -> torch.dtype:
    """Of a sum of many of them."""
    return torch.promote_types(spikes.dtype, torch.float32)
