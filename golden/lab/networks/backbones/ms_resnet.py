# SPDX-License-Identifier: Apache-2.0
"""MS-ResNet (arXiv 2112.08954) as its authors' code runs it (Ariande1/MS-ResNet,
models/MS_ResNet.py).

Block on a real-valued membrane stream: x = [neuron-Conv3x3-BN] x2 (x) + shortcut(x). A shortcut
that changes the shape is Conv1x1-BN of the stream itself, so its inputs are real numbers; those of
the other convolutions are spikes. At the end neuron, mean, FC: head 'sn_avgpool_fc'.
Stem, without a neuron: Conv7x7 s2-BN, and depth 104 three Conv3x3 with biases, the first with
stride 2, then BN; its shortcuts are AvgPool2-Conv1x1-BN, and its dropout before the FC is left out.
In layout 'imagenet' the first stage has stride 2, too (they have no pool). Layout 'cifar' (ours,
for small images; 104 is not in it) has the stem Conv3x3-BN and stride 1 in the first stage.

Neuron: theirs is m = x + 0.25 m (1 - spike), spike = m > 0.5. Scaled by 1 / tau = 0.75 this is
`golden.lab.networks.lif_neuron.lif` with tau = 4/3 and a threshold of 0.5 / tau (it fires on the
threshold itself,
theirs does not); with another tau the decay is 1 - 1 / tau. Norms start at gain 0.5, the last of a
block at 0, as theirs.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from golden.contract.errors import UserError
from golden.lab.networks.backbones.backbone import Network, over_steps, pixels_last
from golden.lab.networks.backbones.head import Head
from golden.lab.networks.backbones.resnet import plan
from golden.lab.networks.layers import ConvBN, FirstConvBN
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.network_config import NetworkConfig

BASIC, DEEP, THRESHOLD = (18, 34), 104, 0.5


def threshold(tau: float) -> float:
    """0.5 of a neuron that does not scale its input, for one that divides it by tau."""
    return THRESHOLD if math.isinf(tau) else THRESHOLD / tau


class Block(nn.Module):
    """Stream (T, B, H, W, I) -> (T, B, H / stride, W / stride, O)."""

    def __init__(self, config: NetworkConfig, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.lif1, self.lif2 = (LIF(threshold(config.tau), config.tau) for _ in range(2))
        self.conv1 = ConvBN(inputs, outputs, 3, stride)
        self.conv2 = ConvBN(outputs, outputs)
        self.averaged = config.depth == DEEP
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = ConvBN(inputs, outputs, 1, 1 if self.averaged else stride)
            nn.init.constant_(self.shortcut.norm.weight, THRESHOLD)
        nn.init.constant_(self.conv1.norm.weight, THRESHOLD)
        nn.init.zeros_(self.conv2.norm.weight)

    def forward(self, stream: torch.Tensor) -> torch.Tensor:
        change = over_steps(self.conv1, self.lif1(stream))
        change = over_steps(self.conv2, self.lif2(change))
        if self.shortcut is not None:
            if self.averaged:
                stream = over_steps(_average, stream)
            stream = over_steps(self.shortcut, stream)
        return change + stream


class DeepStem(nn.Module):
    """Pixels (n, H, W, I) -> currents (n, H / 2, W / 2, O): three convolutions with biases."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv3 = FirstConvBN(outputs, outputs, bias=True)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        currents = self.conv2(self.conv1(pixels.permute(0, 3, 1, 2)))
        return self.conv3(currents.permute(0, 2, 3, 1))


class MSResNet(Network):
    """Image (B, I, H, W) or frames (T, B, I, H, W) -> logits (B, classes)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        stages = plan(config, (*BASIC, DEEP))
        width, imagenet = stages.widths[0], config.layout == "imagenet"
        if config.depth == DEEP:
            if not imagenet or config.height % 32 or config.width % 32:
                raise UserError(
                    "network.depth 104 of ms_resnet needs network.layout 'imagenet' and a height "
                    "and width that are multiples of 32"
                )
            self.stem = DeepStem(self.encoder.channels, width)
            nn.init.constant_(self.stem.conv3.norm.weight, THRESHOLD)
        else:
            kernel, stride = (7, 2) if imagenet else (3, 1)
            self.stem = FirstConvBN(self.encoder.channels, width, kernel, stride)
            nn.init.constant_(self.stem.norm.weight, THRESHOLD)
        self.stages = nn.ModuleList()
        for index, (planes, count) in enumerate(zip(stages.widths, stages.blocks, strict=True)):
            stage = nn.Sequential()
            for number in range(count):
                halved = number == 0 and (index > 0 or imagenet)
                stage.append(Block(config, width, planes, 2 if halved else 1))
                width = planes
            self.stages.append(stage)
        self.head = Head(width, config.classes, config.head, config.tau, threshold(config.tau))

    def features(self, frames: torch.Tensor) -> torch.Tensor:
        stream = over_steps(self._widened_stem, pixels_last(frames))
        for stage in self.stages:
            stream = stage(stream)
        return stream.flatten(2, 3)

    def _widened_stem(self, pixels: torch.Tensor) -> torch.Tensor:
        """The stream is kept in no less than float32, also in autocast."""
        currents = self.stem(pixels)
        return currents.to(torch.promote_types(currents.dtype, torch.float32))


def _average(stream: torch.Tensor) -> torch.Tensor:
    """AvgPool k2 s2 of (n, H, W, C)."""
    return functional.avg_pool2d(stream.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
