# SPDX-License-Identifier: Apache-2.0
"""Float checkpoints: a safetensors file with the network's sizes, beside a .json of how it was
made and its log."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from golden.contract.errors import UserError
from golden.contract.files import write_bytes, write_json
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NetworkConfig


def save_dense(
    path: Path,
    model: nn.Module,
    facts: dict[str, Any],
    log: Path | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write weights and BatchNorm statistics to `path`, `facts` to its .json, the log to its .log.
    The masks of a pruned model are applied, not written. data: the record of the data set
    (golden.lab.data.record)."""
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    for name in [name for name in tensors if name.endswith(".mask")]:
        weight = name.removesuffix("mask") + "weight"
        tensors[weight] = tensors[weight] * tensors.pop(name)
    write_bytes(path, save(tensors, metadata(model.config, data)))
    write_facts(path, facts, log)


def metadata(config: Any, data: Mapping[str, Any] | None) -> dict[str, str]:
    """Of a float checkpoint's file: the network's sizes, and the record of its data."""
    provenance = {"data": dict(data)} if data else {}
    return {
        "config": json.dumps(dataclasses.asdict(config)),
        "provenance": json.dumps(provenance),
    }


def trained_on(path: Path) -> dict[str, Any]:
    """The record of the data that a float checkpoint was trained on. Files from before there were
    records have the name alone, out of the training file in their .json; {} where nothing is
    known."""
    try:
        with safe_open(path, "pt") as stream:
            told = json.loads((stream.metadata() or {}).get("provenance", "{}")).get("data")
        if told is None:
            text = json.loads(path.with_suffix(".json").read_text()).get("config", "")
            name = tomllib.loads(text).get("train", {}).get("data")
            told = {"name": name} if name else {}
    except (OSError, SafetensorError, ValueError, AttributeError):
        return {}
    return dict(told)


def write_facts(path: Path, facts: dict[str, Any], log: Path | None) -> None:
    """The siblings of a checkpoint: <name>.json and <name>.log."""
    write_json(path.with_suffix(".json"), facts, indent=2)
    if log is not None:
        write_bytes(path.with_suffix(".log"), log.read_bytes())


def load_dense(path: Path) -> nn.Module:
    """The model of a float checkpoint; UserError if there is none or it is damaged."""
    if not path.is_file():
        raise UserError(f"checkpoint {path} does not exist; make one with `make train`")
    try:
        with safe_open(path, "pt") as stream:
            config = NetworkConfig(**json.loads((stream.metadata() or {})["config"]))
            model = backbones.build(config)
            names = list(stream.keys())
            model.load_state_dict({name: stream.get_tensor(name) for name in names})
    except (SafetensorError, KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path} is not a float checkpoint ({reason})") from None
    return model


def warm_start(model: nn.Module, path: Path) -> None:
    """Begin with the tensors of a float checkpoint of another encoder or head: all that both
    networks have are copied, the encoder and the head of `model` may be new."""
    source = load_dense(path).state_dict()
    own = model.state_dict()
    new = [name for name in own if name not in source]
    odd = [name for name in new if not name.startswith(("encoder.", "head."))]
    odd += [name for name in own if name in source and own[name].shape != source[name].shape]
    if odd:
        raise UserError(
            f"the network cannot start from {path}: {odd[0]} is missing there or of another shape; "
            "give both the same sizes"
        )
    model.load_state_dict({name: source.get(name, own[name]) for name in own})
