# SPDX-License-Identifier: Apache-2.0
"""The sizes of the quantised ViT and its training schedule."""

from __future__ import annotations

from dataclasses import dataclass, field

from golden.contract.errors import UserError
from golden.lab.train.training_config import TrainConfig


@dataclass(frozen=True)
class VitConfig:
    """A pre-norm ViT with a class token, for square grey or colour images.

    size, patch: pixels along an edge; the image has (size // patch)^2 patches.
    heads: attention heads; the head width dim // heads must be a power of four, so that the
    factor 1 / sqrt(width) is a power of two and changes no digit (golden.lab.spikezip.to_spiking).
    level: values an activation can take, a power of two; bits = log2(level).
    weight_bits: bits of a weight, sign included, on one power-of-two step per layer.
    """

    size: int = 28
    in_channels: int = 1
    patch: int = 4
    dim: int = 64
    depth: int = 2
    heads: int = 4
    mlp_ratio: int = 2
    classes: int = 10
    level: int = 16
    weight_bits: int = 8

    @property
    def height(self) -> int:
        """Images are square."""
        return self.size

    @property
    def width(self) -> int:
        """Images are square."""
        return self.size

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise UserError(f"network.{name} is {value}, it must be at least 1")
        if self.size % self.patch:
            raise UserError(
                f"network.size {self.size} is not a multiple of network.patch {self.patch}"
            )
        if self.dim % self.heads:
            raise UserError(
                f"network.dim {self.dim} is not a multiple of network.heads {self.heads}"
            )
        width = self.dim // self.heads
        if width & (width - 1) or width.bit_length() % 2 == 0:
            raise UserError(
                f"network.dim / network.heads is {width}, choose a head width of 4, 16 or 64"
            )
        if self.level < 4 or self.level & (self.level - 1) or self.level > 256:
            raise UserError(f"network.level is {self.level}, choose a power of two from 4 to 256")
        if not 2 <= self.weight_bits <= 8:
            raise UserError(f"network.weight_bits is {self.weight_bits}, choose 2 to 8")

    @property
    def bits(self) -> int:
        """log2(level)."""
        return self.level.bit_length() - 1

    @property
    def tokens(self) -> int:
        """Patches and the class token."""
        return (self.size // self.patch) ** 2 + 1

    @property
    def input_timesteps(self) -> int:
        """Images, no frames."""
        return 1

    @property
    def input_max(self) -> int:
        """The largest value of a pixel."""
        return 255

    @property
    def timesteps(self) -> int:
        """Passes of the quantised ANN per image: one (golden.lab.train.loop logs it)."""
        return 1


@dataclass(frozen=True)
class QatConfig:
    """float_epochs: epochs at the beginning without activation quantisers (signed ones then pass
    their input, unsigned ones are a ReLU); the next batch sets the step sizes, which then learn."""

    float_epochs: int = 2


@dataclass(frozen=True)
class SpikezipConfig:
    """A whole TOML file: what `psf spikezip train` needs."""

    network: VitConfig = field(default_factory=VitConfig)
    qat: QatConfig = field(default_factory=QatConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.qat.float_epochs < self.train.epochs:
            raise UserError(
                f"qat.float_epochs is {self.qat.float_epochs}, it must leave at least one of the "
                f"{self.train.epochs} epochs of train.epochs to the quantisers"
            )
