# SPDX-License-Identifier: Apache-2.0
"""`psf methods`: every pruning method at one sparsity and one budget, and how
evenly what it keeps falls on the lanes."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
from msgspec import Meta
from rich.console import Console
from rich.table import Table

from golden.contract import outputs, paths, tables
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.network import QuantNetwork
from golden.contract.paths import of_setting
from golden.contract.settings import Settings, beside, load
from golden.lab.prune.lottery import LotteryConfig, draw
from golden.lab.prune.lottery_records import same_run
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.pruning_run import run_rounds
from golden.lab.prune.run_folder import same_settings_before
from golden.lab.prune.utilisation import load as pe_load
from golden.lab.prune.utilisation import picture
from golden.lab.quantise.export import layers
from golden.lab.studies.sparsity_curves import CurvesConfig, same_settings
from golden.lab.train.checkpoint import read_facts
from golden.lab.train.training_config import MOST_IMAGES

CONFIG = paths.CONFIGS / "pruning" / "compare.toml"
FOLDER = paths.CHECKPOINTS / "pruning"
METHODS = {
    "balanced_one_shot": "PE-balanced, pruned once before the fine-tuning",
    "balanced": "PE-balanced, the sparsity rises during the fine-tuning",
    "unstructured": "global",
    "layerwise": "the same sparsity in every layer",
    "uticket": "global, lanes of a layer brought to the same number",
    "lottery": "global, in rounds, rewound to the start",
    "lottery_uticket": "the same with u-Ticket's recovery after every round",
}


@dataclass(frozen=True)
class RoundsConfig(Settings, table="lottery"):
    """Of `psf methods`."""

    rounds: Annotated[int, Meta(ge=1, le=1000, description="rounds of pruning")] = 3
    images: Annotated[int, Meta(ge=0, le=MOST_IMAGES, description="training images of one")] = 2667


@dataclass(frozen=True)
class CompareConfig(Settings):
    """A TOML file of `psf methods`."""

    base: Annotated[
        str,
        Meta(
            description="TOML file of `psf curves`, whose schedule all methods share",
            extra={"anchor": beside},
        ),
    ] = "golden/configs/curves.toml"
    curves: Annotated[
        str,
        Meta(
            description="folder with points that were trained by it, nothing for none",
            extra={"anchor": beside},
        ),
    ] = "golden/checkpoints/curves"
    dense: Annotated[
        str, Meta(description="float checkpoint that all start from", extra={"anchor": beside})
    ] = "golden/checkpoints/dense.safetensors"  # fmt: skip
    sparsity: Annotated[float, Meta(gt=0, lt=1, description="of all methods")] = 0.75
    methods: Annotated[
        tuple[Literal[tuple(METHODS)], ...], Meta(min_length=1, description="what is compared")
    ] = tuple(METHODS)
    picture: Annotated[
        str, Meta(description="layer whose load is listed by lane")
    ] = "blocks.0.mlp1"  # fmt: skip
    lottery: RoundsConfig = field(default_factory=RoundsConfig)


def settings(config: CompareConfig, method: str) -> PruneRunConfig:
    """The pruning run of one method; of a lottery, the quantisation behind its rounds."""
    base = load(of_setting(config.base), CurvesConfig)
    names = [entry.name for entry in dataclasses.fields(PruneRunConfig)]
    run = PruneRunConfig(**{name: getattr(base, name) for name in names})
    lottery = method.startswith("lottery")
    kind = "kept" if lottery else method.removesuffix("_one_shot")
    run = replace(run, prune=replace(run.prune, method=kind, sparsity=config.sparsity))
    if method.endswith("_one_shot"):
        return replace(run, search_epochs=0, ramp=0.0)
    if lottery:
        none = replace(run.finetune, epochs=0)
        return replace(run, finetune=none, search_epochs=0, ramp=0.0)
    return run


def lottery_settings(config: CompareConfig, method: str) -> LotteryConfig:
    """Rounds whose last leaves exactly the sparsity, each with the base's fine-tuning."""
    base = load(of_setting(config.base), CurvesConfig)
    return LotteryConfig(
        rounds=config.lottery.rounds,
        fraction=1 - (1 - config.sparsity) ** (1 / config.lottery.rounds),
        recover=method == "lottery_uticket",
        start=config.dense,
        prune=replace(base.prune, method="unstructured", sparsity=config.sparsity),
        train=replace(base.finetune, images=config.lottery.images),
    )


