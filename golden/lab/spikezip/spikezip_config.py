# SPDX-License-Identifier: Apache-2.0
"""The sizes of quantised transformers, and the training schedule of the ViT."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from golden.contract.errors import UserError
from golden.contract.settings import Settings
from golden.contract.sizes import Channels, Classes, MlpRatio
from golden.lab.train.training_config import MOST_EPOCHS, TrainConfig


@dataclass(frozen=True)
class Sizes(Settings, table="network"):
    """What transformers of images and of text have in common.

    The head width dim // heads must be a power of four, so that the factor 1 / sqrt(width) is a
    power of two and changes no digit (golden.lab.spikezip.to_spiking).
    """

    dim: Annotated[int, Meta(ge=4, le=8192, description="width of a token")] = 64
    depth: Annotated[int, Meta(ge=1, le=256, description="blocks")] = 2
    heads: Annotated[
        int, Meta(ge=1, le=1024, description="attention heads, of width 4, 16 or 64")
    ] = 4
    mlp_ratio: MlpRatio = 2
    classes: Classes = 10
    level: Annotated[
        int, Meta(ge=4, le=256, description="values of an activation, a power of two")
    ] = 16
    weight_bits: Annotated[
        int,
        Meta(ge=2, le=8, description="bits of a weight, sign included, on one power-of-two step "
             "per layer"),
    ] = 8  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.dim % self.heads:
            raise UserError(
                f"network.dim {self.dim} is not a multiple of network.heads {self.heads}"
            )
        width = self.dim // self.heads
        if width & (width - 1) or width.bit_length() % 2 == 0:
            raise UserError(
                f"network.dim / network.heads is {width}, choose a head width of 4, 16 or 64"
            )
        if self.level & (self.level - 1):
            raise UserError(f"network.level is {self.level}, it must be a power of two")

    @property
    def bits(self) -> int:
        """log2(level)."""
        return self.level.bit_length() - 1

    @property
    def tokens(self) -> int:
        """Of a sample, at the most."""
        raise NotImplementedError


@dataclass(frozen=True)
class VitConfig(Sizes, table="network"):
    """A pre-norm ViT with a class token, for square grey or colour images of
    (size // patch)^2 patches."""

    size: Annotated[int, Meta(ge=1, le=1024, description="pixels along an edge")] = 28
    in_channels: Channels = 1
    patch: Annotated[int, Meta(ge=1, le=1024, description="pixels along a patch's edge")] = 4

    @property
    def height(self) -> int:
        """Images are square."""
        return self.size

    @property
    def width(self) -> int:
        """Images are square."""
        return self.size

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % self.patch:
            raise UserError(
                f"network.size {self.size} is not a multiple of network.patch {self.patch}"
            )

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
class QatConfig(Settings, table="qat"):
    """Without quantisers, signed ones pass their input and unsigned ones are a ReLU; the first
    batch with them sets the step sizes, which then learn."""

    float_epochs: Annotated[
        int, Meta(ge=0, le=MOST_EPOCHS, description="first epochs, without activation quantisers")
    ] = 2


@dataclass(frozen=True)
class SpikezipConfig(Settings):
    """A whole TOML file: what `psf spikezip train` needs."""

    network: VitConfig = field(default_factory=VitConfig)
    qat: QatConfig = field(default_factory=QatConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_epochs(self.qat, self.train.epochs)


def check_epochs(qat: QatConfig, epochs: int) -> None:
    """UserError unless some of so many epochs have quantisers."""
    if qat.float_epochs >= epochs:
        raise UserError(
            f"qat.float_epochs is {qat.float_epochs}, it must leave at least one of the "
            f"{epochs} epochs of train.epochs to the quantisers"
        )
