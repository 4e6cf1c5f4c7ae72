# SPDX-License-Identifier: Apache-2.0
"""`psf train`: a dense float network."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from golden.contract import outputs
from golden.contract.paths import of_setting
from golden.contract.settings import load
from golden.lab.data import record
from golden.lab.networks import backbones
from golden.lab.train import distributed
from golden.lab.train.checkpoint import save_dense, trained_on, warm_start
from golden.lab.train.evaluate import accuracy
from golden.lab.train.loop import fit, log, split_tensors
from golden.lab.train.source import on_data
from golden.lab.train.training_config import RunConfig


def train(
    config_path: Path, run: Path, out: Path, resume: bool, command: str, data: str = ""
) -> None:
    """Train, evaluate on all test images, write `out` (safetensors) beside its .json and training
    log. data: in place of the configuration's."""
    config = load(config_path, RunConfig)
    outputs.run(run)
    told = trained_on(of_setting(config.start)) if config.start else None
    settings = on_data(config.train, data, told)
    torch.manual_seed(config.train.seed)
    model = backbones.build(config.network)
    if config.start:
        warm_start(model, of_setting(config.start))
    began = time.monotonic()
    fit(model, settings, run, resume)
    minutes = (time.monotonic() - began) / 60
    if not distributed.ranks().first:
        return
    with distributed.placed(model, settings.device):
        right = accuracy(model, *split_tensors("test", 0, settings.data, config.network.timesteps))
    log(run, f"dense float accuracy {right:.4f} on all test images, {minutes:.1f} minutes")
    facts = {
        "command": command, "seed": config.train.seed, "accuracy": right, "minutes":
        round(minutes, 1), "config": config_path.read_text(),
    }  # fmt: skip
    save_dense(out, model, facts, run / "log.txt", record(settings.data))
    print(f"{out} written")
