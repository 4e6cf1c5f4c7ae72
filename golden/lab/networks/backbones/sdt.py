# SPDX-License-Identifier: Apache-2.0
"""Spike-Driven Transformer (arXiv 2307.01694) as its authors' code runs it
(BICLab/Spike-Driven-Transformer, 3faa822).

LIF-Conv-BN on a real-valued membrane stream, as Spikingformer, with other parts:
Tokenizer (MS_SPS): Conv-BN, three times LIF-[MaxPool]-Conv-BN, channels D/8, D/4, D/2, D; the pool
of stage 4 acts on the real currents; then position: x += BN(Conv(LIF x)).
Attention (SDSA): q, k, v = LIF(BN(W LIF x)) without bias; kv = LIF_0.5(sum of k & v over the
tokens), x += BN(proj(q & kv)), with bias. No product of matrices, no scale: sums of integers at a
threshold of 0.5 with tau = 2, so kv is the OR over the tokens.
MLP: Spikingformer's. Head: 'avgpool_sn_fc'.
Layout 'dvs' (their `dvs_mode`) dilates (MaxPool k3 s1 p1) k and v over the image plane, and k & v
and the result, which then are (heads, N, D / heads), over tokens and channels, as their code does.
Left out: the talking-heads convolution, which they construct but never call (heads^2 parameters a
block), the special case of mlp_ratio 1, and the parametric LIF that an option selects.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from golden.lab.networks.backbones.backbone import over_steps, pixels_last
from golden.lab.networks.backbones.spikingformer import MLP
from golden.lab.networks.backbones.transformer import Block, Transformer
from golden.lab.networks.layers import (
    ConvBN,
    FirstConvBN,
    LinearBN,
    join_heads,
    max_pool,
    split_heads,
)
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.network_config import NetworkConfig

ATTENTION_THRESHOLD = 0.5


class Tokenizer(nn.Module):
    """Frames (T, B, E, H, W) -> membrane stream (T, B, N, D). The last stage is the position
    embedding."""

    def __init__(self, config: NetworkConfig, inputs: int) -> None:
        super().__init__()
        channels = (inputs, *config.channels[1:])
        self.stages = nn.ModuleList(
            (ConvBN if i else FirstConvBN)(channels[i], channels[i + 1]) for i in range(5)
        )
        self.lifs = nn.ModuleList(LIF(tau=config.tau) for _ in range(4))
        self.pooled_stages = config.pooled_stages

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        currents = over_steps(self.stages[0], pixels_last(frames))
        for index in range(1, 4):
            spikes = self.lifs[index - 1](currents)
            if index in self.pooled_stages:
                spikes = over_steps(max_pool, spikes)
            currents = over_steps(self.stages[index], spikes)
        if 4 in self.pooled_stages:
            currents = over_steps(max_pool, currents)
        position = over_steps(self.stages[4], self.lifs[3](currents))
        return (currents + position).flatten(2, 3)


class SelfAttention(nn.Module):
    """Spike-driven self-attention: stream (T, B, N, D) -> what is added to it."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        dim, tau = config.dim, config.tau
        self.heads, self.grid, self.dilated = config.heads, config.grid, config.layout == "dvs"
        self.q, self.k, self.v = (LinearBN(dim, dim) for _ in range(3))
        self.proj = LinearBN(dim, dim, bias=True)
        self.lif_in, self.lif_q, self.lif_k, self.lif_v = (LIF(tau=tau) for _ in range(4))
        self.lif_kv = LIF(ATTENTION_THRESHOLD, tau)

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        spikes = self.lif_in(stream)
        q = self.lif_q(self.q(spikes))
        k = self.lif_k(self.k(spikes))
        v = self.lif_v(self.v(spikes))
        if self.dilated:
            k, v = self._dilate_plane(k), self._dilate_plane(v)
            kv = self._dilate_matrix(k * v)
            return self.proj(self._dilate_matrix(q * self._any(kv)))
        return self.proj(q * self._any(k * v))

    def _any(self, kv: torch.Tensor) -> torch.Tensor:
        """(T, B, N, D) -> (T, B, 1, D)."""
        return self.lif_kv(kv.sum(2, keepdim=True))

    def _dilate_plane(self, spikes: torch.Tensor) -> torch.Tensor:
        """Over the image plane of (T, B, N, D)."""
        plane = spikes.flatten(0, 1).unflatten(1, self.grid)
        return max_pool(plane, stride=1).reshape(spikes.shape)

    def _dilate_matrix(self, spikes: torch.Tensor) -> torch.Tensor:
        """Over tokens and the channels of a head."""
        matrices = split_heads(spikes, self.heads)
        dilated = functional.max_pool2d(matrices.flatten(0, 1), 3, 1, padding=1)
        return join_heads(dilated.unflatten(0, matrices.shape[:2]))


def block(config: NetworkConfig) -> Block:
    """Attention and MLP on the membrane stream."""
    return Block(SelfAttention(config), MLP(config.dim, config.dim * config.mlp_ratio, config.tau))


class SpikeDrivenTransformer(Transformer):
    """Image (B, I, H, W), pixel / 255, or frames (T, B, I, H, W) -> logits (B, classes)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config, Tokenizer, block)
