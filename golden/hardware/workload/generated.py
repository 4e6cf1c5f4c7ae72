# SPDX-License-Identifier: Apache-2.0
"""Spikes of large networks that nobody has to train: layer shapes with drawn spikes.

Every channel has a rate of its own around that of its layer, and in time every neuron is a Markov
chain with that rate: the spikes of two neighbouring timesteps have the correlation that is asked
for. Shapes: VGG-16 (Simonyan and Zisserman, ICLR 2015, configuration D) with two fully connected
layers, and the ResNet-19 of spiking networks (Zheng et al., AAAI 2021), both for 32 x 32 images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from golden.contract.errors import UserError
from golden.hardware.workload.recording import Recording

SPREAD = 0.5  # of the rates of channels: standard deviation over mean
STEPS = 4


@dataclass(frozen=True)
class Shape:
    """A layer. size: height and width of its input.  rate: mean share of ones there."""

    name: str
    inputs: int
    outputs: int
    size: int
    kernel: int
    rate: float


def spikes(
    shape: tuple[int, int, int, int], rate: float, correlation: float, rng: np.random.Generator
) -> np.ndarray:
    """uint8 (T, C, H, W): ones at about ``rate``, ``correlation`` between neighbouring timesteps.

    The rate of a channel is drawn from a beta distribution, so that it stays between 0 and 1.
    """
    if not 0 < rate < 1 or not 0 <= correlation < 1:
        raise UserError(
            f"spikes with rate {rate} and correlation {correlation} cannot be drawn; the rate must "
            "lie between 0 and 1, the correlation from 0 to below 1"
        )
    steps, channels, height, width = shape
    spread = min(SPREAD * rate, 0.9 * (rate * (1 - rate)) ** 0.5)
    weight = rate * (1 - rate) / spread**2 - 1
    own = rng.beta(rate * weight, (1 - rate) * weight, channels)[:, None, None]
    out = np.empty(shape, np.uint8)
    out[0] = rng.random((channels, height, width)) < own
    for t in range(1, steps):  # stays with probability ``correlation``, is drawn anew else
        drawn = rng.random((channels, height, width)) < own
        stays = rng.random((channels, height, width)) < correlation
        out[t] = np.where(stays, out[t - 1], drawn)
    return out


def recordings(
    shapes: Sequence[Shape], correlation: float, seed: int, steps: int = STEPS, images: int = 1
) -> list[Recording]:
    """Layers of these shapes with spikes drawn for each, those of all ``images`` side by side."""
    rng = np.random.default_rng(seed)
    return [
        Recording(
            s.name,
            spikes((steps, s.inputs, s.size, s.size * images), s.rate, correlation, rng),
            s.outputs,
            s.kernel,
        )
        for s in shapes
    ]


def vgg16(rate: float = 0.1, fully_connected: float = 0.05) -> list[Shape]:
    """13 convolutions whose inputs fire at ``rate``, the first one's at twice that (a spike encoder
    in front), and two fully connected layers."""
    out, inputs, size = [], 3, 32
    for stage, (outputs, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        for i in range(count):
            name = f"conv{stage + 1}_{i + 1}"
            out.append(Shape(name, inputs, outputs, size, 3, rate if out else 2 * rate))
            inputs = outputs
        size //= 2
    out.append(Shape("fc1", 512, 4096, 1, 1, fully_connected))
    return [*out, Shape("fc2", 4096, 10, 1, 1, fully_connected)]


def resnet19(dense: Sequence[float] = (0.7, 0.8, 0.9), rate: float = 0.15) -> list[Shape]:
    """The convolutions of eight residual blocks and a fully connected layer; the second one of
    the last block of a stage reads ``dense`` shares of ones, by turns, as behind sums of spikes."""
    out = [Shape("stem", 3, 128, 32, 3, 2 * rate)]
    inputs, size, dense_seen = 128, 32, 0
    for stage, (outputs, blocks) in enumerate(((128, 3), (256, 3), (512, 2))):
        for block in range(blocks):
            if stage and not block:
                size //= 2
            name = f"block{stage + 1}_{block + 1}"
            out.append(Shape(f"{name}.1", inputs, outputs, size, 3, rate))
            second = rate
            if block == blocks - 1:
                second, dense_seen = dense[dense_seen % len(dense)], dense_seen + 1
            out.append(Shape(f"{name}.2", outputs, outputs, size, 3, second))
            if inputs != outputs:
                out.append(Shape(f"{name}.shortcut", inputs, outputs, size, 1, rate))
            inputs = outputs
    return [*out, Shape("fc", 512, 10, 1, 1, rate)]


NETWORKS = {"vgg16": vgg16, "resnet19": resnet19}
