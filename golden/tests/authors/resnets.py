# SPDX-License-Identifier: Apache-2.0
"""SEW-ResNet and MS-ResNet of their authors, of any width."""

import math

import torch
from torch import nn

from golden.tests.authors.parts import Fire, over


class Container(nn.Module):
    """spikingjelly's SeqToANNContainer of clock_driven: its layers lie in `module`."""

    def __init__(self, *layers):
        super().__init__()
        self.module = nn.Sequential(*layers)

    def forward(self, x):
        return over(self.module, x)


class NewContainer(nn.Sequential):
    """That of activation_based: it is itself the sequence."""

    def forward(self, x):
        return over(super().forward, x)


class SEWBlock(nn.Module):
    def __init__(self, inputs, width, stride, deep, connect, container):
        super().__init__()
        outputs = width * 4 if deep else width
        shapes = [(inputs, width, 3, stride), (width, width, 3, 1)]
        if deep:
            shapes = [(inputs, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1)]
        for i, (a, b, kernel, step) in enumerate(shapes, 1):
            conv = nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False)
            self.add_module(f"conv{i}", container(conv, nn.BatchNorm2d(b)))
            self.add_module(f"sn{i}", Fire(tau=math.inf))
        self.count, self.connect, self.outputs, self.downsample = (
            len(shapes),
            connect,
            outputs,
            None,
        )
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(
                container(conv, nn.BatchNorm2d(outputs)), Fire(tau=math.inf)
            )

    def forward(self, x):
        out = x
        for i in range(1, self.count + 1):
            out = getattr(self, f"sn{i}")(getattr(self, f"conv{i}")(out))
        shortcut = x if self.downsample is None else self.downsample(x)
        if self.connect == "ADD":
            return out + shortcut
        return out * shortcut if self.connect == "AND" else shortcut * (1.0 - out)


class SEWResNet(nn.Module):
    def __init__(self, blocks, deep, width, classes, timesteps, connect, container=Container):
        super().__init__()
        self.timesteps = timesteps
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1, self.sn1 = nn.BatchNorm2d(width), Fire(tau=math.inf)
        inputs = width
        for stage, count in enumerate(blocks):
            layer = nn.Sequential()
            for number in range(count):
                stride = 2 if stage and not number else 1
                layer.append(SEWBlock(inputs, width << stage, stride, deep, connect, container))
                inputs = layer[-1].outputs
            self.add_module(f"layer{stage + 1}", layer)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, image):
        x = self.bn1(self.conv1(image)).repeat(self.timesteps, 1, 1, 1, 1)
        x = over(nn.MaxPool2d(3, 2, 1), self.sn1(x))
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((3, 4)).mean(0))


class Membrane(nn.Module):
    """MS-ResNet's neuron: keeps a quarter, fires above 0.5, is reset to zero."""

    channel = 2

    def forward(self, currents):
        kept, spikes = torch.zeros_like(currents[0]), []
        for current in currents:
            kept = kept + current
            spikes.append((kept > 0.5).to(kept.dtype))
            kept = 0.25 * kept * (1 - spikes[-1])
        return torch.stack(spikes)


class Stepwise(nn.Conv2d):
    def forward(self, x):
        return over(super().forward, x)


class Norm(nn.Module):
    """A norm over time, batch and image in a module of its own."""

    def __init__(self, channels):
        super().__init__()
        self.bn = nn.BatchNorm3d(channels)

    def forward(self, x):
        return self.bn(x.permute(1, 2, 0, 3, 4)).permute(2, 0, 1, 3, 4)


class MSBlock(nn.Module):
    def __init__(self, inputs, outputs, stride, averaged):
        super().__init__()
        self.residual_function = nn.Sequential(
            Membrane(), Stepwise(inputs, outputs, 3, stride, 1, bias=False), Norm(outputs),
            Membrane(), Stepwise(outputs, outputs, 3, 1, 1, bias=False), Norm(outputs),
        )  # fmt: skip
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            if averaged:
                self.shortcut.append(nn.AvgPool3d((1, 2, 2), (1, 2, 2)))
            conv = Stepwise(inputs, outputs, 1, 1 if averaged else stride, bias=False)
            self.shortcut.extend((conv, Norm(outputs)))

    def forward(self, x):
        return self.residual_function(x) + self.shortcut(x)


class MSResNet(nn.Module):
    """deep: the stem and the shortcuts of depth 104."""

    def __init__(self, blocks, deep, width, classes, timesteps):
        super().__init__()
        self.timesteps = timesteps
        stem = [Stepwise(3, width, 7, 2, 3, bias=False)]
        if deep:
            stem = [Stepwise(3, width, 3, 2, 1)]
            stem += [Stepwise(width, width, 3, 1, 1) for _ in range(2)]
        self.conv1 = nn.Sequential(*stem, Norm(width))
        inputs = width
        for stage, count in enumerate(blocks):
            layer = nn.Sequential()
            for number in range(count):
                layer.append(MSBlock(inputs, width << stage, 1 if number else 2, deep))
                inputs = width << stage
            self.add_module(f"conv{stage + 2}_x", layer)
        self.mem_update, self.fc = Membrane(), nn.Linear(inputs, classes)

    def forward(self, image):
        x = self.conv1(image.repeat(self.timesteps, 1, 1, 1, 1))
        for stage in range(2, 6):
            x = getattr(self, f"conv{stage}_x")(x)
        return self.fc(self.mem_update(x).mean((3, 4)).mean(0))
