# SPDX-License-Identifier: Apache-2.0
"""Phase coding: the bits of a pixel, one per timestep, the most significant first.

    s_t = bit 7 - (t mod 8) of round(255 x),  t = 0, 1, ...

With T < 8 the T most significant bits are sent, beyond 8 the period begins anew.
Source: Kim, Kim, Huh, Lee and Choi, "Deep neural networks with weighted spikes", Neurocomputing 311
(2018), 373-386: the spike of phase t weighs 2^-(1 + t mod 8), in all layers. Here that weight is
not applied: the network behind gets plain spikes, has one set of weights for all timesteps and a
leak, by which the early, significant bits even weigh less at the end. What a phase means it has to
learn from the order in time. spikingjelly's `WeightedPhaseEncoder` sends the same bits.
"""

from __future__ import annotations

import torch

from golden.lab.networks.encoders.encoder import Encoder

BITS = 8


class Phase(Encoder):
    """Image (B, C, H, W) -> spikes (T, B, C, H, W)."""

    def forward(self, image: torch.Tensor, timesteps: int) -> torch.Tensor:
        value = (image * 255).round().to(torch.uint8)
        shift = BITS - 1 - torch.arange(timesteps, device=image.device) % BITS
        return (value >> shift.to(torch.uint8).view(-1, 1, 1, 1, 1) & 1).to(image.dtype)
