# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a frozen QuantViT: safetensors with the sizes, beside .json facts and a .log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from golden.contract import checkpoint
from golden.contract.errors import UserError
from golden.contract.paths import CHECKPOINTS
from golden.lab.spikezip.spikezip_config import VitConfig
from golden.lab.spikezip.vit import QuantViT, freeze
from golden.lab.train.checkpoint import fill, metadata, save_tensors, write_facts

FOLDER = CHECKPOINTS / "spikezip"


def save(
    path: Path,
    model: QuantViT,
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
    save_tensors(path, "vit", tensors, metadata(model.config, data))
    write_facts(path, facts, log)


def load(path: Path) -> QuantViT:
    """The frozen float64 model of a checkpoint; UserError if there is none or it is damaged."""
    hint = f"make one with `psf spikezip train --config golden/configs/spikezip/{path.stem}.toml`"
    contents = checkpoint.read(path, "vit", hint)
    try:
        return freeze(fill(QuantViT(VitConfig(**contents.config)), contents))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} does not hold the tensors of its own configuration ({reason[:200]}); make it "
            "again"
        ) from None


def facts(path: Path) -> dict[str, Any]:
    """What the .json beside a checkpoint says; UserError if it cannot be read."""
    path = path.with_suffix(".json")
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path}, the facts of a checkpoint, cannot be read: {error}") from None
