# SPDX-License-Identifier: Apache-2.0
"""Rank-order coding: the order of the pixels of an image, not their values.

The n pixels that are not 0 are ranked by intensity, the strongest first, and divided over the T
timesteps: rank r of 0..n-1 fires once, at t = floor(r T / n), so that every timestep has n / T
spikes, rounded up or down. Equal pixels keep the order of the image (channel, row, column). It
does not change when the image is made darker or its contrast flatter.
Source: Thorpe and Gautrais, "Rank order coding", Computational Neuroscience: Trends in Research
1998, pp. 113-118. Their decoder weighs a spike by its rank; here all spikes are alike and the
network has to learn from the timestep.
"""

from __future__ import annotations

import torch

from golden.lab.networks.encoders.encoder import Encoder


class RankOrder(Encoder):
    """Image (B, C, H, W) -> spikes (T, B, C, H, W), one per pixel that is not 0."""

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        pixels = image.flatten(1)
        order = pixels.argsort(dim=1, descending=True, stable=True)
        places = torch.arange(pixels.shape[1], device=image.device).expand_as(order)
        rank = torch.empty_like(order).scatter_(1, order, places)
        lit = pixels > 0
        when = rank * timesteps // lit.sum(1, keepdim=True).clamp(min=1)
        step = torch.arange(timesteps, device=image.device).view(-1, 1, 1)
        spikes = (when == step) & lit
        return spikes.unflatten(2, image.shape[1:]).to(image.dtype)
