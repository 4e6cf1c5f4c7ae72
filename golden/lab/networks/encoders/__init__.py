# SPDX-License-Identifier: Apache-2.0
"""Input encoders: an image (B, C, H, W) in 0..1 becomes T timesteps (T, B, E, H, W).

Every encoder is a module made from a NetworkConfig with `channels` (E, what the network sees) and
forward(image, timesteps). All but `Direct` return spikes, 0 or 1 in the dtype of the image, so that
every convolution of the network behind has a binary input; then the first layer differs from
timestep to timestep. A pixel is uint8 / 255: the definitions are exact on these 256 values.
Frames (T, B, C, H, W) of an event camera need no encoder and pass every one unchanged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from golden.lab.networks.encoders.direct import Direct
from golden.lab.networks.encoders.learned import Learned
from golden.lab.networks.encoders.phase import Phase
from golden.lab.networks.encoders.poisson import Poisson
from golden.lab.networks.encoders.rank import RankOrder
from golden.lab.networks.encoders.rate import Rate
from golden.lab.networks.encoders.ttfs import TimeToFirstSpike

if TYPE_CHECKING:
    import torch
    from torch import nn

    from golden.lab.networks.network_config import NetworkConfig

# A class is made from a NetworkConfig; its name here is also in network_config.Encoder.
CLASSES: dict[str, type[nn.Module]] = {
    "direct": Direct,
    "poisson": Poisson,
    "rate": Rate,
    "ttfs": TimeToFirstSpike,
    "rank": RankOrder,
    "phase": Phase,
    "learned": Learned,
}


def build(config: NetworkConfig) -> nn.Module:
    """The encoder that `config.encoder` names; its `channels` are those that the network sees."""
    return CLASSES[config.encoder](config)


def encode(encoder: nn.Module, image: torch.Tensor, timesteps: int) -> torch.Tensor:
    """(T, B, E, H, W) of images (B, C, H, W); frames (T, B, C, H, W) lose all after `timesteps`."""
    return encoder(image, timesteps) if image.dim() == 4 else image[:timesteps]
