# SPDX-License-Identifier: Apache-2.0
"""The classification heads, by the order of their parts (Spikingformer paper, arXiv 2304.11954,
section on the classification head)."""

from __future__ import annotations

import torch
from torch import nn

from golden.lab.networks.lif_neuron import LIF


class Head(nn.Linear):
    """Stream (T, B, N, D) -> logits (B, classes); `kind` is read from left to right.

    avgpool_fc      FC of the mean over tokens and timesteps: one real-valued product per image
                    (the authors' Spikingformer, Spikformer, SEW-ResNet)
    fc_avgpool      FC of every token and timestep, then the mean: real-valued products
    sn_avgpool_fc   LIF, mean, FC: the FC sees counts
    sn_fc_avgpool   LIF, FC, mean: the FC sees spikes, additions only
    avgpool_sn_fc   mean over tokens, LIF, FC, mean over timesteps (Spike-Driven Transformer)

    The mean commutes with the FC, so the kinds with the same LIF give the same logits; all take the
    mean first here. What differs is the hardware: which products there are and how many.
    """

    def __init__(
        self, dim: int, classes: int, kind: str, tau: float = 2.0, threshold: float = 1.0
    ) -> None:
        super().__init__(dim, classes)
        self.kind = kind
        self.lif = LIF(threshold, tau) if "sn" in kind.split("_") else nn.Identity()

    def pooled(self, stream: torch.Tensor) -> torch.Tensor:
        """What the FC sees of a stream (T, B, N, D), as its mean: (B, D)."""
        if self.kind == "avgpool_sn_fc":
            return self.lif(stream.mean(2)).mean(0)
        return self.lif(stream).mean((0, 2))

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        return super().forward(self.pooled(stream))
