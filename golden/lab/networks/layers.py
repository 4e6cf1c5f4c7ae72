# SPDX-License-Identifier: Apache-2.0
"""The parts that spiking networks share: convolution and token-wise linear layer (a 1x1
convolution), each with BatchNorm, the pool and the attention product. The channel comes last."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional, grad


class Synapses(nn.Module):
    """A convolution or linear layer: each of its inputs is read by weights (O, I, ...)."""

    stride = 1

    def weight_used(self) -> torch.Tensor:
        """The weight (O, I, ...) of the last forward pass, pruned ones 0, without a gradient."""
        raise NotImplementedError

    @torch.no_grad()
    def readers(self, places: tuple[int, ...]) -> torch.Tensor:
        """How many weights that are not 0 read each value of an input (H, W, I) of a convolution,
        or (N, I) of a linear layer. A tap outside the output map reads nothing."""
        weight = self.weight_used()
        present = (weight != 0).sum(0, keepdim=True).to(weight)
        if weight.dim() == 2:
            return present.expand(places)
        height, width, channels = places
        padding, (rows, columns) = weight.shape[-1] // 2, (-(-x // self.stride) for x in places[:2])
        each = grad.conv2d_input(
            (1, channels, height, width), present, present.new_ones(1, 1, rows, columns),
            self.stride, padding,
        )  # fmt: skip
        return each[0].permute(1, 2, 0)


class _SynapseBN(Synapses):
    """weight (O, I, ...), optional bias (O,), BatchNorm (or none, where it is fused), and a pruning
    mask of the weight's shape (ones: dense)."""

    def __init__(self, shape: tuple[int, ...], bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(shape[0])) if bias else None
        nn.init.kaiming_uniform_(
            self.weight, a=5**0.5
        )  # torch's default for convolutions and linear layers
        if bias:
            bound = self.weight[0].numel() ** -0.5
            nn.init.uniform_(self.bias, -bound, bound)
        self.norm = nn.BatchNorm1d(shape[0])
        self.register_buffer("mask", torch.ones(shape), persistent=False)
        self.searching = False  # while True, masked weights get gradients and may come back

    def masked_weight(self) -> torch.Tensor:
        """The weight as used; straight-through while the mask is still being searched."""
        masked = self.weight * self.mask
        return self.weight + (masked - self.weight).detach() if self.searching else masked

    def weight_used(self) -> torch.Tensor:
        return (self.weight * self.mask).detach()

    @property
    def gain(self) -> torch.Tensor:
        """What the norm multiplies every output with, in evaluation, (O,)."""
        if isinstance(self.norm, nn.Identity):
            return torch.ones_like(self.weight.flatten(1)[:, 0])
        return self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias (O,) of the layer with its norm in them, as in evaluation:
        W' = W gain, b' = (b - mean) gain + beta, gain = gamma / sqrt(var + eps)."""
        weight, norm = self.masked_weight(), self.norm
        if isinstance(norm, nn.Identity):
            return weight, self.bias
        bias = -norm.running_mean if self.bias is None else self.bias - norm.running_mean
        weight = weight * self.gain.view(-1, *[1] * (weight.dim() - 1))
        return weight, bias * self.gain + norm.bias

    @torch.no_grad()
    def fuse(self) -> None:
        """From now on this layer has a bias and no norm, and computes the same."""
        weight, bias = self.folded()
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        self.norm = nn.Identity()

    def normalise(self, currents: torch.Tensor) -> torch.Tensor:
        """BatchNorm of (..., O) over all leading dimensions."""
        shape = currents.shape
        return self.norm(currents.reshape(-1, shape[-1])).view(shape)


class ConvBN(_SynapseBN):
    """Convolution of odd kernel width, padded by its half. Spikes or pixels (n, H, W, I) ->
    currents (n, ceil(H / stride), ceil(W / stride), O)."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__((outputs, inputs, kernel, kernel), bias=bias)
        self.stride = stride

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        weight = self.masked_weight().contiguous(memory_format=torch.channels_last)
        currents = functional.conv2d(
            spikes.permute(0, 3, 1, 2), weight, self.bias, self.stride, weight.shape[-1] // 2
        )
        return self.normalise(currents.permute(0, 2, 3, 1))


class FirstConvBN(ConvBN):
    """The convolution that sees the image: its inputs are no spikes, and it is never pruned."""


class LinearBN(_SynapseBN):
    """Spikes (..., I) -> currents (..., O)."""

    def __init__(self, inputs: int, outputs: int, bias: bool = False) -> None:
        super().__init__((outputs, inputs), bias=bias)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        return self.normalise(functional.linear(spikes, self.masked_weight(), self.bias))


def max_pool(values: torch.Tensor, stride: int = 2) -> torch.Tensor:
    """MaxPool k3 p1 of (n, H, W, C): on spikes, the OR of nine."""
    pooled = functional.max_pool2d(values.permute(0, 3, 1, 2), 3, stride, padding=1)
    return pooled.permute(0, 2, 3, 1)


def split_heads(spikes: torch.Tensor, heads: int) -> torch.Tensor:
    """(T, B, N, D) -> (T, B, heads, N, D / heads)."""
    return spikes.unflatten(-1, (heads, -1)).transpose(2, 3)


def join_heads(values: torch.Tensor) -> torch.Tensor:
    """(T, B, heads, N, D / heads) -> (T, B, N, D)."""
    return values.transpose(2, 3).flatten(3)


def attention_counts(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, heads: int) -> torch.Tensor:
    """Q (K^T V) of spikes (T, B, N, D): integers, and so equal to (Q K^T) V, of the same shape."""
    q, k, v = (split_heads(spikes, heads) for spikes in (q, k, v))
    return join_heads(q @ (k.transpose(-1, -2) @ v))
