# SPDX-License-Identifier: Apache-2.0
"""The sizes of the quantised text encoder and its training schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from msgspec import Meta

from golden.contract.settings import Settings
from golden.contract.sizes import Classes
from golden.lab.data.mr import FOLDS
from golden.lab.spikezip.spikezip_config import QatConfig, Sizes, check_epochs
from golden.lab.train.training_config import MOST_EPOCHS, Seed

Share = Meta(ge=0, lt=1)


@dataclass(frozen=True)
class TextConfig(Sizes, table="network"):
    """A post-norm encoder after RoBERTa that reads its answer at the first token."""

    classes: Classes = 2
    length: Annotated[
        int,
        Meta(ge=2, le=4096, description="tokens of a sentence, the one that starts it included; "
             "longer ones are cut"),
    ] = 48  # fmt: skip
    words: Annotated[
        int, Meta(ge=1, le=1_000_000, description="most frequent words that it knows, at the most")
    ] = 5000

    @property
    def tokens(self) -> int:
        """Of the longest sentence."""
        return self.length


@dataclass(frozen=True)
class TextTrainConfig(Settings, table="train"):
    """One run of AdamW under a one-cycle schedule; of the epochs with quantisers the one that
    classifies most sentences of the validation split right counts."""

    seed: Seed = 1
    fold: Annotated[
        int, Meta(ge=0, le=FOLDS - 1, description="of the ten, the one that is the test split")
    ] = 0
    epochs: Annotated[int, Meta(ge=1, le=MOST_EPOCHS, description="passes over the sentences")] = 20
    batch_size: Annotated[int, Meta(ge=1, le=1 << 20, description="sentences of a step")] = 64
    learning_rate: Annotated[float, Meta(gt=0, le=10, description="the peak of the cycle")] = 1e-3
    warmup: Annotated[
        float, Meta(ge=0, le=1, description="share of the steps in which the rate rises")
    ] = 0.2
    weight_decay: Annotated[float, Meta(ge=0, le=10, description="of matrices")] = 0.1
    label_smoothing: Annotated[float, Share, Meta(description="of the loss")] = 0.1
    dropout: Annotated[
        float, Share, Meta(description="share of the activations that are left out")
    ] = 0.3
    word_dropout: Annotated[
        float, Share, Meta(description="share of the words that are made unknown")
    ] = 0.2
    rare: Annotated[
        int, Meta(ge=1, le=1000, description="a word is known that occurs at least so often")
    ] = 2


@dataclass(frozen=True)
class TextRunConfig(Settings):
    """A whole TOML file: what `psf spikezip train-text` needs."""

    network: TextConfig = field(default_factory=TextConfig)
    qat: QatConfig = field(default_factory=QatConfig)
    train: TextTrainConfig = field(default_factory=TextTrainConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_epochs(self.qat, self.train.epochs)
