# SPDX-License-Identifier: Apache-2.0
"""The TOML file of a sweep and the points that it spans."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from msgspec import Meta

from golden.contract.errors import UserError
from golden.contract.settings import Settings
from golden.hardware.configuration import Hardware
from golden.lab.networks.network_config import Backbone, Encoder, NetworkConfig
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.train.training_config import RunConfig, TrainConfig


@dataclass(frozen=True)
class Axes(Settings, table="axes"):
    """What is crossed with what."""

    backbone: Annotated[
        tuple[Backbone, ...], Meta(min_length=1, description="values of network.backbone")
    ] = ("spikingformer",)
    encoder: Annotated[
        tuple[Encoder, ...], Meta(min_length=1, description="values of network.encoder")
    ] = ("direct",)
    sparsity: Annotated[
        tuple[Annotated[float, Meta(gt=0, lt=1)], ...],
        Meta(min_length=1, description="values of prune.sparsity"),
    ] = (0.75,)
    hardware: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description="configurations, with changes: '4x16,bank_depth=2048'"),
    ] = ("4x16",)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, values in vars(self).items():
            if len(set(values)) < len(values):
                raise UserError(f"axes.{name} is {list(values)}, it must have each value once")
        for name in self.hardware:
            Hardware.named(name)


@dataclass(frozen=True)
class SweepConfig(Settings):
    """[axes], and the settings that all points share: [network] and [train] as for `psf train`,
    [pruning] as the file of `psf prune`."""

    axes: Axes = field(default_factory=Axes)
    images: Annotated[
        int, Meta(ge=1, le=10_000, description="test images for cycles, rates and energy")
    ] = 2
    network: NetworkConfig = field(default_factory=NetworkConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    pruning: PruneRunConfig = field(default_factory=PruneRunConfig)


@dataclass(frozen=True)
class Point:
    """One combination, with the whole settings of its training and its pruning."""

    backbone: str
    encoder: str
    sparsity: float
    hardware: str
    training: RunConfig
    pruning: PruneRunConfig
    images: int

    @property
    def label(self) -> str:
        hardware = re.sub(r"[^\w.]+", "_", self.hardware)
        return f"{self.backbone}-{self.encoder}-{self.sparsity:g}-{hardware}"


def points(config: SweepConfig) -> list[Point]:
    """All of them; the pruning is for the lanes of the point's hardware."""
    axes, out = config.axes, []
    for backbone, encoder, sparsity, hardware in itertools.product(
        axes.backbone, axes.encoder, axes.sparsity, axes.hardware
    ):
        network = replace(config.network, backbone=backbone, encoder=encoder)
        lanes = Hardware.named(hardware).lanes
        prune = replace(config.pruning.prune, sparsity=sparsity, lanes=lanes)
        pruning = replace(config.pruning, prune=prune)
        training = RunConfig(network, config.train)
        out.append(Point(backbone, encoder, sparsity, hardware, training, pruning, config.images))
    return out


def digest(settings: Any) -> str:
    """Twelve hexadecimal digits that change with any setting of dataclasses or JSON values."""
    text = json.dumps(settings, sort_keys=True, default=dataclasses.asdict)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def to_toml(settings: Any, prefix: str = "") -> str:
    """A dataclass as the TOML text that golden.contract.settings.load reads."""
    values = settings if isinstance(settings, dict) else vars(settings)
    tables = {k: v for k, v in values.items() if isinstance(v, dict) or dataclasses.is_dataclass(v)}
    lines = [f"{_key(k)} = {_value(v)}" for k, v in values.items() if k not in tables]
    text = "\n".join(lines) + "\n"
    for key, value in tables.items():
        name = f"{prefix}{_key(key)}"
        text += f"\n[{name}]\n{to_toml(value, name + '.')}"
    return text


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z_]\w*", key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
