# SPDX-License-Identifier: Apache-2.0
"""Checkpoints of a frozen QuantViT: safetensors with the sizes, beside .json facts and a .log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from golden.contract.errors import UserError
from golden.contract.files import replacing
from golden.contract.paths import CHECKPOINTS
from golden.lab.spikezip.spikezip_config import VitConfig
from golden.lab.spikezip.vit import QuantViT, freeze
from golden.lab.train.checkpoint import metadata, write_facts

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
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata(model.config, data))
    write_facts(path, facts, log)


def load(path: Path) -> QuantViT:
    """The frozen float64 model of a checkpoint; UserError if there is none or it is damaged."""
    if not path.is_file():
        raise UserError(
            f"checkpoint {path} does not exist; make one with `psf spikezip train "
            f"--config golden/configs/spikezip/{path.stem}.toml`"
        )
    try:
        with safe_open(path, "pt") as stream:
            config = VitConfig(**json.loads((stream.metadata() or {})["config"]))
            model = QuantViT(config)
            model.load_state_dict({name: stream.get_tensor(name) for name in stream.keys()})  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is not a checkpoint of a quantised ViT ({reason})") from None
    return freeze(model)


def facts(path: Path) -> dict[str, Any]:
    """What the .json beside a checkpoint says; UserError if it cannot be read."""
    path = path.with_suffix(".json")
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path}, the facts of a checkpoint, cannot be read: {error}") from None
