# SPDX-License-Identifier: Apache-2.0
"""The sizes of a spiking network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from msgspec import Meta

from golden.contract.errors import UserError
from golden.contract.settings import Settings
from golden.contract.sizes import (
    Channels,
    Classes,
    Heads,
    Height,
    InputBits,
    InputTimesteps,
    Mean,
    MlpRatio,
    Std,
    Timesteps,
    Width,
    check_sizes,
)

Backbone = Literal["spikingformer", "spikformer", "sdt", "sew_resnet", "ms_resnet"]
NEURONLESS = "resnet"  # the one that does not spike, a teacher
Encoder = Literal["direct", "poisson", "rate", "ttfs", "rank", "phase", "learned"]
ENCODERS = get_args(Encoder)
POOLED = {"cifar": (3, 4), "imagenet": (1, 2, 3, 4), "dvs": (1, 2, 3, 4)}
NORMALISED = ("direct", "learned")  # encoders that take any real number


@dataclass(frozen=True)
class NetworkConfig(Settings, table="network"):
    """<backbone>-<depth>-<dim>. The default is the project's network on Fashion-MNIST.

    depth: blocks of a transformer; weight layers of a ResNet, where 18, 34, 50, 101, 152 (SEW), 18,
    34, 104 (MS) and 18, 34 (ReLU) have the authors' four stages, and any other 6 n + 2 (8, 14, 20,
    ...) has three stages of n blocks.
    dim: width of the last stage, before the fourfold output of a bottleneck (512 in the authors'
    ResNets); the stages before have a half, a quarter, an eighth of it.
    ResNets have no use for heads, mlp_ratio and pooled_stages.
    head: golden.lab.networks.backbones.head.  backbone: golden.lab.networks.backbones.
    tau: inf does not leak (the authors' SEW-ResNet), 4/3 is the authors' MS-ResNet, 1.5 their
    Spikingformer on DVS data.
    encoder, encoder_channels, encoder_charge: golden.lab.networks.encoders.
    input_bits: larger values of the input are clipped to input_max.
    mean, std: the network sees (pixel / 255 - mean) / std, and so do its encoder and the padding of
    its first convolution. Empty: pixel / 255 itself.
    """

    depth: Annotated[
        int, Meta(ge=0, le=256, description="blocks of a transformer, weight layers of a ResNet")
    ] = 2
    dim: Annotated[
        int, Meta(ge=8, le=8192, multiple_of=8, description="width of a token or the last stage")
    ] = 64
    heads: Heads = 4
    timesteps: Timesteps = 4
    in_channels: Channels = 1
    height: Height = 28
    width: Width = 28
    classes: Classes = 10
    mlp_ratio: MlpRatio = 4
    pooled_stages: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=4)], ...] | None,
        Meta(description="tokenizer stages behind a pool; default: those of the layout, 3 and 4 "
             "(cifar) or 1 to 4"),
    ] = None  # fmt: skip
    head: Annotated[
        Literal["sn_fc_avgpool", "sn_avgpool_fc", "fc_avgpool", "avgpool_fc", "avgpool_sn_fc"],
        Meta(description="order of LIF (sn), linear layer (fc) and mean over tokens and T"),
    ] = "sn_fc_avgpool"
    backbone: Annotated[Literal[Backbone, "resnet"], Meta(description="family of networks")] = (
        "spikingformer"
    )
    layout: Annotated[
        Literal["cifar", "imagenet", "dvs"], Meta(description="the authors' variant of the stem")
    ] = "cifar"
    connect: Annotated[
        Literal["add", "and", "iand"], Meta(description="how SEW-ResNet joins its branches")
    ] = "add"
    tau: Annotated[
        float, Meta(ge=1, description="time constant of every LIF, `inf` does not leak")
    ] = 2.0
    encoder: Annotated[Encoder, Meta(description="from pixels to spikes")] = "direct"
    encoder_channels: Annotated[
        int, Meta(ge=1, le=1024, description="channels of the learned encoder")
    ] = 1
    encoder_charge: Annotated[
        float,
        Meta(ge=0, le=1, description="what the membranes of the learned encoder start with, in "
             "thresholds, three quarters of it at the most"),
    ] = 0.0  # fmt: skip
    input_timesteps: InputTimesteps = 1
    input_bits: InputBits = 8
    mean: Mean = ()
    std: Std = ()
    fused: Annotated[
        bool, Meta(description="layers have a bias and no BatchNorm, as from NIR graphs")
    ] = False

    def __post_init__(self) -> None:
        if self.pooled_stages is None:
            object.__setattr__(self, "pooled_stages", POOLED.get(str(self.layout)))
        super().__post_init__()
        check_sizes(self)
        if self.mean and self.encoder not in NORMALISED:
            raise UserError(
                f"network.encoder '{self.encoder}' makes spikes of pixels in 0..1, not of "
                "normalised ones; leave network.mean and network.std out"
            )

    @property
    def input_max(self) -> int:
        """The largest value of the input."""
        return (1 << self.input_bits) - 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one input: (C, H, W), or (T, C, H, W) for frames."""
        frames = (self.input_timesteps,) if self.input_timesteps > 1 else ()
        return (*frames, self.in_channels, self.height, self.width)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the image and after each of the five tokenizer stages."""
        d = self.dim
        return (self.in_channels, d // 8, d // 4, d // 2, d, d)

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the token grid: a pool with k3 s2 p1 halves, rounding up."""
        height, width = self.height, self.width
        for _ in self.pooled_stages:
            height, width = (height + 1) // 2, (width + 1) // 2
        return height, width

    @property
    def tokens(self) -> int:
        """N."""
        return self.grid[0] * self.grid[1]
