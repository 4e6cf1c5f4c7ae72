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
from golden.lab.prune.network_masks import Method, PruneConfig
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.train.training_config import RunConfig, Seed, TrainConfig

DENSE = "dense"  # the method of a point without zeros


@dataclass(frozen=True)
class Axes(Settings, table="axes"):
    """What is crossed with what. An axis without values has the one of the settings below."""

    backbone: Annotated[
        tuple[Backbone, ...], Meta(min_length=1, description="values of network.backbone")
    ] = ("spikingformer",)
    encoder: Annotated[
        tuple[Encoder, ...], Meta(min_length=1, description="values of network.encoder")
    ] = ("direct",)
    dim: Annotated[
        tuple[Annotated[int, Meta(ge=8, le=8192, multiple_of=8)], ...],
        Meta(description="values of network.dim"),
    ] = ()  # fmt: skip
    method: Annotated[tuple[Method, ...], Meta(description="values of prune.method")] = ()
    sparsity: Annotated[
        tuple[Annotated[float, Meta(ge=0, lt=1)], ...],
        Meta(min_length=1, description="values of prune.sparsity; 0: the dense network, fine-tuned "
             "and quantised like the others, once for all methods"),
    ] = (0.75,)  # fmt: skip
    seed: Annotated[
        tuple[Seed, ...],
        Meta(description="of both rounds of the pruning, a point each; the training before it is "
             "shared"),
    ] = ()  # fmt: skip
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
    dim: int
    method: str
    sparsity: float
    seed: int
    hardware: str
    training: RunConfig
    pruning: PruneRunConfig
    images: int

    @property
    def axes(self) -> dict[str, Any]:
        """Its values on all axes."""
        return {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(Axes)}

    @property
    def label(self) -> str:
        """The values in the name of a file."""
        values = (f"{v:g}" if isinstance(v, float) else str(v) for v in self.axes.values())
        return "-".join(re.sub(r"[^\w.]+", "_", value) for value in values)


def points(config: SweepConfig) -> list[Point]:
    """All of them; the pruning is for the lanes of the point's hardware."""
    axes, shared, found = config.axes, config.pruning, {}
    choices = {entry.name: getattr(axes, entry.name) for entry in dataclasses.fields(Axes)}
    choices["dim"] = axes.dim or (config.network.dim,)
    choices["method"] = axes.method or (shared.prune.method,)
    choices["seed"] = axes.seed or (shared.finetune.seed,)
    for values in itertools.product(*choices.values()):
        at = dict(zip(choices, values, strict=True))
        network = replace(config.network, **{k: at[k] for k in ("backbone", "encoder", "dim")})
        pruning = _pruning(config, at)
        if not at["sparsity"]:
            at["method"] = DENSE
        point = Point(**at, training=RunConfig(network, config.train), pruning=pruning,
                      images=config.images)  # fmt: skip
        found[point.label] = point
    return list(found.values())


def _pruning(config: SweepConfig, at: dict[str, Any]) -> PruneRunConfig:
    """The pruning run at a place of the axes; without zeros it only trains on and quantises."""
    out, lanes = config.pruning, Hardware.named(at["hardware"]).lanes
    if config.axes.seed:
        rounds = {
            name: replace(getattr(out, name), seed=at["seed"]) for name in ("finetune", "qat")
        }
        out = replace(out, **rounds)
    if not at["sparsity"]:
        none = PruneConfig("balanced", lanes=lanes, fraction=1.0, sparsity=0.0)
        return replace(out, prune=none, search_epochs=0, ramp=0.0, ramp_from=0.0)
    prune = replace(out.prune, method=at["method"], sparsity=at["sparsity"], lanes=lanes)
    return replace(out, prune=prune)


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
