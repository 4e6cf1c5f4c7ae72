# SPDX-License-Identifier: Apache-2.0
"""`python -m golden prune`: dense checkpoint -> masks -> fine-tuning -> QAT -> QuantNetwork."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from golden.errors import UserError
from golden.prune.importance import activities
from golden.prune.network import PruneConfig, prunable, set_masks, sparsity
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
class CodebookConfig:
    """entries: int8 values of a layer's codebook, 0 for none (golden.quantise.codebook)."""

    entries: int = 0


@dataclass(frozen=True)
class PruneRunConfig:
    """A TOML file of `python -m golden prune`: two rounds of training with one schedule each.

    [finetune] trains with batch statistics; the masks are searched, straight-through, for the
    first search_epochs and then frozen. Over the first `ramp` of those the sparsity s rises to its
    goal as s (1 - (1 - t)^3) (Zhu and Gupta, arXiv 1710.01878); 0 prunes at once.
    [qat] trains the folded integer network. Zero epochs skip one.
    """

    search_epochs: int = 1
    ramp: float = 0.0
    prune: PruneConfig = field(default_factory=PruneConfig)
    finetune: TrainConfig = field(default_factory=TrainConfig)
    quant: QuantConfig = field(default_factory=QuantConfig)
    codebook: CodebookConfig = field(default_factory=CodebookConfig)
    qat: TrainConfig = field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        if self.search_epochs > self.finetune.epochs > 0:
            raise UserError(
                f"search_epochs is {self.search_epochs}, finetune.epochs only "
                f"{self.finetune.epochs}"
            )
        if not 0.0 <= self.ramp <= 1.0:
            raise UserError(f"ramp is {self.ramp}, it must be in 0..1")


def prune(
    config_path: Path, dense: Path, run: Path, out: Path, resume: bool, command: str
) -> dict[str, Any]:
    """Run both rounds of a TOML file, write the QuantNetwork `out` beside its .json and .log."""
    config = load(config_path, PruneRunConfig)
    return run_rounds(config, config_path.read_text(), dense, run, out, resume, command)


def run_rounds(
    config: PruneRunConfig,
    text: str,
    dense: Path,
    run: Path,
    out: Path,
    resume: bool,
    command: str,
) -> dict[str, Any]:
    """The same for a configuration that is already read; `text` goes into the facts."""
    run.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    model = load_dense(dense)
    frac_bits = config.quant.residual_frac_bits
    search = _MaskSearch(model, config)
    if config.finetune.epochs:
        part = run / "finetune"
        hooks = Hooks(search.before_epoch, search.after_step)
        fit(model, config.finetune, part, resume and (part / CHECKPOINT).is_file(), hooks)
        if search.searching:
            search.set(config.search_epochs, searching=False)
    images, _ = split_tensors("train", config.quant.calibration)
    calibrate(model, images)
    log(run, f"weight sparsity {sparsity(model):.4f}")
    convert(model, frac_bits, config.codebook.entries)
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
    facts = provenance | {
        "accuracy": right,
        "weight_sparsity": zeros,
        "minutes": round(minutes, 1),
        "config": text,
    }
    logs = [
        p for p in (run / "finetune/log.txt", run / "qat/log.txt", run / "log.txt") if p.is_file()
    ]
    (run / "all.txt").write_text("".join(f"# {p.parent.name}\n{p.read_text()}" for p in logs))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_facts(out, facts, run / "all.txt")
    network.save(out)
    return facts


class _MaskSearch:
    """Masks follow the weights for the first epochs, then stay."""

    def __init__(self, model: torch.nn.Module, config: PruneRunConfig, every: int = 20) -> None:
        self.model, self.config, self.every, self.step = model, config, every, 0
        self.searching = False
        self.activity = None
        if config.prune.measured:
            images, _ = split_tensors("train", config.quant.calibration)
            self.activity = activities(model, prunable(model), images[:512])
        self.set(config.search_epochs, searching=False)

    def set(self, epochs: float, searching: bool) -> None:
        """New masks for the sparsity that is due after so many epochs."""
        goal, length = self.config.prune.sparsity, self.config.ramp * self.config.search_epochs
        due = goal if epochs >= length else goal * (1 - (1 - epochs / length) ** 3)
        set_masks(self.model, self.config.prune, searching, self.activity, due)

    def before_epoch(self, epoch: int) -> None:
        searching = epoch < self.config.search_epochs
        if searching or self.searching:
            self.set(epoch, searching)
        self.searching = searching

    def after_step(self, epochs: float) -> None:
        self.step += 1
        if self.searching and self.step % self.every == 0:
            self.set(epochs, True)
