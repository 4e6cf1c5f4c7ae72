# SPDX-License-Identifier: Apache-2.0
"""Input encoders: an image (B, C, H, W) in 0..1 becomes T timesteps (T, B, E, H, W).

Every encoder is a module made from a NetworkConfig with `channels` (E, what the network sees) and
forward(image, timesteps). All but `Direct` return spikes, 0 or 1 in the dtype of the image, so that
every convolution of the network behind has a binary input; then the first layer differs from
timestep to timestep. A pixel is uint8 / 255: the definitions are exact on these 256 values.
Frames (T, B, C, H, W) of an event camera need no encoder and pass every one unchanged.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

    from golden.lab.networks.spikingformer.config import NetworkConfig

_CLASSES = {
    "direct": "golden.lab.networks.encoders.direct:Direct",
    "poisson": "golden.lab.networks.encoders.poisson:Poisson",
    "rate": "golden.lab.networks.encoders.rate:Rate",
    "ttfs": "golden.lab.networks.encoders.ttfs:TimeToFirstSpike",
    "rank": "golden.lab.networks.encoders.rank:RankOrder",
    "phase": "golden.lab.networks.encoders.phase:Phase",
    "learned": "golden.lab.networks.encoders.learned:Learned",
}


def build(config: NetworkConfig) -> nn.Module:
    """The encoder that `config.encoder` names; its `channels` are those that the network sees."""
    module, _, name = _CLASSES[config.encoder].partition(":")
    return getattr(import_module(module), name)(config)


def encode(encoder: nn.Module, image: torch.Tensor, timesteps: int) -> torch.Tensor:
    """(T, B, E, H, W) of images (B, C, H, W); frames (T, B, C, H, W) lose all after `timesteps`."""
    return encoder(image, timesteps) if image.dim() == 4 else image[:timesteps]
