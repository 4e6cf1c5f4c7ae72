# SPDX-License-Identifier: Apache-2.0
"""Layers with BatchNorm folded (frozen statistics) and everything rounded to the integer contract.

The folding is golden.lab.networks.layers. W', b': with the norm in them.
Spike layer (feeds one LIF), scale s per output channel:  w = round(W'/s), bias = round(b'/s),
theta2 = round(2/s). Residual layer: the step is 2^(shift-f) for all channels and no theta2.
Rounding is straight-through; the forward pass computes with the integers themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from golden.contract.limits import PRESETS, Widths
from golden.contract.network import CHARGE_MAX
from golden.contract.neuron import start
from golden.lab.networks.backbones.head import Head
from golden.lab.networks.encoders.learned import Learned, charged
from golden.lab.networks.layers import ConvBN, LinearBN, Synapses
from golden.lab.networks.normalise import Normalise
from golden.lab.quantise.codebook import WEIGHT_MAX, Codebook, kmeans, round_through

ROUNDING = 1 << 8  # room for it in a current
# A threshold lowered by a sixteenth of a unit decides like the integers (at T = 4 the potential is
# a multiple of 1/8, and floors change no comparison with an integer), but safely away from the
# rounding of float32.
GUARD = 1.0 / 16.0


class Integers(NamedTuple):
    """Integer-valued floats with straight-through gradients; theta2 is None on the residual."""

    weight: torch.Tensor
    bias: torch.Tensor
    theta2: torch.Tensor | None


class FoldedLayer(Synapses):
    """Replaces a ConvBN or LinearBN; its current is normalised so that the threshold is 1."""

    def __init__(self, source: ConvBN | LinearBN, input_max: int = 1) -> None:
        super().__init__()
        self.source = source
        self.input_max = input_max  # of the layer that sees the input, given to it as x / input_max
        self.codebook: Codebook | None = None

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(W', b') in units of the threshold, for inputs 0..input_max."""
        weight, bias = self.source.folded()
        return weight / self.input_max, bias

    def integers(self) -> Integers:
        raise NotImplementedError

    def quantise(self, weight: torch.Tensor) -> torch.Tensor:
        """Weights in steps -> int8: rounded, or where the mask keeps them, an entry of the
        codebook."""
        if self.codebook is None:
            return round_through(weight).clamp(-WEIGHT_MAX, WEIGHT_MAX)
        return self.codebook(weight) * self.source.mask

    @staticmethod
    @torch.no_grad()
    def share_codebook(layers: Sequence[FoldedLayer], entries: int) -> None:
        """From now on, the kept weights of all `layers` take one of `entries` values, at first the
        k-means of their present int8 values."""
        kept = [layer.integers().weight[layer.source.mask == 1] for layer in layers]
        book = Codebook(kmeans(torch.cat(kept), entries))
        for layer in layers:
            layer.codebook = book

    def weight_used(self) -> torch.Tensor:
        return self.used.weight.detach()

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        if self.input_max == 1:
            return self.rescale(self.synapse(spikes))
        pixels = (spikes.float() * self.input_max).round()
        with torch.autocast(pixels.device.type, enabled=False):
            return self.rescale(self.synapse(pixels))

    def synapse(self, spikes: torch.Tensor) -> torch.Tensor:
        """w . x, the bias comes later."""
        self.used = self.integers()
        weight = self.used.weight
        if isinstance(self.source, LinearBN):
            return functional.linear(spikes, weight)
        weight = weight.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(spikes.permute(0, 3, 1, 2), weight, padding=1).permute(0, 2, 3, 1)

    def rescale(self, currents: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class SpikeFolded(FoldedLayer):
    """In front of a LIF. widths: of the hardware, which bound |X + bias|."""

    def __init__(
        self, source: ConvBN | LinearBN, input_max: int = 1, widths: Widths = PRESETS
    ) -> None:
        super().__init__(source, input_max)
        self.current_max = widths.current + 1 - ROUNDING
        self.scale_min = max(2.0**-16, 2.0 / widths.parameter)  # so that theta2 fits

    def integers(self) -> Integers:
        weight, bias = self.folded()
        scale = self.scale(weight.detach().abs().flatten(1), bias.detach().abs())
        shaped = scale.view(-1, *[1] * (weight.dim() - 1))
        quantised = self.quantise(weight / shaped)
        theta2 = (2.0 / scale).round().clamp(min=1)
        return Integers(quantised, round_through(bias / scale), theta2)

    def scale(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """s (O,) for magnitudes of W' (O, inputs) and b' (O,)."""
        reach = weight.sum(1) * self.input_max + bias
        scale = torch.maximum(weight.amax(1) / WEIGHT_MAX, reach / self.current_max)
        return scale.clamp(min=self.scale_min)

    def rescale(self, currents: torch.Tensor) -> torch.Tensor:
        gain = 2.0 / (self.used.theta2 - GUARD)
        return currents.float() * gain + self.used.bias * gain


class EncoderFolded(SpikeFolded):
    """Replaces a learned encoder: images (B, C, H, W) in 0..1 -> spikes (T, B, E, H, W)."""

    def __init__(self, source: Learned, normalise: nn.Module, widths: Widths = PRESETS) -> None:
        super().__init__(source, 255, widths)
        self.channels, self.normalise = source.channels, normalise

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = self.source.weight, self.source.bias
        if isinstance(self.normalise, Normalise):  # no padding: the bias takes the mean
            weight = weight / self.normalise.std.flatten()
            bias = bias - weight @ self.normalise.mean.flatten()
        return weight / self.input_max, bias

    def scale(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """The same for all channels, which share the charge."""
        own = super().scale(weight, bias + self.source.charge)
        return own.max().expand_as(own) if self.source.charge else own

    def synapse(self, pixels: torch.Tensor) -> torch.Tensor:
        self.used = self.integers()
        return functional.linear(pixels, self.used.weight)

    def charge(self, theta2: torch.Tensor) -> int:
        """The charge of the integer contract for the threshold of the channels."""
        return min(round(self.source.charge * float(theta2[0]) / 2), CHARGE_MAX)

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        current = super().forward(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        theta2 = self.used.theta2
        first = torch.from_numpy(start(2, 2, self.charge(theta2)).reshape(2, 2))
        unit = 2.0 / (theta2[0] - GUARD)
        return self.source.lif(charged(current, timesteps, first.to(current) * unit))


class ResidualFolded(FoldedLayer):
    """Adds to the membrane stream, on the network-wide grid 2^-frac_bits.

    Its own grid is 2^shift coarser: the finest that holds the largest weight, or with the firing
    `rates` (I,) of its inputs, which may clip some, the one with the least error of the current.
    """

    def __init__(
        self, source: ConvBN | LinearBN, frac_bits: int, rates: torch.Tensor | None = None
    ) -> None:
        super().__init__(source)
        largest = float(self.folded()[0].detach().abs().max())
        shift = 0
        while largest > WEIGHT_MAX * 2.0 ** (shift - frac_bits):
            shift += 1
        self.register_buffer("shift", torch.tensor(shift))
        self.frac_bits = frac_bits
        if rates is not None:
            finer = range(shift, max(shift - 3, -1), -1)
            self.shift.fill_(min(finer, key=lambda each: self.error(each, rates)))

    @torch.no_grad()
    def error(self, shift: int, rates: torch.Tensor) -> float:
        """Mean square of what rounding and clipping do to a current, were errors independent."""
        before = int(self.shift)
        self.shift.fill_(shift)
        off = (self.integers().weight * self.step - self.folded()[0]).square()
        self.shift.fill_(before)
        per_input = off.reshape(*off.shape[:2], -1).sum((0, 2))
        return float(per_input @ rates.to(per_input))

    @property
    def step(self) -> torch.Tensor:
        """Value of one unit of this layer's integers."""
        return 2.0 ** (self.shift - self.frac_bits)

    def integers(self) -> Integers:
        weight, bias = self.folded()
        quantised = self.quantise(weight / self.step)
        return Integers(quantised, round_through(bias / self.step), None)

    def rescale(self, currents: torch.Tensor) -> torch.Tensor:
        return (currents.float() + self.used.bias) * self.step


class QuantHead(nn.Module):
    """The classifier: one scale for all weights, the bias on the grid of the summed logits.

    `positions`: N * T summed over. `grid`: of what is summed up, 1 for spikes, 2^-f for the
    residual stream, whose sum may need more bits than a float32 has; that sum loses its lowest
    `shift` bits, which the export sets.
    """

    def __init__(self, source: Head, positions: int, grid: float = 1.0) -> None:
        super().__init__()
        self.source, self.positions, self.grid, self.shift = source, positions, grid, 0

    def integers(self) -> tuple[Integers, torch.Tensor]:
        """(integers, scale)."""
        scale = self.source.weight.detach().abs().max() / WEIGHT_MAX
        bias = round_through(self.source.bias / (scale * self.unit) * self.positions)
        return Integers(round_through(self.source.weight / scale), bias, None), scale

    @property
    def unit(self) -> float:
        """Value of one unit of the sum."""
        return self.grid * 2.0**self.shift

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        """Stream (T, B, N, D) -> logits (B, classes)."""
        used, scale = self.integers()
        rates = self.source.pooled(stream if self.grid == 1.0 else stream.double())
        if self.shift:
            sums = (rates * self.positions / self.grid).round() / 2**self.shift
            rates = rates + (sums.floor() * self.unit / self.positions - rates).detach()
        weight, bias = used.weight.to(rates.dtype), used.bias.to(rates.dtype) / self.positions
        return functional.linear(rates / self.unit, weight, bias) * (scale * self.unit)
