# SPDX-License-Identifier: Apache-2.0
"""What every backbone has: an encoder, features over time, a head; and time folded into the
batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from golden.lab.networks import encoders
from golden.lab.networks.encoders.direct import constant
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.networks.normalise import Normalise


class Network(nn.Module):
    """Images (B, C, H, W) in 0..1 or frames (T, B, C, H, W) -> logits (B, classes).

    A backbone builds its parts and `self.head`, and defines `features`: frames
    (T, B, E, H, W) -> stream (T, B, N, D), which the head classifies.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.normalise = Normalise(config.mean, config.std) if config.mean else nn.Identity()
        self.encoder = encoders.build(config)

    def forward(self, image: torch.Tensor, timesteps: int | None = None) -> torch.Tensor:
        """`timesteps` other than the configured T is for cheap early epochs."""
        image = self.normalise(image)
        frames = encoders.encode(self.encoder, image, timesteps or self.config.timesteps)
        return self.head(self.features(frames))

    def features(self, frames: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


def pixels_last(frames: torch.Tensor) -> torch.Tensor:
    """(T, B, E, H, W) -> (T, B, H, W, E), a view: what is constant stays so."""
    return frames.permute(0, 1, 3, 4, 2)


def over_steps(layer: Callable[[torch.Tensor], torch.Tensor], values: torch.Tensor) -> torch.Tensor:
    """A stateless layer (n, ...) -> (n, ...) on every timestep of (T, B, ...), as one batch.

    What is the same at all timesteps is computed once, and the result is a view that again is
    constant.
    """
    once = values[:1] if constant(values) else values
    results = layer(once.flatten(0, 1).contiguous()).unflatten(0, once.shape[:2])
    return results.expand(len(values), *results.shape[1:])
