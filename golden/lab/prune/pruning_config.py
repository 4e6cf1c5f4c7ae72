# SPDX-License-Identifier: Apache-2.0
"""The TOML file of a pruning run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from golden.contract.errors import UserError
from golden.contract.settings import Settings
from golden.contract.sizes import FracBits
from golden.lab.prune.network_masks import PruneConfig
from golden.lab.train.training_config import MOST_EPOCHS, MOST_IMAGES, RoundConfig


@dataclass(frozen=True)
class QuantConfig(Settings, table="quant"):
    """From floating point to integers."""

    residual_frac_bits: FracBits = 6
    calibration: Annotated[
        int,
        Meta(ge=1, le=MOST_IMAGES, description="training images for the BatchNorm statistics that "
             "are then folded and frozen"),
    ] = 12800  # fmt: skip


@dataclass(frozen=True)
class CodebookConfig(Settings, table="codebook"):
    """golden.lab.quantise.codebook."""

    entries: Annotated[
        int, Meta(ge=0, le=254, description="int8 values of a layer's codebook, 0 for none")
    ] = 0


@dataclass(frozen=True)
class PruneRunConfig(Settings):
    """A TOML file of `psf prune`: two rounds of training with one schedule each.

    [finetune] trains with batch statistics; the masks are searched, straight-through, for the
    first search_epochs and then frozen. Over the first `ramp` of those the sparsity rises from s =
    ramp_from to its goal g as s + (g - s) (1 - (1 - t)^3) (Zhu and Gupta, arXiv 1710.01878); 0
    prunes at once.
    [qat] trains the folded integer network. Zero epochs skip one. silent: see
    golden.lab.prune.silent.
    """

    search_epochs: Annotated[
        int, Meta(ge=0, le=MOST_EPOCHS, description="first epochs of [finetune] that choose masks")
    ] = 1
    ramp: Annotated[
        float, Meta(ge=0, le=1, description="share of those in which the sparsity rises")
    ] = 0.0
    ramp_from: Annotated[float, Meta(ge=0, lt=1, description="the sparsity it rises from")] = 0.0
    silent: Annotated[
        float,
        Meta(ge=0, le=1, description="firing rate over training images below which a channel is "
             "removed, before every epoch of [qat] and at the end; 0 removes none"),
    ] = 0.0  # fmt: skip
    prune: PruneConfig = field(default_factory=PruneConfig)
    finetune: RoundConfig = field(default_factory=RoundConfig)
    quant: QuantConfig = field(default_factory=QuantConfig)
    codebook: CodebookConfig = field(default_factory=CodebookConfig)
    qat: RoundConfig = field(default_factory=RoundConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.search_epochs > self.finetune.epochs > 0:
            raise UserError(
                f"search_epochs is {self.search_epochs}, finetune.epochs only "
                f"{self.finetune.epochs}"
            )
        if self.ramp and self.ramp_from > self.prune.sparsity:
            raise UserError(
                f"ramp_from is {self.ramp_from}, it must be at most prune.sparsity = "
                f"{self.prune.sparsity}"
            )
