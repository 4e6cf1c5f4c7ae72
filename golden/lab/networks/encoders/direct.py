# SPDX-License-Identifier: Apache-2.0
"""Direct encoding: the image itself at every timestep."""

from __future__ import annotations

import torch

from golden.lab.networks.encoders.encoder import Encoder


class Direct(Encoder):
    """Image (B, C, H, W) -> (T, B, C, H, W), a view without copies: `constant` is true of it.

    The first convolution gives the same currents at every timestep, so a network computes it once.
    """

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        return image.expand(timesteps, *image.shape)


def constant(frames: torch.Tensor) -> bool:
    """Whether all timesteps of (T, ...) are one and the same memory."""
    return frames.stride(0) == 0
