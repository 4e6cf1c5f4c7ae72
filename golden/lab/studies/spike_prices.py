# SPDX-License-Identifier: Apache-2.0
"""`psf spikes`: the points of its table, each a short training of one pruned float network with a
price on its spikes (golden.lab.train.spike_penalty), then of its integers. What they cost in
hardware is added by golden.cli.spikes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from golden.contract import outputs, paths
from golden.contract.errors import UserError
from golden.contract.paths import of_setting
from golden.contract.settings import beside
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.pruning_run import run_rounds
from golden.lab.prune.run_folder import same_settings_before
from golden.lab.train.checkpoint import read_facts

CONFIG = paths.CONFIGS / "spikes.toml"
FOLDER = paths.CHECKPOINTS / "spikes"


@dataclass(frozen=True)
class SpikesConfig(PruneRunConfig):
    """A TOML file of `psf spikes`: a pruning run, repeated for every price, window and seed. Prices
    and windows are those of [finetune], seeds of both rounds; without a price there is one window.
    """

    start: Annotated[
        str,
        Meta(description="float checkpoint that all points start from", extra={"anchor": beside}),
    ] = "golden/checkpoints/balanced_float.safetensors"
    against: Annotated[
        str,
        Meta(description="quantised network that they are compared with",
             extra={"anchor": beside}),
    ] = "golden/checkpoints/balanced.safetensors"  # fmt: skip
    penalties: Annotated[
        tuple[Annotated[float, Meta(ge=0, le=1000)], ...],
        Meta(min_length=1, description="values of finetune.spike_penalty"),
    ] = (0.0,)
    windows: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=64)], ...],
        Meta(min_length=1, description="values of finetune.spike_window"),
    ] = (1,)
    seeds: Annotated[
        tuple[Annotated[int, Meta(ge=0, le=2**63 - 1)], ...],
        Meta(min_length=1, description="of everything random, one point each"),
    ] = (1,)

    @property
    def choices(self) -> list[Choice]:
        """All points, seed by seed."""
        priced = [(p, w) for w in self.windows for p in sorted(self.penalties) if p]
        free = [(0.0, 1)] if 0.0 in self.penalties else []
        return [Choice(p, w, seed) for seed in self.seeds for p, w in free + priced]


@dataclass(frozen=True)
class Choice:
    """What tells points apart: spike_penalty and spike_window of [finetune], and the seed."""

    penalty: float
    window: int
    seed: int

    @property
    def name(self) -> str:
        """Of its file."""
        window = f"_window{self.window}" if self.window > 1 else ""
        return f"price{self.penalty:g}{window}_seed{self.seed}.safetensors"


@dataclass(frozen=True)
class Point:
    """A trained network. accuracy: of its integers on all test images.  minutes: it took."""

    choice: Choice
    checkpoint: Path
    accuracy: float
    weight_sparsity: float
    minutes: float


def points(config: SpikesConfig, runs: Path, folder: Path = FOLDER) -> list[Point]:
    """Those of the configuration that are there, in `runs`/points or in `folder`."""
    found = []
    for choice in config.choices:
        path = _made(config, choice, runs, folder)
        if path:
            facts = read_facts(path)
            values = (facts[key] for key in ("accuracy", "weight_sparsity", "minutes"))
            found.append(Point(choice, path, *values))
    return found


def train(config: SpikesConfig, runs: Path, command: str, folder: Path = FOLDER) -> None:
    """Train what is missing into `runs`/points; an interrupted point goes on where it was.

    A point that leaves the hardware's ranges does not stop the others; a UserError at the end says
    which they were and why.
    """
    runs, failed = outputs.run(runs), []
    for choice in config.choices:
        if _made(config, choice, runs, folder):
            continue
        out = runs / "points" / choice.name
        outputs.file(out, beside=(".json", ".log"))
        run, text = runs / out.stem, _text(config, choice)
        try:
            resume = same_settings_before(run, text)
            start = of_setting(config.start)
            run_rounds(_settings(config, choice), text, start, run, out, resume, command)
        except UserError as error:
            failed.append(f"{out.stem}: {error}")
    if failed:
        raise UserError("; ".join(failed))


def _settings(config: SpikesConfig, choice: Choice) -> PruneRunConfig:
    """The pruning run of one point."""
    names = [entry.name for entry in dataclasses.fields(PruneRunConfig)]
    run = PruneRunConfig(**{name: getattr(config, name) for name in names})
    price = {"spike_penalty": choice.penalty, "spike_window": choice.window}
    return replace(
        run,
        finetune=replace(run.finetune, seed=choice.seed, **price),
        qat=replace(run.qat, seed=choice.seed),
    )


def _text(config: SpikesConfig, choice: Choice) -> str:
    """What makes a point."""
    return json.dumps({"start": config.start} | dataclasses.asdict(_settings(config, choice)))


def _made(config: SpikesConfig, choice: Choice, runs: Path, folder: Path) -> Path | None:
    """The file of a point that was made with these settings."""
    text = _text(config, choice)
    for path in (runs / "points" / choice.name, folder / choice.name):
        if path.is_file() and _same(read_facts(path).get("config", ""), text):
            return path
    return None


def _same(found: str, text: str) -> bool:
    """Whether two texts of `_text` mean the same. One that lacks a setting is of a time before it,
    when it had its default."""
    try:
        table = json.loads(found)
    except json.JSONDecodeError:
        return False
    default = json.loads(json.dumps({"start": ""} | dataclasses.asdict(PruneRunConfig())))
    return _filled(table, default) == _filled(json.loads(text), default)


def _filled(table: dict, default: dict) -> dict:
    return default | {
        key: _filled(value, default.get(key) or {}) if isinstance(value, dict) else value
        for key, value in table.items()
    }
