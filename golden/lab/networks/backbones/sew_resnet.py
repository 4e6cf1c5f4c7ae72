# SPDX-License-Identifier: Apache-2.0
"""SEW-ResNet (arXiv 2102.04159) as its authors' ImageNet code runs it
(fangwei123456/Spike-Element-Wise-ResNet, imagenet/sew_resnet.py).

Conv-BN-neuron units; a block joins its spikes S with those of its shortcut X, element by element:
    'add'   S + X       integers that grow with the depth
    'and'   S * X       spikes
    'iand'  X * (1 - S) spikes
A shortcut that changes the shape is Conv1x1-BN-neuron. Stem: Conv7x7 s2-BN-neuron-MaxPool(k3 s2 p1)
in layout 'imagenet', Conv3x3-BN-neuron in layout 'cifar' (ours, for small images). Depth 50 and
above has bottlenecks (1x1, 3x3 with the stride, 1x1 of fourfold width). The authors' neuron is
integrate-and-fire: `tau = inf`; their head 'avgpool_fc'.

Initialisation: He, fan out. With 'and' the last norm of a block starts at gain 0, bias 1, their
`zero_init_residual`: S = 1 everywhere, the block is the identity; otherwise no spike would survive.
"""

from __future__ import annotations

import torch
from torch import nn

from golden.lab.networks.backbones.backbone import Network, over_steps, pixels_last
from golden.lab.networks.backbones.head import Head
from golden.lab.networks.backbones.resnet import plan
from golden.lab.networks.layers import ConvBN, FirstConvBN, max_pool
from golden.lab.networks.lif_neuron import LIF
from golden.lab.networks.network_config import NetworkConfig

BASIC, BOTTLENECK, EXPANSION = (18, 34), (50, 101, 152), 4


class Block(nn.Module):
    """Spikes or counts (T, B, H, W, I) -> (T, B, H / stride, W / stride, O)."""

    def __init__(self, config: NetworkConfig, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.connect = config.connect
        outputs = width
        shapes = [(inputs, width, 3, stride), (width, width, 3, 1)]
        if config.depth in BOTTLENECK:
            outputs = width * EXPANSION
            shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        self.convs = nn.ModuleList(ConvBN(*shape) for shape in shapes)
        self.lifs = nn.ModuleList(LIF(tau=config.tau) for _ in shapes)
        self.shortcut = None
        if stride != 1 or inputs != outputs:
            self.shortcut = ConvBN(inputs, outputs, 1, stride)
            self.lif_shortcut = LIF(tau=config.tau)
        self.outputs = outputs

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        spikes = values
        for conv, lif in zip(self.convs, self.lifs, strict=True):
            spikes = lif(over_steps(conv, spikes))
        if self.shortcut is not None:
            values = self.lif_shortcut(over_steps(self.shortcut, values))
        if self.connect == "add":
            return spikes + values
        return spikes * values if self.connect == "and" else values * (1 - spikes)


class SEWResNet(Network):
    """Image (B, I, H, W) or frames (T, B, I, H, W) -> logits (B, classes)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        stages = plan(config, (*BASIC, *BOTTLENECK))
        width, self.pooled = stages.widths[0], config.layout == "imagenet"
        kernel, stride = (7, 2) if self.pooled else (3, 1)
        self.stem = FirstConvBN(self.encoder.channels, width, kernel, stride)
        self.lif_stem = LIF(tau=config.tau)
        self.stages = nn.ModuleList()
        for index, (planes, count) in enumerate(zip(stages.widths, stages.blocks, strict=True)):
            stage = nn.Sequential()
            for number in range(count):
                stage.append(Block(config, width, planes, 2 if index and not number else 1))
                width = stage[-1].outputs
            self.stages.append(stage)
        self.head = Head(width, config.classes, config.head, config.tau)
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, ConvBN):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if isinstance(module, Block) and module.connect == "and":
                nn.init.zeros_(module.convs[-1].norm.weight)
                nn.init.ones_(module.convs[-1].norm.bias)

    def features(self, frames: torch.Tensor) -> torch.Tensor:
        spikes = self.lif_stem(over_steps(self.stem, pixels_last(frames)))
        if self.pooled:
            spikes = over_steps(max_pool, spikes)
        for stage in self.stages:
            spikes = stage(spikes)
        return spikes.flatten(2, 3)
