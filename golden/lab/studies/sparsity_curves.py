# SPDX-License-Identifier: Apache-2.0
"""`psf curves`: accuracy against sparsity for every pruning method, and the training
runs behind it. The cycles and the utilisation of the same checkpoints come from
tb/measure/curves.py."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from rich.console import Console
from rich.table import Table

from golden.contract import outputs, paths, tables
from golden.contract.errors import UserError
from golden.contract.settings import load
from golden.contract.sizes import FracBits
from golden.lab.prune.network_masks import Method
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.pruning_run import run_rounds
from golden.lab.prune.run_folder import same_settings_before
from golden.lab.train.checkpoint import read_facts

CONFIG = paths.CONFIGS / "curves.toml"
FOLDER = paths.CHECKPOINTS / "curves"
DENSE = paths.CHECKPOINTS / "dense.safetensors"


@dataclass(frozen=True)
class CurvesConfig(PruneRunConfig):
    """curves.toml: a pruning run, repeated for every sparsity and every method."""

    methods: Annotated[
        tuple[Method, ...], Meta(min_length=1, description="values of prune.method")
    ] = ("balanced", "unstructured", "uticket")
    sparsities: Annotated[
        tuple[Annotated[float, Meta(gt=0, lt=1)], ...],
        Meta(min_length=1, description="values of prune.sparsity"),
    ] = (0.75,)
    frac_bits: Annotated[
        dict[str, FracBits],
        Meta(description="quant.residual_frac_bits of the sparsities (as text, '0.9375') that need "
             "a coarser grid"),
    ] = field(default_factory=dict)  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        known = [f"{sparsity:g}" for sparsity in self.sparsities]
        if unknown := [name for name in self.frac_bits if name not in known]:
            raise UserError(
                f"frac_bits has '{unknown[0]}', it must name sparsities: {', '.join(known)}"
            )


@dataclass(frozen=True)
class Point:
    """sparsity: the goal, 0..1.  accuracy: of the integer network on all test images, None before
    training.  weight_sparsity: the zeros among its weights, those that rounding made included."""

    method: str
    sparsity: float
    checkpoint: Path
    accuracy: float | None = None
    weight_sparsity: float | None = None


def points(config: Path = CONFIG, folder: Path = FOLDER) -> list[Point]:
    """All trained points, in the order of the configuration's methods and by sparsity."""
    table = load(config, CurvesConfig)
    found = [
        _read(method, sparsity, folder)
        for method in table.methods
        for sparsity in sorted(table.sparsities)
    ]
    return [point for point in found if point.accuracy is not None]


def train(
    command: str,
    config_path: Path = CONFIG,
    dense: Path = DENSE,
    folder: Path = FOLDER,
    runs: Path = paths.RUNS / "curves",
) -> None:
    """Train every point that is missing or was made with other settings, one after the other.

    A point that leaves the hardware's ranges does not stop the others; a UserError at the end says
    which they were and why.
    """
    failed = []
    config, text = load(config_path, CurvesConfig), config_path.read_text()
    for sparsity in config.sparsities:
        for method in config.methods:
            point = _read(method, sparsity, folder)
            made = None if point.accuracy is None else read_facts(point.checkpoint)["config"]
            if made is not None and same_settings(made, text):
                continue
            outputs.file(point.checkpoint, beside=(".json", ".log"))
            prune = replace(config.prune, method=method, sparsity=sparsity)
            run = runs / point.checkpoint.stem
            bits = config.frac_bits.get(f"{sparsity:g}", config.quant.residual_frac_bits)
            quant = replace(config.quant, residual_frac_bits=bits)
            settings = replace(config, prune=prune, quant=quant)
            try:
                resume = same_settings_before(run, f"{text}\n# {sparsity:g}, {method}")
                run_rounds(settings, text, dense, run, point.checkpoint, resume, command)
            except UserError as error:
                failed.append(f"{point.checkpoint.stem}: {error}")
    if failed:
        raise UserError("; ".join(failed))


def show(config: Path = CONFIG, folder: Path = FOLDER) -> None:
    """Print accuracies: one row per sparsity, one column per method."""
    found = points(config, folder)
    if not found:
        raise UserError(f"{folder} holds no point yet: run `psf curves train`")
    methods = list(dict.fromkeys(point.method for point in found))
    table = Table("sparsity", *methods, title="accuracy on the test images (zeros among weights)")
    for sparsity in sorted({point.sparsity for point in found}):
        cells = {point.method: point for point in found if point.sparsity == sparsity}
        table.add_row(
            f"{sparsity:.2%}",
            *(
                f"{cells[m].accuracy:.2%} ({cells[m].weight_sparsity:.2%})" if m in cells else "-"
                for m in methods
            ),
        )
    tables.show(Console(), table)


def _read(method: str, sparsity: float, folder: Path) -> Point:
    point = Point(method, sparsity, folder / f"{method}_{100 * sparsity:g}.safetensors")
    if not point.checkpoint.is_file():
        return point
    facts = read_facts(point.checkpoint)
    return replace(point, accuracy=facts["accuracy"], weight_sparsity=facts["weight_sparsity"])


def same_settings(one: str, other: str) -> bool:
    """Whether two configurations make the same point of the same method and sparsity."""
    return _settings(one) == _settings(other)


def _settings(text: str) -> dict:
    """What makes a point: everything but which points there are."""
    table = tomllib.loads(text)
    points = ("methods", "sparsities", "frac_bits")
    return {key: value for key, value in table.items() if key not in points}
