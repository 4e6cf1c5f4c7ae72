# SPDX-License-Identifier: Apache-2.0
"""Spikingformer (arXiv 2304.11954) as its authors' code runs it (zhouchenlin2096/Spikingformer,
HEAD 4378623).

Tokenizer: Conv-BN on the image, then four times LIF-Conv-BN; channels D/8, D/4, D/2, D, D. A
MaxPool(k3 s2 p1) stands between LIF and Conv of the last two (layout 'cifar') or of all four
('imagenet', 'dvs'). That is all in which the authors' three models differ, but for their sizes,
for the order of Q K^T V (the same integers) and for tau = 1.5 of the DVS models (`config.tau`).
Block: x += BN(proj(SSA(LIF x))); x += MLP(x), on the real-valued membrane stream; all layers of a
block are 1x1.
SSA: z = LIF_0.5(0.125 * Q (K^T V)) with Q, K, V = LIF(BN(W s)).
With direct encoding the first convolution sees the same image at every timestep, so it runs once
per image.
The LayerNorms and DropPaths that the authors construct but never call are left out; the published
parameter counts (4.15 M, 5.76 M, 9.32 M) are those without them.
"""

from __future__ import annotations

import torch
from torch import nn

from golden.lab.networks.backbones.backbone import over_steps, pixels_last
from golden.lab.networks.backbones.transformer import Block, Transformer
from golden.lab.networks.layers import (
    ConvBN,
    FirstConvBN,
    LinearBN,
    attention_counts,
    max_pool,
)
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.network_config import NetworkConfig

ATTENTION_SCALE, ATTENTION_THRESHOLD = 0.125, 0.5


class Tokenizer(nn.Module):
    """Frames (T, B, E, H, W) -> membrane stream (T, B, N, D). Inside, the channel comes last."""

    def __init__(self, config: NetworkConfig, inputs: int) -> None:
        channels = (inputs, *config.channels[1:])
        super().__init__()
        self.stages = nn.ModuleList(
            (ConvBN if i else FirstConvBN)(channels[i], channels[i + 1]) for i in range(5)
        )
        self.lifs = nn.ModuleList(LIF(tau=config.tau) for _ in range(4))
        self.pooled_stages = config.pooled_stages

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        shape = frames.shape[:2]
        currents = over_steps(self.stages[0], pixels_last(frames))
        for index in range(1, 5):
            spikes = self.lifs[index - 1](currents).flatten(0, 1)
            if index in self.pooled_stages:
                spikes = max_pool(spikes)
            currents = self.stages[index](spikes).unflatten(0, shape)
        return currents.flatten(2, 3)


class SelfAttention(nn.Module):
    """Spiking self-attention: stream (T, B, N, D) -> what is added to it."""

    def __init__(self, dim: int, heads: int, tau: float) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (LinearBN(dim, dim) for _ in range(3))
        self.proj = LinearBN(dim, dim, bias=True)
        self.lif_in, self.lif_q, self.lif_k, self.lif_v = (LIF(tau=tau) for _ in range(4))
        self.lif_out = LIF(ATTENTION_THRESHOLD, tau)

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        spikes = self.lif_in(stream)
        q = self.lif_q(self.q(spikes))
        k = self.lif_k(self.k(spikes))
        v = self.lif_v(self.v(spikes))
        counts = attention_counts(q, k, v, self.heads)
        return self.proj(self.lif_out(counts * ATTENTION_SCALE))


class MLP(nn.Module):
    """Stream (T, B, N, D) -> what is added to it."""

    def __init__(self, dim: int, hidden: int, tau: float) -> None:
        super().__init__()
        self.mlp1 = LinearBN(dim, hidden, bias=True)
        self.mlp2 = LinearBN(hidden, dim, bias=True)
        self.lif_in, self.lif_hidden = LIF(tau=tau), LIF(tau=tau)

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        return self.mlp2(self.lif_hidden(self.mlp1(self.lif_in(stream))))


def block(config: NetworkConfig) -> Block:
    """Attention and MLP on the membrane stream."""
    return Block(
        SelfAttention(config.dim, config.heads, config.tau),
        MLP(config.dim, config.dim * config.mlp_ratio, config.tau),
    )


class Spikingformer(Transformer):
    """Image (B, I, H, W), pixel / 255, or frames (T, B, I, H, W) -> logits (B, classes)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, Tokenizer, block)
