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

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from golden.contract import checkpoint
from golden.contract.errors import UserError
from golden.contract.files import write_bytes, write_json
from golden.lab.networks import backbones
from golden.lab.networks.network_config import NEURONLESS, NetworkConfig


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
    save_tensors(path, "float", tensors, metadata(model.config, data))
    write_facts(path, facts, log)


def save_tensors(
    path: Path, kind: str, tensors: Mapping[str, torch.Tensor], told: Mapping[str, str]
) -> None:
    """golden.contract.checkpoint.write of torch tensors."""
    checkpoint.write(path, kind, {n: t.detach().cpu().numpy() for n, t in tensors.items()}, told)


def fill(model: nn.Module, contents: checkpoint.Contents) -> nn.Module:
    """The model with the tensors of a file as its state."""
    model.load_state_dict({n: torch.from_numpy(t) for n, t in contents.tensors.items()})
    return model


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


def read_facts(path: Path) -> dict[str, Any]:
    """What the .json beside a checkpoint says; UserError if it cannot be read."""
    path = path.with_suffix(".json")
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path}, the facts of a checkpoint, cannot be read: {error}") from None


def load_dense(path: Path) -> nn.Module:
    """The spiking network of a float checkpoint; UserError if there is none, it is damaged or has
    no neurons."""
    model = load_float(path)
    if model.config.backbone == NEURONLESS:
        raise UserError(
            f"{path} is no spiking network but a {NEURONLESS}, which can only be the teacher of "
            "one (train.teacher)"
        )
    return model


def load_float(path: Path) -> nn.Module:
    """The model of a float checkpoint of any backbone; UserError if there is none or it is
    damaged."""
    contents = checkpoint.read(path, "float")
    try:
        return fill(backbones.build(NetworkConfig(**contents.config)), contents)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except (TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path} does not hold the tensors of its own configuration ({reason[:200]}); make it "
            "again"
        ) from None


def warm_start(model: nn.Module, path: Path) -> None:
    """Begin with the tensors of a float checkpoint of another encoder or head: all that both
    networks have are copied, the encoder and the head of `model` may be new."""
    source = load_float(path).state_dict()
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
