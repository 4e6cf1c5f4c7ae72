# SPDX-License-Identifier: Apache-2.0
"""The spikes of a float network and of its integers, layer by layer, on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from golden.contract.network import QuantNetwork
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.lif_neuron import LIF
from golden.lab.quantise.twin import TorchTwin, vector_lif
from golden.lab.train.source import network_input


@dataclass
class Firing:
    """Of one layer: spikes in all, in the float network and in the integer one, and differing."""

    neurons: int = 0
    float_spikes: int = 0
    integer_spikes: int = 0
    differ: int = 0

    @property
    def rates(self) -> tuple[float, float]:
        """Mean spikes per neuron and timestep: float, integer."""
        return self.float_spikes / self.neurons, self.integer_spikes / self.neurons

    @property
    def share(self) -> float:
        """Of the spikes of the float network that differ: missing or in excess."""
        return self.differ / max(self.float_spikes, 1)

    @property
    def stuck(self) -> str:
        """'never' or 'always' fires, in the integer network; '' in between."""
        return {0: "never", self.neurons: "always"}.get(self.integer_spikes, "")


def neurons(model: Spikingformer) -> dict[str, LIF]:
    """The LIFs of a network, float or converted, by the names that golden.contract.model.Trace
    has."""
    found = {f"tokenizer.{i}": lif for i, lif in enumerate(model.tokenizer.lifs)}
    if model.config.encoder == "learned":
        found = {"encoder": model.encoder.lif} | found
    stream = "tokenizer.4"  # whose spikes come next
    for index, block in enumerate(model.blocks):
        name, attention, mlp = f"blocks.{index}", block.attention, block.mlp
        found |= {
            stream: attention.lif_in,
            f"{name}.q": attention.lif_q,
            f"{name}.k": attention.lif_k,
            f"{name}.v": attention.lif_v,
            f"{name}.attention": attention.lif_out,
            f"{name}.proj": mlp.lif_in,
            f"{name}.mlp1": mlp.lif_hidden,
        }
        stream = f"{name}.mlp2"
    head = getattr(model.head, "source", model.head)
    if isinstance(head.lif, LIF):
        found[stream] = head.lif
    return found


@torch.no_grad()
def compare(
    model: Spikingformer, network: QuantNetwork, images: torch.Tensor, batch_size: int = 32
) -> dict[str, Firing]:
    """By layer, over uint8 images (n, C, H, W) or frames (n, T, C, H, W)."""
    found = {name: Firing() for name in neurons(model)}
    spikes: dict[str, torch.Tensor] = {}

    def keep(name: str):
        def hook(_module: nn.Module, _inputs: tuple, out: torch.Tensor) -> None:
            last = out.movedim(2, -1) if name == "encoder" else out  # all others have it there
            spikes[name] = last.bool().flatten(2)

        return hook

    def watch(name: str, value: torch.Tensor) -> None:
        layer, kind = name.rsplit(".", 1)
        if kind == "spike" and layer in found:
            entry, ours, theirs = found[layer], value.bool().flatten(2), spikes.pop(layer)
            entry.neurons += ours.numel()
            entry.integer_spikes += int(ours.sum())
            entry.float_spikes += int(theirs.sum())
            entry.differ += int((ours != theirs).sum())

    hooks = [lif.register_forward_hook(keep(name)) for name, lif in neurons(model).items()]
    twin = TorchTwin(network, neuron=vector_lif)
    try:
        model.eval()
        for part in images.split(batch_size):
            with torch.compiler.set_stance("force_eager"):
                model(network_input(model, part))
            twin(part, watch)
    finally:
        for hook in hooks:
            hook.remove()
    return found


@torch.no_grad()
def integer_rates(
    network: QuantNetwork, images: torch.Tensor, batch_size: int = 32
) -> dict[str, float]:
    """Firing rate of every layer of an integer network, over uint8 images (n, C, H, W) or frames
    (n, T, C, H, W)."""
    spikes: dict[str, int] = {}
    neurons: dict[str, int] = {}

    def watch(name: str, value: torch.Tensor) -> None:
        layer, kind = name.rsplit(".", 1)
        if kind == "spike":
            spikes[layer] = spikes.get(layer, 0) + int(value.bool().sum())
            neurons[layer] = neurons.get(layer, 0) + value.numel()

    twin = TorchTwin(network, neuron=vector_lif)
    for part in images.split(batch_size):
        twin(part, watch)
    return {layer: count / neurons[layer] for layer, count in spikes.items()}


@torch.no_grad()
def input_rates(
    model: nn.Module, layers: tuple[type[nn.Module], ...], images: torch.Tensor
) -> dict[nn.Module, torch.Tensor]:
    """Mean square (I,) of what every layer of these kinds is fed, channel last: of spikes, their
    firing rates."""
    sums: dict[nn.Module, list[torch.Tensor]] = {}

    def hook(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        sums.setdefault(module, []).append(inputs[0].float().square().flatten(0, -2).mean(0))

    hooks = [m.register_forward_pre_hook(hook) for m in model.modules() if isinstance(m, layers)]
    try:
        model.eval()
        with torch.compiler.set_stance("force_eager"):
            for part in images.split(32):
                model(network_input(model, part))
    finally:
        for each in hooks:
            each.remove()
    return {module: torch.stack(values).mean(0) for module, values in sums.items()}
