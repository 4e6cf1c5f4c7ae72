# SPDX-License-Identifier: Apache-2.0
"""`psf prune`: dense checkpoint -> masks -> fine-tuning -> QAT -> QuantNetwork."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from golden.contract import outputs
from golden.contract.files import write_text
from golden.contract.sparsity import weight_sparsity
from golden.lab.prune.network_masks import sparsity
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.prune.search import MaskSearch
from golden.lab.quantise.convert import calibrate, convert
from golden.lab.quantise.export import export
from golden.lab.quantise.twin import labels
from golden.lab.train import distributed
from golden.lab.train.checkpoint import load_dense, save_dense, write_facts
from golden.lab.train.loop import CHECKPOINT, Hooks, fit, log, refuse_unfinished, split_tensors
from golden.lab.train.training_config import load

FLOAT = "float.safetensors"  # of a run: the fine-tuned network before quantisation, masks applied


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
    """The same for a configuration that is already read; `text` goes into the facts. Under torchrun
    every process returns the facts, and the first writes."""
    first = distributed.ranks().first
    outputs.run(run)
    if not resume:
        for part in (run / "finetune", run / "qat"):
            refuse_unfinished(part)
    began = time.monotonic()
    model = load_dense(dense)
    source = config.finetune.data, model.config.timesteps
    frac_bits = config.quant.residual_frac_bits
    search = MaskSearch(model, config)
    if config.finetune.epochs:
        part = run / "finetune"
        hooks = Hooks(search.before_epoch, search.after_step)
        fit(model, config.finetune, part, resume and (part / CHECKPOINT).is_file(), hooks)
        if search.searching:
            search.set(config.search_epochs, searching=False)
        if first:
            save_dense(run / FLOAT, model, {"command": command, "config": text})
    images, _ = split_tensors("train", config.quant.calibration, *source)
    calibrate(model, images)
    log(run, f"weight sparsity {sparsity(model):.4f}")
    convert(model, frac_bits, config.codebook.entries)
    if config.qat.epochs:
        part = run / "qat"
        fit(model, config.qat, part, resume and (part / CHECKPOINT).is_file())
    model.eval()
    provenance = {"command": command, "seed": config.finetune.seed, "method": config.prune.method}
    network = export(model, frac_bits, provenance)
    images, truth = split_tensors("test", 0, *source)
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
