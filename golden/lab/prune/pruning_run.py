# SPDX-License-Identifier: Apache-2.0
"""`psf prune`: dense checkpoint -> masks -> fine-tuning -> QAT -> QuantNetwork."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from golden.contract import outputs
from golden.contract.errors import UserError
from golden.contract.files import write_text
from golden.contract.settings import load
from golden.contract.silence import seen, warn
from golden.contract.sparsity import told as sparsity_told
from golden.contract.sparsity import weight_sparsity
from golden.lab.data import facts as data_facts
from golden.lab.data import record
from golden.lab.data.shown import shown, translation
from golden.lab.prune.network_masks import asked, reason, sparsity
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.search import MaskSearch
from golden.lab.prune.silent import remove_silent
from golden.lab.quantise.convert import calibrate, convert
from golden.lab.quantise.export import export
from golden.lab.quantise.firing import integer_rates
from golden.lab.quantise.twin import labels
from golden.lab.train import distributed
from golden.lab.train.checkpoint import load_dense, save_dense, trained_on, write_facts
from golden.lab.train.distillation import lessons
from golden.lab.train.loop import CHECKPOINT, Hooks, fit, log, refuse_unfinished, split_tensors
from golden.lab.train.source import on_data

SILENT = 1024  # training images over which a channel has to fire
WATCHED = 128  # training images over which the layers' firing rates are looked at
FLOAT = "float.safetensors"  # of a run: the fine-tuned network before quantisation, masks applied


def prune(
    config_path: Path,
    dense: Path,
    run: Path,
    out: Path,
    resume: bool,
    command: str,
    data: str = "",
) -> dict[str, Any]:
    """Run both rounds of a TOML file, write the QuantNetwork `out` beside its .json and .log. data:
    in place of that of the configuration, or else of `dense`."""
    config = load(config_path, PruneRunConfig)
    if data:
        both = (replace(x, data=data) for x in (config.finetune, config.qat))
        config = replace(config, **dict(zip(("finetune", "qat"), both, strict=True)))
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
    """The same for a configuration that is already read; `text` goes into the facts. Under torchrun
    every process returns the facts, and the first writes."""
    first = distributed.ranks().first
    outputs.run(run)
    if not resume:
        for part in (run / "finetune", run / "qat"):
            refuse_unfinished(part)
    began = time.monotonic()
    model = load_dense(dense)
    config = _on_data(config, model, dense)
    source = config.finetune.data, model.config.timesteps
    told = record(config.finetune.data)
    frac_bits = config.quant.residual_frac_bits
    search, twin = MaskSearch(model, config), load_dense(dense)
    for round_ in (config.finetune, config.qat):
        if round_.epochs:
            lessons(round_, model, twin)  # a teacher of the second is looked for before the first
    if config.finetune.epochs:
        part = run / "finetune"
        hooks = Hooks(search.before_epoch, search.after_step)
        again = resume and (part / CHECKPOINT).is_file()
        fit(model, config.finetune, part, again, hooks, twin)
        if search.searching:
            search.set(config.search_epochs, searching=False)
        if first:
            save_dense(run / FLOAT, model, {"command": command, "config": text}, None, told)
    images, _ = split_tensors("train", config.quant.calibration, *source)
    with distributed.placed(model, config.finetune.device):
        calibrate(model, images)
    log(run, sparsity_told(asked(config.prune), sparsity(model), reason(config.prune)))
    convert(model, frac_bits, config.codebook.entries)

    def remove(epoch: int) -> None:
        if config.silent:
            counts = remove_silent(model, images[:SILENT], config.silent)
            removed = " ".join(f"{name} {count}" for name, count in counts.items() if count)
            log(run, f"channels that hardly fire after {epoch} epochs: {removed or 'none'}")

    if config.qat.epochs:
        part = run / "qat"
        hooks = Hooks(before_epoch=remove)
        again = resume and (part / CHECKPOINT).is_file()
        fit(model, config.qat, part, again, hooks, twin)
    with distributed.placed(model, config.qat.device):
        remove(config.qat.epochs)
    model.eval()
    provenance = {"command": command, "seed": config.finetune.seed, "method": config.prune.method}
    network = export(model, frac_bits, provenance)
    warn(network)
    watched = images[:WATCHED].clamp(max=network.config.input_max)
    for sentence in seen(integer_rates(network, watched), f"{len(watched)} training images"):
        log(run, f"warning: {sentence}")
    test = shown(network.config, told)
    where = distributed.device(config.finetune.device)
    answers = labels(network, torch.from_numpy(test.images), device=where).numpy()
    right = float((answers == test.labels).mean())
    minutes = (time.monotonic() - began) / 60
    zeros = weight_sparsity(network)
    log(run, f"integer accuracy {right:.4f} on all test images, weight sparsity {zeros:.4f}")
    network.provenance = provenance | {
        "accuracy": right, "weight_sparsity": zeros, "data": told
    }  # fmt: skip
    facts = provenance | {
        "accuracy": right,
        "weight_sparsity": zeros,
        "minutes": round(minutes, 1),
        "config": text,
    }
    if not first:
        return facts
    logs = [
        p for p in (run / "finetune/log.txt", run / "qat/log.txt", run / "log.txt") if p.is_file()
    ]
    write_text(run / "all.txt", "".join(f"# {p.parent.name}\n{p.read_text()}" for p in logs))
    network.save(out)
    write_facts(out, facts, run / "all.txt")
    print(f"{out} written")
    return facts


def _on_data(config: PruneRunConfig, model: nn.Module, dense: Path) -> PruneRunConfig:
    """`config` with the data set of both rounds by its name: its own, or that of the dense network;
    UserError if that network does not take it with the classes in its own order."""
    told = trained_on(dense)
    finetune = on_data(config.finetune, told=told)
    qat = on_data(config.qat, config.qat.data or finetune.data)
    for settings in (finetune, qat):
        entry = data_facts(settings.data)
        index = translation(entry, model.config, told)
        if index.tolist() != list(range(model.config.classes)):
            raise UserError(
                f"{entry.title} does not have the classes of {dense} in their order: prune with "
                "the data that it was trained on"
            )
    return replace(config, finetune=finetune, qat=qat)
