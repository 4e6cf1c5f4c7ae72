# SPDX-License-Identifier: Apache-2.0
"""The TOML file of a pruning run."""

from __future__ import annotations

from dataclasses import dataclass, field

from golden.contract.errors import UserError
from golden.lab.prune.network_masks import PruneConfig
from golden.lab.train.training_config import TrainConfig


@dataclass(frozen=True)
class QuantConfig:
    """residual_frac_bits: f of the residual grid 2^-f.  calibration: training images for the
    BatchNorm statistics that are then folded and frozen."""

    residual_frac_bits: int = 6
    calibration: int = 12800


@dataclass(frozen=True)
class CodebookConfig:
    """entries: int8 values of a layer's codebook, 0 for none (golden.lab.quantise.codebook)."""

    entries: int = 0


@dataclass(frozen=True)
class PruneRunConfig:
    """A TOML file of `psf prune`: two rounds of training with one schedule each.

    [finetune] trains with batch statistics; the masks are searched, straight-through, for the
    first search_epochs and then frozen. Over the first `ramp` of those the sparsity rises from s =
    ramp_from to its goal g as s + (g - s) (1 - (1 - t)^3) (Zhu and Gupta, arXiv 1710.01878); 0
    prunes at once.
    [qat] trains the folded integer network. Zero epochs skip one.
    """

    search_epochs: int = 1
    ramp: float = 0.0
    ramp_from: float = 0.0
    prune: PruneConfig = field(default_factory=PruneConfig)
    finetune: TrainConfig = field(default_factory=TrainConfig)
    quant: QuantConfig = field(default_factory=QuantConfig)
    codebook: CodebookConfig = field(default_factory=CodebookConfig)
    qat: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.search_epochs > self.finetune.epochs > 0:
            raise UserError(
                f"search_epochs is {self.search_epochs}, finetune.epochs only "
                f"{self.finetune.epochs}"
            )
        if not 0.0 <= self.ramp <= 1.0:
            raise UserError(f"ramp is {self.ramp}, it must be in 0..1")
        if self.ramp and not 0.0 <= self.ramp_from <= self.prune.sparsity:
            raise UserError(f"ramp_from is {self.ramp_from}, it must be in 0..prune.sparsity")
