# SPDX-License-Identifier: Apache-2.0
"""Direct encoding: the image itself at every timestep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from golden.lab.networks.network_config import NetworkConfig


class Direct(nn.Module):
    """Image (B, C, H, W) -> (T, B, C, H, W), a view without copies: `constant` is true of it.

    The first convolution gives the same currents at every timestep, so a network computes it once.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.channels = config.in_channels

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        return image.expand(timesteps, *image.shape)


def constant(frames: torch.Tensor) -> bool:
    """Whether all timesteps of (T, ...) are one and the same memory."""
    return frames.stride(0) == 0
