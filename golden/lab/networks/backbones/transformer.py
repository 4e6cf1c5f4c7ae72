# SPDX-License-Identifier: Apache-2.0
"""What the spiking transformers share: a tokenizer, then blocks that add to a stream.

They differ in their tokenizer, their attention and their MLP.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from golden.lab.networks.backbones.backbone import Network
from golden.lab.networks.backbones.head import Head
from golden.lab.networks.network_config import NetworkConfig


class Block(nn.Module):
    """Shortcuts around attention and around the MLP; each takes the stream (T, B, N, D) and gives
    what is added to it: currents on a membrane stream, spikes on one of integers."""

    def __init__(self, attention: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.attention, self.mlp = attention, mlp

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        stream = stream + self.attention(stream)
        return stream + self.mlp(stream)


class Transformer(Network):
    """Image (B, I, H, W), pixel / 255, or frames (T, B, I, H, W) -> logits (B, classes).

    tokenizer: (config, channels of the frames) -> module, frames (T, B, E, H, W) -> stream.
    block: config -> `Block`.
    """

    def __init__(
        self,
        config: NetworkConfig,
        tokenizer: Callable[[NetworkConfig, int], nn.Module],
        block: Callable[[NetworkConfig], Block],
    ) -> None:
        super().__init__(config)
        self.tokenizer = tokenizer(config, self.encoder.channels)
        self.blocks = nn.ModuleList(block(config) for _ in range(config.depth))
        self.head = Head(config.dim, config.classes, config.head, config.tau)

    def features(self, frames: torch.Tensor) -> torch.Tensor:
        stream = self.tokenizer(frames)
        stream = stream.to(torch.promote_types(stream.dtype, torch.float32))  # also in autocast
        for block in self.blocks:
            stream = block(stream)
        return stream
