# SPDX-License-Identifier: Apache-2.0
"""Deterministic rate coding: the spike count is the pixel, and the spikes are evenly spaced.

    count after t timesteps = round(x t)        s_t = round(x t) - round(x (t - 1))

This is error diffusion along time: what rounding leaves over is carried to the next timestep. It
equals an integrate-and-fire neuron with soft reset that starts at half its threshold and gets x
at every step (Rueckauer et al., "Conversion of continuous-valued deep networks to efficient
event-driven networks", Frontiers in Neuroscience 11:682, 2017, section on the input).
"""

from __future__ import annotations

import torch

from golden.lab.networks.encoders.encoder import Encoder


class Rate(Encoder):
    """Image (B, C, H, W) -> spikes (T, B, C, H, W); round(x T) of them per pixel, for every T."""

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        step = torch.arange(timesteps + 1, device=image.device).view(-1, 1, 1, 1, 1)
        counts = (image * step + 0.5).floor()  # halves do not occur: 2 k t = 255 (2 m + 1) is odd
        return counts.diff(dim=0)
