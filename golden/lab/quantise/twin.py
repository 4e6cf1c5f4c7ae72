# SPDX-License-Identifier: Apache-2.0
"""The torch twin of a QuantNetwork: integer-valued float tensors and spikingjelly's own LIFNode.

It shares no code with golden.contract, so that equality of the two (golden/tests/lab/test_twin.py)
says
something; it is also the faster of the two, and evaluates whole test sets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from spikingjelly.activation_based import neuron
from torch.nn import functional

from golden.contract.errors import UserError
from golden.contract.network import QuantNetwork, ResidualLayer, SpikeLayer
from golden.contract.neuron import start
from golden.contract.progress import over
from golden.lab.train.source import time_first

Watch = Callable[[str, torch.Tensor], None]


def spikingjelly_lif(currents: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """LIFNode over (T, ..., C). It takes one float as threshold, hence one fresh node a channel."""
    if threshold.dim():
        channels = zip(currents.unbind(-1), threshold, strict=True)
        return torch.stack([spikingjelly_lif(c, t) for c, t in channels], -1)
    node = neuron.LIFNode(tau=2.0, v_threshold=float(threshold), v_reset=0.0, step_mode="m").eval()
    return node(currents.contiguous())


def vector_lif(currents: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """The same for all channels at once, H = V + (X - V) / 2, exact on these integers."""
    potential, spikes = torch.zeros_like(currents[0]), []
    for current in currents:
        potential = potential + (current - potential) * 0.5
        fired = potential >= threshold
        potential = torch.where(fired, 0.0, potential)
        spikes.append(fired.to(currents.dtype))
    return torch.stack(spikes)


class TorchTwin:
    """Runs uint8 images (B, C, H, W) or frames (B, T, C, H, W), of the CPU. float64 is exact for
    every legal network, float32 for those whose currents stay below 2^20 (see
    golden.lab.quantise.export.check_ranges). device: where it computes; on another than the CPU
    with float64, and convolutions are rounded, because the library may choose an algorithm with
    fractions in between."""

    def __init__(
        self,
        network: QuantNetwork,
        dtype: torch.dtype = torch.float32,
        neuron: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = spikingjelly_lif,
        device: torch.device | str = "cpu",
    ) -> None:
        self.network, self.dtype, self.neuron = network, dtype, neuron
        self.device = torch.device(device)
        if self.device.type != "cpu":
            self.dtype = torch.float64

    @torch.no_grad()
    def __call__(
        self, images: torch.Tensor, watch: Watch = lambda name, value: None
    ) -> torch.Tensor:
        """Logits (B, classes), integers. `watch` is called with each layer's currents and spikes,
        (T, B, N, C), under the names of golden.contract.model.Trace with '.current' or '.spike'."""
        network, config = self.network, self.network.config
        if images.numel() and images.max() > config.input_max:
            raise UserError(
                f"images reach {int(images.max())}, the network takes {config.input_bits} bits: "
                f"clip them to {config.input_max}"
            )
        images = images.to(self.device)
        # frames (T, B, C, H, W), or (1, B, C, H, W): the first layer runs once
        x = time_first(images.to(self.dtype)) if images.dim() == 5 else images.to(self.dtype)[None]
        if config.constant_bit is not None:
            x = functional.pad(x, (0, 0, 0, 0, 0, 1), value=2.0**config.constant_bit)
        if network.encoder:
            x = self._encode(x, network.encoder, watch)
        for index, layer in enumerate([*network.tokenizer, network.patch]):
            name = f"tokenizer.{index}"
            if index in config.pooled_stages:
                x = functional.max_pool2d(x.flatten(0, 1), 3, 2, 1).unflatten(0, x.shape[:2])
            maps = self._conv(x.flatten(0, 1), layer, padding=1)
            maps = maps.unflatten(0, x.shape[:2])
            maps = maps.expand(config.timesteps, *maps.shape[1:])
            tokens = maps.flatten(3).transpose(2, 3)
            if isinstance(layer, SpikeLayer):
                spikes = self._spike(name, tokens, layer, watch)
                x = spikes.transpose(2, 3).unflatten(3, maps.shape[3:])
            else:
                stream = tokens * 2.0**layer.shift
                spikes = self._stream(name, stream, watch)
        for index, block in enumerate(network.blocks):
            name = f"blocks.{index}"
            q, k, v = (
                self._heads(
                    self._spike(f"{name}.{part}", self._linear(spikes, layer), layer, watch)
                )
                for part, layer in (("q", block.q), ("k", block.k), ("v", block.v))
            )
            counts = (
                ((q @ k.transpose(-1, -2)) @ v).transpose(2, 3).flatten(3)
            )  # the authors' order
            watch(f"{name}.attention.current", counts)
            spikes = self._lif(counts * 0.125, 0.5)
            watch(f"{name}.attention.spike", spikes)
            stream = stream + self._linear(spikes, block.proj) * 2.0**block.proj.shift
            spikes = self._stream(f"{name}.proj", stream, watch)
            currents = self._linear(spikes, block.mlp1)
            spikes = self._spike(f"{name}.mlp1", currents, block.mlp1, watch)
            stream = stream + self._linear(spikes, block.mlp2) * 2.0**block.mlp2.shift
            spikes = self._stream(f"{name}.mlp2", stream, watch)
        if config.head_fires:
            summed, kind = spikes.sum((0, 2)), self.dtype
        else:  # sums of the stream are wider than a float32
            summed = stream.double().sum((0, 2)) / 2**network.head_shift
            summed, kind = summed.floor(), torch.float64
        weight, bias = self._float(network.head_weight), self._float(network.head_bias)
        return functional.linear(summed, weight.to(kind), bias.to(kind))

    def _encode(self, pixels: torch.Tensor, layer: SpikeLayer, watch: Watch) -> torch.Tensor:
        """Pixels (1, B, C, H, W) -> spikes (T, B, E, H, W)."""
        maps = self._conv(pixels[0], layer)
        tokens = maps.flatten(2).transpose(1, 2).repeat(self.network.config.timesteps, 1, 1, 1)
        first = start(*maps.shape[2:], self.network.encoder_charge)
        tokens[0] += torch.from_numpy(first).to(tokens)[:, None]
        spikes = self._spike("encoder", tokens, layer, watch)
        return spikes.transpose(2, 3).unflatten(3, maps.shape[2:])

    def _spike(self, name: str, currents: torch.Tensor, layer: SpikeLayer, watch: Watch):
        watch(f"{name}.current", currents)
        spikes = self._lif(currents, self._float(layer.theta2) / 2)
        watch(f"{name}.spike", spikes)
        return spikes

    def _stream(self, name: str, stream: torch.Tensor, watch: Watch):
        watch(f"{name}.current", stream)
        spikes = self._lif(stream, self.network.config.residual_theta2 / 2)
        watch(f"{name}.spike", spikes)
        return spikes

    def _lif(self, currents: torch.Tensor, threshold: torch.Tensor | float) -> torch.Tensor:
        return self.neuron(
            currents, torch.as_tensor(threshold, dtype=self.dtype, device=self.device)
        )

    def _linear(self, spikes: torch.Tensor, layer: SpikeLayer | ResidualLayer) -> torch.Tensor:
        return functional.linear(spikes, self._float(layer.weight), self._float(layer.bias))

    def _heads(self, spikes: torch.Tensor) -> torch.Tensor:
        return spikes.unflatten(-1, (self.network.config.heads, -1)).transpose(2, 3)

    def _float(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.asarray(array)).to(self.device, self.dtype)

    def _conv(
        self, x: torch.Tensor, layer: SpikeLayer | ResidualLayer, padding: int = 0
    ) -> torch.Tensor:
        """Convolution of (n, I, H, W); weights (O, I) are those of a 1x1 one."""
        weight = self._float(layer.weight)
        weight = weight if weight.dim() == 4 else weight[:, :, None, None]
        maps = functional.conv2d(x, weight, self._float(layer.bias), padding=padding)
        return maps if self.device.type == "cpu" else maps.round()


def labels(
    network: QuantNetwork,
    images: torch.Tensor,
    batch_size: int = 250,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Class of every uint8 image (n, C, H, W) or frames (n, T, C, H, W): arg max of the logits,
    lowest index first. device: of the computation."""
    twin = TorchTwin(network, neuron=vector_lif, device=device)
    parts = images.split(batch_size)
    shown = over(parts, "classifying", "batches", len(parts))
    return torch.cat([twin(part).argmax(1).cpu() for part in shown])
