# SPDX-License-Identifier: Apache-2.0
"""Spikformer (arXiv 2209.15425) as its authors' code runs it (ZK-Zhou/spikformer, 6212689).

Every synapse comes first and its neuron after it, Conv/Linear-BN-LIF, and the residual adds spikes
to spikes: the stream holds integers, and the layers of a block are fed integers, not spikes.

Tokenizer (SPS): four times Conv-BN-LIF, channels D/8, D/4, D/2, D, a MaxPool(k3 s2 p1) of the
spikes after the last two (layout 'cifar') or after all ('imagenet', 'dvs'); then the relative
position embedding: x += LIF(BN(Conv x)), values 0..2.
Block: x += LIF(BN(proj(SSA x))); x += MLP(x) with MLP = [Linear-BN-LIF] x2.
SSA: LIF_0.5(scale * Q K^T V), Q, K, V = LIF(BN(W x)); scale 0.125, in layout 'dvs' 0.25.
W has a bias in layout 'cifar' alone; proj and the MLP always have one. Head of the authors:
'avgpool_fc'. What they construct but never call (LayerNorms, a position vector, dropout, `res_lif`)
is left out.
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

ATTENTION_SCALE = {"cifar": 0.125, "imagenet": 0.125, "dvs": 0.25}
ATTENTION_THRESHOLD = 0.5


class Tokenizer(nn.Module):
    """Frames (T, B, E, H, W) -> (T, B, N, D) in 0..2. The last stage is the position embedding."""

    def __init__(self, config: NetworkConfig, inputs: int) -> None:
        super().__init__()
        channels = (inputs, *config.channels[1:])
        self.stages = nn.ModuleList(
            (ConvBN if i else FirstConvBN)(channels[i], channels[i + 1]) for i in range(5)
        )
        self.lifs = nn.ModuleList(LIF(tau=config.tau) for _ in range(5))
        self.pooled_stages = config.pooled_stages

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        spikes = pixels_last(frames)
        for index in range(4):
            spikes = self.lifs[index](over_steps(self.stages[index], spikes))
            if index + 1 in self.pooled_stages:
                spikes = over_steps(max_pool, spikes)
        position = self.lifs[4](over_steps(self.stages[4], spikes))
        return (position + spikes).flatten(2, 3)


class SelfAttention(nn.Module):
    """Stream (T, B, N, D) -> spikes to add to it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        dim, tau, bias = config.dim, config.tau, config.layout == "cifar"
        self.heads, self.scale = config.heads, ATTENTION_SCALE[config.layout]
        self.q, self.k, self.v = (LinearBN(dim, dim, bias) for _ in range(3))
        self.proj = LinearBN(dim, dim, bias=True)
        self.lif_q, self.lif_k, self.lif_v, self.lif_proj = (LIF(tau=tau) for _ in range(4))
        self.lif_out = LIF(ATTENTION_THRESHOLD, tau)

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        q = self.lif_q(self.q(stream))
        k = self.lif_k(self.k(stream))
        v = self.lif_v(self.v(stream))
        counts = attention_counts(q, k, v, self.heads)
        return self.lif_proj(self.proj(self.lif_out(counts * self.scale)))


class MLP(nn.Module):
    """Stream (T, B, N, D) -> spikes to add to it."""

    def __init__(self, dim: int, hidden: int, tau: float) -> None:
        super().__init__()
        self.mlp1 = LinearBN(dim, hidden, bias=True)
        self.mlp2 = LinearBN(hidden, dim, bias=True)
        self.lif_hidden, self.lif_out = LIF(tau=tau), LIF(tau=tau)

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        return self.lif_out(self.mlp2(self.lif_hidden(self.mlp1(stream))))


def block(config: NetworkConfig) -> Block:
    """Attention and MLP, which add spikes to the integer stream."""
    return Block(SelfAttention(config), MLP(config.dim, config.dim * config.mlp_ratio, config.tau))


class Spikformer(Transformer):
    """Image (B, I, H, W), pixel / 255, or frames (T, B, I, H, W) -> logits (B, classes)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, Tokenizer, block)
