# SPDX-License-Identifier: Apache-2.0
"""ResNet with ReLU, no spiking network: the teacher of one (golden.lab.train.distillation).

Block as in He et al., arXiv 1512.03385, section 3.2: relu(Conv3x3-BN (relu(Conv3x3-BN (x))) + x);
a block that changes the shape has Conv1x1-BN of x in its place (option B there). Stages are those
of golden.lab.networks.backbones.resnet, at full size, without a pool behind the stem.
"""

from __future__ import annotations

import torch
from torch import nn

from golden.contract.errors import UserError
from golden.lab.networks.backbones.backbone import Network, over_steps, pixels_last
from golden.lab.networks.backbones.head import Head
from golden.lab.networks.backbones.resnet import plan
from golden.lab.networks.layers import ConvBN, FirstConvBN
from golden.lab.networks.network_config import NetworkConfig

HEADS = ("avgpool_fc", "fc_avgpool")


class Block(nn.Module):
    """Values (n, H, W, I) -> (n, H / stride, W / stride, O)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = ConvBN(inputs, outputs, 3, stride)
        self.conv2 = ConvBN(outputs, outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = None if same else ConvBN(inputs, outputs, 1, stride)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        change = self.conv2(self.conv1(values).relu())
        return (change + (self.shortcut(values) if self.shortcut else values)).relu()


class ReLUResNet(Network):
    """Image (B, I, H, W) -> logits (B, classes), in one timestep."""

    def __init__(self, config: NetworkConfig) -> None:
        if config.timesteps != 1 or config.encoder != "direct" or config.head not in HEADS:
            raise UserError(
                "resnet has no neurons: set network.timesteps = 1, network.encoder = 'direct' and "
                f"network.head = '{HEADS[0]}'"
            )
        super().__init__(config)
        stages = plan(config, (18, 34))
        width = stages.widths[0]
        self.stem = FirstConvBN(self.encoder.channels, width)
        self.blocks = nn.Sequential()
        for index, (planes, count) in enumerate(zip(stages.widths, stages.blocks, strict=True)):
            for number in range(count):
                self.blocks.append(Block(width, planes, 2 if index and number == 0 else 1))
                width = planes
        self.head = Head(width, config.classes, config.head)

    def features(self, frames: torch.Tensor) -> torch.Tensor:
        values = over_steps(lambda x: self.stem(x).relu(), pixels_last(frames))
        return over_steps(self.blocks, values).flatten(2, 3)
