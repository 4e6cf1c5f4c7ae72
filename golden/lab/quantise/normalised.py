# SPDX-License-Identifier: Apache-2.0
"""The first convolution of a network on normalised images, folded for pixels 0..input_max.

Its last input channel is the constant K = 2^bit of golden.contract.normalisation. With the int8
weights w of the pixels, the weight of a tap's constant is -input_max / K * sum over channels of
w m: derived from the rounded (and pruned) weights, so that a pixel of the mean gives nothing
whatever the rounding. Rounded itself, the constants are off by up to K / 2 a tap; what they are off
by together goes into the bias, so that only places at the border keep an error.
"""

from __future__ import annotations

import torch

from golden.contract.limits import PRESETS, Widths
from golden.contract.normalisation import CONSTANT_BITS
from golden.lab.networks.layers import ConvBN
from golden.lab.networks.normalise import Normalise
from golden.lab.quantise.codebook import WEIGHT_MAX, round_through
from golden.lab.quantise.fold import Integers, SpikeFolded

TAPS = 9


class NormalisedFolded(SpikeFolded):
    """Replaces a first ConvBN (O, C, 3, 3) behind a Normalise; takes C channels of pixel /
    input_max."""

    def __init__(
        self, source: ConvBN, normalise: Normalise, input_max: int, widths: Widths = PRESETS
    ) -> None:
        super().__init__(source, input_max, widths)
        for name in ("mean", "std"):
            self.register_buffer(name, getattr(normalise, name).clone(), persistent=False)
        self.constant_bit = CONSTANT_BITS[-1]
        self.constant_bit = min(CONSTANT_BITS, key=self.noise)

    @property
    def constant(self) -> float:
        """K."""
        return 2.0**self.constant_bit

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        weight, bias = super().folded()
        return weight / self.std, bias

    def constants(self, weight: torch.Tensor) -> torch.Tensor:
        """The constant's weight (O, 1, 3, 3), unrounded, for `weight` of the pixels."""
        return -(self.input_max / self.constant) * (weight * self.mean).sum(1, keepdim=True)

    @torch.no_grad()
    def noise(self, bit: int) -> float:
        """Mean square of what rounding does to the currents, in thresholds, with K = 2^bit: the
        weights on normalised pixels of variance 1, the constants where the bias does not help."""
        self.constant_bit = bit
        weight, bias = self.folded()
        scale = self.scale(weight.abs().flatten(1), bias.abs())
        pixels = float((self.input_max * self.std).square().sum())
        return float(scale.square().mean()) * (pixels + self.constant**2)

    def scale(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Such that the constants, too, are int8, and the sums with them have their room, whatever
        the rounding does."""
        constant = self.constants(self.folded()[0].detach()).abs().flatten(1)
        reach = weight.sum(1) * self.input_max + constant.sum(1) * self.constant + bias
        per_step = self.input_max / self.constant * float(self.mean.abs().sum())
        off = 0.5 * (1 + per_step)  # a constant, at the most, by all the rounding
        room = (
            self.current_max
            - 0.5 * self.input_max * weight.shape[1]
            - 2 * off * self.constant * TAPS
        )
        scales = (
            weight.amax(1) / WEIGHT_MAX,
            constant.amax(1) / max(WEIGHT_MAX - off, 1.0),
            reach / room,
        )
        return torch.stack(scales).amax(0).clamp(min=self.scale_min)

    def integers(self) -> Integers:
        pixels, bias, theta2 = super().integers()
        wanted = self.constants(pixels)
        constant = round_through(wanted).clamp(-WEIGHT_MAX, WEIGHT_MAX)
        missing = (wanted - constant).sum((1, 2, 3)) * self.constant
        bias = bias + round_through(missing)
        return Integers(torch.cat([pixels, constant], 1), bias, theta2)

    def synapse(self, spikes: torch.Tensor) -> torch.Tensor:
        ones = torch.full_like(spikes[..., :1], self.constant)
        return super().synapse(torch.cat([spikes, ones], -1))
