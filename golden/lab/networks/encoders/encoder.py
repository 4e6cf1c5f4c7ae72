# SPDX-License-Identifier: Apache-2.0
"""What all encoders are: modules made from a NetworkConfig, with the channels that they give."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from golden.lab.networks.network_config import NetworkConfig


class Encoder(nn.Module):
    """forward(image (B, C, H, W), timesteps T) -> (T, B, channels, H, W)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.channels = config.in_channels  # what the network behind sees
