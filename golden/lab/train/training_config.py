# SPDX-License-Identifier: Apache-2.0
"""Training configuration: one TOML file, checked key by key."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from golden.contract.errors import UserError
from golden.lab.networks.network_config import NetworkConfig

T = TypeVar("T")
CHOICES = {
    "precision": ("bfloat16", "float32", "float64"),
    "device": ("cpu", "cuda", "auto"),
}


@dataclass(frozen=True)
class TrainConfig:
    """One run of AdamW under a one-cycle schedule.

    early_epochs of the epochs run with early_timesteps instead of T: they cost less and teach the
    same filters.
    data: a data set of `psf data list`, or a place of one's own (golden.lab.data.own.place), in a
    file relative to that file; event data in the network's timesteps. '' is the data set of the
    checkpoint that training begins with, and Fashion-MNIST without one.
    shift: random crops after padding by that many pixels.  images: 0 for the whole training split.
    precision: 'bfloat16' (autocast), 'float32' or 'float64'.  monitor_images: test images looked at
    after each epoch; nothing is selected by them, the last epoch counts.
    batch_size: under torchrun, of all processes together.  device: 'cpu', 'cuda', or 'auto' for
    CUDA where torch sees it.
    encoder_penalty: the loss grows by this times what the firing rate of a learned encoder exceeds
    encoder_rate by.
    """

    seed: int = 1
    data: str = ""
    epochs: int = 18
    early_epochs: int = 0
    early_timesteps: int = 2
    batch_size: int = 128
    learning_rate: float = 3e-3
    warmup: float = 0.2
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    flip: bool = True
    shift: int = 1
    precision: str = "bfloat16"
    images: int = 0
    monitor_images: int = 2000
    encoder_penalty: float = 0.0
    encoder_rate: float = 0.0
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise UserError(f"train.{name} is '{value}', choose one of {', '.join(choices)}")


@dataclass(frozen=True)
class RunConfig:
    """A whole TOML file: what `psf train` needs.

    start: a float checkpoint to begin with (golden.lab.train.checkpoint.warm_start), '' for random
    weights.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    start: str = ""


def load(path: Path, kind: type[T]) -> T:
    """Read a TOML file into the dataclass `kind`; every mistake is a UserError of one sentence."""
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"the configuration file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"the configuration file {path} cannot be read: {error}") from error
    return _build(kind, table, str(path), "")


def _build(kind: type[T], table: dict[str, Any], path: str, prefix: str) -> T:
    known = {entry.name: entry for entry in dataclasses.fields(kind)}
    values = {}
    for key, value in table.items():
        name = prefix + key
        if key not in known:
            raise UserError(f"{path}: there is no setting '{name}'; known are {', '.join(known)}")
        entry = known[key]
        factory = entry.default_factory
        default = entry.default if factory is dataclasses.MISSING else factory()
        if dataclasses.is_dataclass(default):
            if not isinstance(value, dict):
                raise UserError(f"{path}: '{name}' must be a table")
            value = _build(type(default), value, path, name + ".")
        elif isinstance(default, tuple) and isinstance(value, list):
            value = tuple(value)
        elif isinstance(default, float) and type(value) is int:
            value = float(value)
        elif type(value) is not type(default):
            raise UserError(f"{path}: '{name}' is {value!r}, expected {type(default).__name__}")
        values[key] = value
    return kind(**values)
