# SPDX-License-Identifier: Apache-2.0
"""`psf spikezip train`: the quantised ViT, by quantisation-aware training."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from golden.contract import outputs
from golden.contract.settings import load
from golden.lab.data import record
from golden.lab.spikezip.quantised_transformer import freeze
from golden.lab.spikezip.spikezip_checkpoint import save
from golden.lab.spikezip.spikezip_config import SpikezipConfig
from golden.lab.spikezip.vit import QuantViT
from golden.lab.train.evaluate import accuracy
from golden.lab.train.loop import Hooks, fit, log, split_tensors
from golden.lab.train.source import on_data


def train(
    config_path: Path, run: Path, out: Path, resume: bool, command: str, data: str = ""
) -> None:
    """Train, freeze, evaluate on all test images, write `out` beside its .json and its log."""
    config = load(config_path, SpikezipConfig)
    outputs.run(run)
    settings = on_data(config.train, data)
    torch.manual_seed(config.train.seed)
    model = QuantViT(config.network)

    def before_epoch(epoch: int) -> None:
        for quantiser in model.quantisers():
            quantiser.active = epoch >= config.qat.float_epochs

    began = time.monotonic()
    fit(model, settings, run, resume, Hooks(before_epoch=before_epoch))
    minutes = (time.monotonic() - began) / 60
    right = accuracy(freeze(model), *split_tensors("test", data=settings.data))
    log(
        run,
        f"quantised ViT, level {config.network.level}: accuracy {right:.4f} on all test images, "
        f"{minutes:.1f} minutes",
    )
    facts = {
        "command": command, "seed": config.train.seed, "accuracy": right, "bits":
        config.network.bits, "level": config.network.level, "minutes": round(minutes, 1),
        "config": config_path.read_text(),
    }  # fmt: skip
    save(out, model, facts, run / "log.txt", record(settings.data))
    print(f"{out} written")
