# SPDX-License-Identifier: Apache-2.0
"""`python -m golden prune`: dense checkpoint -> masks -> fine-tuning -> QAT -> QuantNetwork."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from golden.errors import UserError
from golden.prune.network import PruneConfig, set_masks, sparsity
from golden.quantise.convert import calibrate, convert
from golden.quantise.export import export, weight_sparsity
from golden.quantise.twin import labels
from golden.train.checkpoint import load_dense, write_facts
from golden.train.config import TrainConfig, load
from golden.train.loop import CHECKPOINT, Hooks, fit, log, split_tensors


@dataclass(frozen=True)
class QuantConfig:
    """residual_frac_bits: f of the residual grid 2^-f.  calibration: training images for the
    BatchNorm statistics that are then folded and frozen."""

    residual_frac_bits: int = 6
    calibration: int = 12800


@dataclass(frozen=True)
class PruneRunConfig:
    """A TOML file of `python -m golden prune`: two rounds of training with one schedule each.

    [finetune] trains with batch statistics; the masks are searched, straight-through, for the first
    search_epochs and then frozen. [qat] trains the folded integer network. Zero epochs skip one.
    """

    search_epochs: int = 1
    prune: PruneConfig = field(default_factory=PruneConfig)
    finetune: TrainConfig = field(default_factory=TrainConfig)
    quant: QuantConfig = field(default_factory=QuantConfig)
    qat: TrainConfig = field(default_factory=TrainConfig)


def prune(
    config_path: Path, dense: Path, run: Path, out: Path, resume: bool, command: str
) -> dict[str, Any]:
    """Run both rounds, write the QuantNetwork `out` beside its .json and .log."""
    config = load(config_path, PruneRunConfig)
    run.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    model = load_dense(dense)
    frac_bits = config.quant.residual_frac_bits
    search = _MaskSearch(model, config)
    set_masks(model, config.prune, searching=False)
    if config.finetune.epochs:
        part = run / "finetune"
        hooks = Hooks(search.before_epoch, search.after_step)
        fit(model, config.finetune, part, resume and (part / CHECKPOINT).is_file(), hooks)
        if search.searching:
            set_masks(model, config.prune, searching=False)
    images, _ = split_tensors("train", config.quant.calibration)
    calibrate(model, images)
    log(run, f"weight sparsity {sparsity(model):.4f}")
    convert(model, frac_bits)
    if config.qat.epochs:
        part = run / "qat"
        fit(model, config.qat, part, resume and (part / CHECKPOINT).is_file())
    model.eval()
    provenance = {"command": command, "seed": config.finetune.seed, "method": config.prune.method}
    network = export(model, frac_bits, provenance)
    images, truth = split_tensors("test")
    right = float((labels(network, images) == truth).double().mean())
    minutes = (time.monotonic() - began) / 60
    zeros = weight_sparsity(network)
    log(run, f"integer accuracy {right:.4f} on all test images, weight sparsity {zeros:.4f}")
    network.provenance = provenance | {"accuracy": right, "weight_sparsity": zeros}
    network.save(out)
    facts = provenance | {
        "accuracy": right,
        "weight_sparsity": zeros,
        "minutes": round(minutes, 1),
        "config": config_path.read_text(),
    }
    logs = [
        p for p in (run / "finetune/log.txt", run / "qat/log.txt", run / "log.txt") if p.is_file()
    ]
    (run / "all.txt").write_text("".join(f"# {p.parent.name}\n{p.read_text()}" for p in logs))
    write_facts(out, facts, run / "all.txt")
    return facts


class _MaskSearch:
    """Masks follow the weights for the first epochs, then stay."""

    def __init__(self, model: torch.nn.Module, config: PruneRunConfig, every: int = 20) -> None:
        if config.search_epochs > config.finetune.epochs:
            raise UserError(
                f"search_epochs is {config.search_epochs}, finetune.epochs only "
                f"{config.finetune.epochs}"
            )
        self.model, self.config, self.every, self.step = model, config, every, 0
        self.searching = False

    def before_epoch(self, epoch: int) -> None:
        searching = epoch < self.config.search_epochs
        if searching or self.searching:
            set_masks(self.model, self.config.prune, searching)
        self.searching = searching

    def after_step(self) -> None:
        self.step += 1
        if self.searching and self.step % self.every == 0:
            set_masks(self.model, self.config.prune, True)
