# SPDX-License-Identifier: Apache-2.0
"""Time-to-first-spike coding: one spike per pixel, the brighter the earlier.

    t(x) = round((T - 1) (1 - x)),  0 <= t < T,  for x > 0;  a pixel of 0 stays silent

The times are those of spikingjelly's `LatencyEncoder(enc_function='linear')`, which lets pixels of
0 fire at the last timestep; their silence is that of the sparse temporal code of Rueckauer and
Liu, "Conversion of analog to spiking neural networks using sparse temporal coding", ISCAS 2018.
"""

from __future__ import annotations

import torch

from golden.lab.networks.encoders.encoder import Encoder


class TimeToFirstSpike(Encoder):
    """Image (B, C, H, W) -> spikes (T, B, C, H, W), one per pixel that is not 0."""

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        when = ((timesteps - 1) * (1 - image)).round()
        step = torch.arange(timesteps, device=image.device).view(-1, 1, 1, 1, 1)
        return ((when == step) & (image > 0)).to(image.dtype)
