# SPDX-License-Identifier: Apache-2.0
"""Poisson rate coding: at every timestep a pixel fires with the probability of its value.

In discrete time the Poisson process is a Bernoulli draw per timestep, as spikingjelly's
`PoissonEncoder` and snnTorch's `spikegen.rate` make it; used as input of deep networks since
Diehl et al., "Fast-classifying, high-accuracy spiking deep networks", IJCNN 2015.
"""

from __future__ import annotations

import zlib

import torch

from golden.lab.networks.encoders.encoder import Encoder

EVALUATION_SEED = 1


class Poisson(Encoder):
    """Image (B, C, H, W) -> spikes (T, B, C, H, W), s_t = (u_t < x) with u_t uniform in [0, 1).

    Training: fresh draws from torch's global generator, which the training loop seeds and keeps in
    its checkpoints. Evaluation: the draws of an image are seeded by its own pixels, so that its
    spikes depend neither on its batch nor on how often it was seen; those of T timesteps are the
    first of those of more.
    """

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        if self.training:
            draws = torch.rand(timesteps, *image.shape, device=image.device)
        else:
            draws = torch.stack([_draws(one, timesteps) for one in image.cpu()], 1)
        return (draws.to(image.device) < image).to(image.dtype)


def _draws(image: torch.Tensor, timesteps: int) -> torch.Tensor:
    """(T, C, H, W) for one image (C, H, W)."""
    pixels = (image * 255).round().to(torch.uint8)
    seed = zlib.crc32(pixels.contiguous().numpy().tobytes(), EVALUATION_SEED)
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.rand(image.shape, generator=generator) for _ in range(timesteps)])
