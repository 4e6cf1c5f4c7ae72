# SPDX-License-Identifier: Apache-2.0
"""The samples that a checkpoint is tested on: images, or sentences as token numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from golden.contract.errors import UserError
from golden.lab.data import mr
from golden.lab.spikezip.quantised_transformer import QuantTransformer
from golden.lab.spikezip.text_encoder import QuantTextEncoder
from golden.lab.train.checkpoint import trained_on
from golden.lab.train.source import tensors_for

NAMES = {"vit": "images", "roberta": "sentences"}  # by the family of a network


def samples_of(
    model: QuantTransformer, path: Path, limit: int = 0, data: str = "", split: str = "test"
) -> tuple[torch.Tensor, torch.Tensor]:
    """(samples, labels int64 (n,)) of a split for the network of a checkpoint: of the data that it
    was trained on, or of `data`. Sentences: of its own fold. limit: only so many, 0: all."""
    if not isinstance(model, QuantTextEncoder):
        return tensors_for(model, path, split, limit, data)
    if data not in ("", mr.FACTS.name):
        raise UserError(
            f"{path} is a text encoder and takes the sentences of {mr.FACTS.name}: leave --data "
            f"{data} out, or give another checkpoint"
        )
    sentences = mr.load(split, int(trained_on(path).get("fold", 0))).first(limit)
    tokens = model.vocabulary.encode(sentences.words, model.config.length)
    return tokens, torch.from_numpy(sentences.labels)


def record(fold: int) -> dict[str, Any]:
    """What a text encoder's metadata say about the data set it was trained on."""
    entry = mr.FACTS
    return {"name": entry.name, "title": entry.title, "classes": list(entry.labels), "fold": fold}
