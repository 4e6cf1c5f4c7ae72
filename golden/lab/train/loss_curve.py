# SPDX-License-Identifier: Apache-2.0
"""The loss of every training step of a configuration, as JSON: what `golden ddp-check` compares.

python -m golden.lab.train.loss_curve CONFIG RUN OUT PRECISION..., alone or under torchrun.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch

from golden.contract.command import run as run_command
from golden.contract.files import write_json
from golden.contract.settings import load
from golden.lab.networks import backbones
from golden.lab.train.distributed import processes, ranks
from golden.lab.train.loop import Hooks, fit
from golden.lab.train.training_config import RunConfig


def curve(config: RunConfig, run: Path) -> list[float]:
    """Train the network of `config`; loss of each global batch in order, in every process."""
    losses: list[float] = []
    torch.manual_seed(config.train.seed)
    fit(backbones.build(config.network), config.train, run, hooks=Hooks(on_loss=losses.append))
    return losses


def main(config: str, run: str, out: str, *precisions: str) -> None:
    """Write the curve of every precision to `out`."""
    read = load(Path(config), RunConfig)
    with processes():
        losses = {
            precision: curve(replace(read, train=replace(read.train, precision=precision)),
                             Path(run) / precision)
            for precision in precisions
        }  # fmt: skip
        if ranks().first:
            write_json(out, losses)


if __name__ == "__main__":
    run_command(lambda: main(*sys.argv[1:]))
