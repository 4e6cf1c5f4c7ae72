# SPDX-License-Identifier: Apache-2.0
"""The sizes of a spiking network."""

from __future__ import annotations

from dataclasses import dataclass

from golden.contract.errors import UserError
from golden.contract.network import PIXEL_BITS
from golden.contract.normalisation import checked

CHOICES = {
    "backbone": ("spikingformer", "spikformer", "sdt", "sew_resnet", "ms_resnet"),
    "layout": ("cifar", "imagenet", "dvs"),
    "encoder": ("direct", "poisson", "rate", "ttfs", "rank", "phase", "learned"),
    "connect": ("add", "and", "iand"),
    "head": ("sn_fc_avgpool", "sn_avgpool_fc", "fc_avgpool", "avgpool_fc", "avgpool_sn_fc"),
}


POOLED = {"cifar": (3, 4), "imagenet": (1, 2, 3, 4), "dvs": (1, 2, 3, 4)}
NORMALISED = ("direct", "learned")  # encoders that take any real number
UNCHECKED = ("depth", "pooled_stages", "encoder_charge", "mean", "std", "fused")  # own rules
BY_LAYOUT = (-1,)  # pooled_stages as the authors have them in that layout


@dataclass(frozen=True)
class NetworkConfig:
    """<backbone>-<depth>-<dim>. The default is the project's network on Fashion-MNIST.

    depth: blocks of a transformer; weight layers of a ResNet, where 18, 34, 50, 101, 152 (SEW) and
    18, 34, 104 (MS) have the authors' four stages, and any other 6 n + 2 (8, 14, 20, ...) has three
    stages of n blocks.
    dim: width of the last stage, before the fourfold output of a bottleneck (512 in the authors'
    ResNets); the stages before have a half, a quarter, an eighth of it.
    heads: attention heads, head width = dim // heads.  timesteps: T.
    pooled_stages: the tokenizer stages 1..4 in front of which a MaxPool stands, by default those
    of the layout (CIFAR 3, 4; ImageNet and DVS 1, 2, 3, 4).
    ResNets have no use for heads, mlp_ratio and pooled_stages.
    head: 'sn_fc_avgpool' (LIF, FC per token, mean over tokens and T), 'avgpool_fc' (the authors'
    code) and the other orders: golden.lab.networks.backbones.head.
    backbone: golden.lab.networks.backbones.  layout: the authors' variant of its stem.  connect:
    how SEW-ResNet
    joins its branches.  tau: of every LIF; inf does not leak (the authors' SEW-ResNet), 4/3 is the
    authors' MS-ResNet, 1.5 their Spikingformer on DVS data.
    encoder: golden.lab.networks.encoders; encoder_channels: E of the learned one; encoder_charge:
    with what its membranes start, in thresholds, three quarters of it at the most
    (golden.lab.networks.encoders.learned).
    input_timesteps: 1 for images; timesteps for an event camera, a frame for each.  input_bits:
    larger values of the input are clipped to input_max; 8 for pixels, 1 for events that are there
    or not, more for their counts.
    mean, std: of every channel of pixel / 255; the network sees (pixel / 255 - mean) / std, and so
    do its encoder and the padding of its first convolution. Empty: pixel / 255 itself.
    fused: the layers have a bias and no BatchNorm, as in networks from NIR graphs.
    """

    depth: int = 2
    dim: int = 64
    heads: int = 4
    timesteps: int = 4
    in_channels: int = 1
    height: int = 28
    width: int = 28
    classes: int = 10
    mlp_ratio: int = 4
    pooled_stages: tuple[int, ...] = BY_LAYOUT
    head: str = "sn_fc_avgpool"
    backbone: str = "spikingformer"
    layout: str = "cifar"
    connect: str = "add"
    tau: float = 2.0
    encoder: str = "direct"
    encoder_channels: int = 1
    encoder_charge: float = 0.0
    input_timesteps: int = 1
    input_bits: int = 8
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fused: bool = False

    def __post_init__(self) -> None:
        pooled = POOLED.get(self.layout) if self.pooled_stages == BY_LAYOUT else self.pooled_stages
        object.__setattr__(self, "pooled_stages", tuple(pooled or ()))
        pair = checked(self.mean, self.std, self.in_channels)
        for name, values in zip(("mean", "std"), pair, strict=True):
            object.__setattr__(self, name, values)
        if self.mean and self.encoder not in NORMALISED:
            raise UserError(
                f"network.encoder '{self.encoder}' makes spikes of pixels in 0..1, not of "
                "normalised ones; leave network.mean and network.std out"
            )
        for name, value in vars(self).items():
            if name in CHOICES and value not in CHOICES[name]:
                raise UserError(
                    f"network.{name} is '{value}', choose one of {', '.join(CHOICES[name])}"
                )
            if name not in (*CHOICES, *UNCHECKED) and value < 1:
                raise UserError(f"network.{name} is {value}, it must be at least 1")
        if self.input_timesteps not in (1, self.timesteps):
            raise UserError(
                f"network.input_timesteps is {self.input_timesteps}, give 1 for images or "
                f"{self.timesteps} for a frame at every timestep"
            )
        if self.input_bits > PIXEL_BITS:
            raise UserError(f"network.input_bits is {self.input_bits}, at most {PIXEL_BITS} are")
        if not 0 <= self.encoder_charge <= 1:
            raise UserError(
                f"network.encoder_charge is {self.encoder_charge}, it must lie between 0 and 1"
            )
        if self.depth < 0:
            raise UserError(f"network.depth is {self.depth}, it must not be negative")
        if self.dim % 8:
            raise UserError(f"network.dim is {self.dim}, the tokenizer needs a multiple of 8")
        if self.dim % self.heads:
            raise UserError(
                f"network.dim {self.dim} is not a multiple of network.heads {self.heads}"
            )
        if not set(self.pooled_stages) <= {1, 2, 3, 4}:
            raise UserError(f"network.pooled_stages is {self.pooled_stages}, choose among 1 to 4")

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
