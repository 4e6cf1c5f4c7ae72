# SPDX-License-Identifier: Apache-2.0
"""What the report measures of a network on test images; kept by the hash of the checkpoint and of
the code that measures, so that a second report does not run it again."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from golden import data
from golden.neuron import LIF
from golden.report.page import replace
from golden.train.checkpoint import load_dense

BATCH = 50


@dataclass
class Spikes:
    """ones: values that are not 0.  values: all of them."""

    ones: int = 0
    values: int = 0
    binary: bool = True

    def add(self, tensor: torch.Tensor) -> None:
        """Count one more tensor."""
        self.ones += int(tensor.count_nonzero())
        self.values += tensor.numel()
        self.binary = self.binary and bool(((tensor == 0) | (tensor == 1)).all())

    @property
    def rate(self) -> float:
        """Share of the values that are not 0."""
        return self.ones / self.values


@dataclass
class Measured:
    """Of `images` test images. rates: spikes per neuron and timestep, by LIF in order of execution;
    mean_rate: the same over all neurons. input_rate: values that are not 0 of what the encoder
    gives to the network; input_binary: all of them 0 or 1. neurons: of one image."""

    images: int
    parameters: int
    neurons: int
    mean_rate: float
    rates: dict[str, float]
    input_rate: float
    input_binary: bool
    more: dict[str, Any] = field(default_factory=dict)


def measure(path: Path, name: str, count: int, cache: Path) -> dict[str, Any]:
    """`Measured` of a float checkpoint on the first `count` test images of the data set `name`.

    UserError if the checkpoint is damaged or the data set is not there.
    """
    entry = cache / f"{_key(path, name, count)}.json"
    if entry.is_file():
        try:
            return json.loads(entry.read_text())
        except ValueError:
            pass  # cut off: measured again
    images = data.load(name, "test").images[:count]
    found = asdict(run(load_dense(path), images))
    replace(entry, (json.dumps(found) + "\n").encode())
    return found


def _key(path: Path, name: str, count: int) -> str:
    code = Path(__file__).read_bytes()
    content = path.read_bytes() if path.is_file() else b""
    return hashlib.sha256(content + code + f"{name} {count}".encode()).hexdigest()[:24]


@torch.no_grad()
def run(model: nn.Module, images: np.ndarray) -> Measured:
    """images: uint8 (n, C, H, W) or frames (n, T, C, H, W)."""
    lifs: dict[str, Spikes] = defaultdict(Spikes)
    entering, hooks = Spikes(), []

    def watch(module: nn.Module, spikes: Spikes) -> None:
        hooks.append(module.register_forward_hook(lambda _m, _i, out: spikes.add(out)))

    for name, module in model.named_modules():
        if isinstance(module, LIF):
            hooks.append(
                module.register_forward_hook(lambda _m, _i, out, name=name: lifs[name].add(out))
            )
    watch(model.encoder, entering)
    model.eval()
    torch.manual_seed(0)  # the Poisson encoder draws
    try:
        for part in torch.from_numpy(images).split(BATCH):
            drive = batch_input(part)
            if drive.dim() == 5:  # no encoder runs
                entering.add(drive)
            model(drive)
    finally:
        for hook in hooks:
            hook.remove()
    steps = len(images) * model.config.timesteps
    return Measured(
        images=len(images),
        parameters=sum(p.numel() for p in model.parameters()),
        neurons=sum(spikes.values for spikes in lifs.values()) // steps,
        mean_rate=sum(s.ones for s in lifs.values()) / sum(s.values for s in lifs.values()),
        rates={name: spikes.rate for name, spikes in lifs.items()},
        input_rate=entering.rate,
        input_binary=entering.binary,
    )


def batch_input(images: torch.Tensor) -> torch.Tensor:
    """uint8 images (n, C, H, W) -> 0..1; frames (n, T, C, H, W) -> (T, n, C, H, W)."""
    return images.float() / 255 if images.dim() == 4 else images.transpose(0, 1).float()
