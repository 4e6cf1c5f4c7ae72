# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of frozen quantised transformers: safetensors with the sizes, beside .json facts and
a .log. That of a text encoder holds its vocabulary as the tensor VOCABULARY, one word a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from golden.contract import checkpoint
from golden.contract.errors import UserError
from golden.contract.paths import CHECKPOINTS
from golden.lab.spikezip.quantised_transformer import QuantTransformer, freeze
from golden.lab.spikezip.spikezip_config import VitConfig
from golden.lab.spikezip.text_config import TextConfig
from golden.lab.spikezip.text_encoder import QuantTextEncoder
from golden.lab.spikezip.vit import QuantViT
from golden.lab.spikezip.vocabulary import Vocabulary
from golden.lab.train.checkpoint import fill, metadata, save_tensors, write_facts

FOLDER = CHECKPOINTS / "spikezip"
VOCABULARY = "vocabulary"


def save(
    path: Path,
    model: QuantTransformer,
    facts: dict[str, Any],
    log: Path | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write a frozen model to `path` (float32: a frozen weight has at most 24 bits), `facts` to
    its .json, the log to its .log. data: the record of the data set."""
    tensors = {
        name: tensor.float().contiguous() if tensor.is_floating_point() else tensor
        for name, tensor in model.state_dict().items()
    }
    kind = "vit"
    if isinstance(model, QuantTextEncoder):
        words = model.vocabulary.to_bytes()
        kind, tensors[VOCABULARY] = "text", torch.frombuffer(bytearray(words), dtype=torch.uint8)
    save_tensors(path, kind, tensors, metadata(model.config, data))
    write_facts(path, facts, log)


def load(path: Path, kind: str = "") -> QuantTransformer:
    """The frozen float64 model of a checkpoint of one kind of checkpoint.SPIKEZIP, '' for any of
    them; UserError if there is none, it is of another kind or damaged."""
    wanted = kind or "vit"
    hint = f"make one with `{checkpoint.SPIKEZIP[wanted]}`"
    if not kind and (found := checkpoint.kind_of(path, hint)) in checkpoint.SPIKEZIP:
        wanted = found
    contents = checkpoint.read(path, wanted, hint)
    try:
        return freeze(fill(_text(contents) if wanted == "text" else _vit(contents), contents))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (TypeError, RuntimeError, KeyError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} does not hold the tensors of its own configuration ({reason[:200]}); make it "
            "again"
        ) from None


def _vit(contents: checkpoint.Contents) -> QuantViT:
    return QuantViT(VitConfig(**contents.config))


def _text(contents: checkpoint.Contents) -> QuantTextEncoder:
    """Takes the vocabulary out of the tensors."""
    config = TextConfig(**contents.config)
    words = contents.tensors.pop(VOCABULARY)
    return QuantTextEncoder(config, Vocabulary.from_bytes(words.tobytes()))