def compare(
    config_path: Path,
    runs: Path,
    reports: Sequence[Path],
    command: str = "",
    folder: Path = FOLDER,
) -> dict:
    """Train the methods that are missing in `folder` and in `runs`/points, where they are written;
    measure all, print a table, write `reports`.

    A method whose network leaves the hardware's ranges does not stop the others; a UserError at
    the end names it.
    """
    config = load(config_path, CompareConfig)
    runs = outputs.run(runs)
    found, failed = [], []
    for method in config.methods:
        try:
            point = _point(config, method, runs, folder, command)
        except UserError as error:
            failed.append(f"{method}: {error}")
        else:
            found.append(_measure(config, method, point))
    dense = json.loads(of_setting(config.dense).with_suffix(".json").read_text())
    report = {
        "command": command,
        "dense": {"checkpoint": config.dense, "accuracy": dense["accuracy"]},
        "sparsity": config.sparsity,
        "lanes": load(of_setting(config.base), CurvesConfig).prune.lanes,
        "picture": config.picture,
        "methods": found,
    }
    for path in reports:
        write_json(path, report)
    _show(report)
    if failed:
        raise UserError("; ".join(failed))
    return report


def _point(config: CompareConfig, method: str, runs: Path, folder: Path, command: str) -> Path:
    """The checkpoint of a method: of the curves, of an earlier comparison, or trained now."""
    name = f"{method}_{100 * config.sparsity:g}.safetensors"
    curve = of_setting(config.curves) / name
    base = of_setting(config.base).read_text()
    if config.curves and curve.is_file() and same_settings(read_facts(curve)["config"], base):
        return curve
    rounds, pruning = lottery_settings(config, method), settings(config, method)
    text = _text(pruning) + (_text(rounds) if method.startswith("lottery") else "")
    point = runs / "points" / name
    for made in (point, folder / name):
        if made.is_file() and _settings(read_facts(made)["config"]) == _settings(text):
            return made
    run, dense = runs / point.stem, of_setting(config.dense)
    if method.startswith("lottery"):
        dense = run / "ticket.safetensors"
        if not same_run(run, text):
            shutil.rmtree(run, ignore_errors=True)
        draw(rounds, text, run, dense, command)
    run_rounds(pruning, text, dense, run, point, same_settings_before(run, text), command)
    return point


def _text(config: PruneRunConfig | LotteryConfig) -> str:
    return json.dumps(asdict(config))


def _settings(text: str) -> list[dict]:
    """The settings that `_text` wrote; those that did not exist then have their defaults. Empty for
    anything else, a TOML file for one."""
    decoder, out = json.JSONDecoder(), []
    for kind in (PruneRunConfig, LotteryConfig):
        if text:
            try:
                found, end = decoder.raw_decode(text)
            except json.JSONDecodeError:
                return []
            out.append(_filled(found, json.loads(_text(kind()))))
            text = text[end:]
    return out


def _filled(found: dict, defaults: dict) -> dict:
    return defaults | {
        name: _filled(value, defaults.get(name) or {}) if isinstance(value, dict) else value
        for name, value in found.items()
    }


def _measure(config: CompareConfig, method: str, point: Path) -> dict:
    """Facts of a trained point and the PE load of its integer weights."""
    facts, lanes = read_facts(point), load(of_setting(config.base), CurvesConfig).prune.lanes
    weights = {
        name: torch.from_numpy(layer.weight)
        for name, layer in layers(QuantNetwork.load(point))
        if name != "tokenizer.0"
    }
    if config.picture not in weights:
        raise UserError(f"picture is '{config.picture}', the network has {', '.join(weights)}")
    entry = {
        "method": method,
        "what": METHODS[method],
        "sparsity": facts["weight_sparsity"],
        "accuracy": facts["accuracy"],
        "pe_load": asdict(pe_load(weights, lanes)),
        "picture": picture(weights[config.picture], lanes),
        "checkpoint": str(point),
        "seed": facts["seed"],
        "minutes": facts["minutes"],
        "command": facts["command"],
    }
    return entry


def _show(report: dict) -> None:
    columns = ("method", "accuracy", "zeros", "max/mean lane", "utilisation", "row wait")
    table = Table(*columns, title=f"dense {report['dense']['accuracy']:.2%}")
    for entry in report["methods"]:
        load = entry["pe_load"]
        table.add_row(
            entry["method"], f"{entry['accuracy']:.2%}", f"{entry['sparsity']:.2%}",
            f"{load['max_over_mean']:.3f}", f"{load['utilisation']:.3f}", f"{load['row_wait']:.3f}",
        )  # fmt: skip
    tables.show(Console(), table)
