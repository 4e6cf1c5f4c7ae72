# SPDX-License-Identifier: Apache-2.0
"""From a data set to what a network takes.

Values are clipped to the largest that the network's ``input_bits`` hold, and divided by it: pixels
become pixel / 255, event counts 0 or 1 where the network has one bit for them.
golden.lab.data.load gives the counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from golden.contract.errors import UserError
from golden.lab.data import DEFAULT, Split, facts, load, name_for, shown
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.checkpoint import trained_on
from golden.lab.train.recipe import asked
from golden.lab.train.training_config import TrainConfig


def split_tensors(
    split: str, limit: int = 0, data: str = "", timesteps: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images (n, C, H, W) or event frames (n, T, 2, H, W), and int64 labels (n,).

    limit: only so many, 0: all.  data: '' is Fashion-MNIST.  timesteps: T of event frames, 0: the
    data set's usual number; of one, the frame is an image.
    """
    data = data or DEFAULT
    options = {"timesteps": timesteps} if timesteps and facts(data).timesteps else {}
    return _tensors(load(data, split, **options), limit)


def tensors_for(
    model: nn.Module, checkpoint: Path, split: str = "test", limit: int = 0, data: str = ""
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same for the network of a float checkpoint: the data that it was trained on, or `data`,
    with the labels in its numbering. UserError if they do not fit."""
    return _tensors(shown(model.config, trained_on(checkpoint), data, split=split), limit)


def on_data(
    config: TrainConfig, given: str = "", told: Mapping[str, Any] | None = None
) -> TrainConfig:
    """`config` with a data set: `given`, else its own, else that of the record `told` (of the
    checkpoint that training begins with), else Fashion-MNIST. The name is absolute."""
    return replace(config, data=name_for(told or {}, given or config.data))


def _tensors(content: Split, limit: int) -> tuple[torch.Tensor, torch.Tensor]:
    stop = limit or len(content.labels)
    images = np.require(content.images[:stop], requirements="W")
    if images.ndim == 5 and images.shape[1] == 1:  # one frame is an image
        images = images[:, 0]
    return torch.from_numpy(images), torch.from_numpy(content.labels[:stop])


def scaled(images: torch.Tensor, largest: int = 255) -> torch.Tensor:
    """Float images (B, C, H, W) or event counts (B, T, 2, H, W) to 0..1."""
    return images.clamp(max=largest) / largest


def time_first(batch: torch.Tensor) -> torch.Tensor:
    """Frames (B, T, C, H, W) -> (T, B, C, H, W), which networks take; images stay as they are."""
    return batch.transpose(0, 1).contiguous() if batch.dim() == 5 else batch


def network_input(model: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """What `model` takes, in its type and on its device, of uint8 images (B, C, H, W) or event
    frames (B, T, C, H, W)."""
    parameter = next(model.parameters())
    return time_first(scaled(images.to(parameter), largest(model)))


def largest(model: nn.Module) -> int:
    """The largest value of the input of `model`: of its configuration, or of a pixel."""
    return getattr(getattr(model, "config", None), "input_max", 255)


def check(network: NetworkConfig, config: TrainConfig) -> None:
    """UserError unless the network takes what config.data holds."""
    entry = facts(config.data or DEFAULT)
    wanted = {
        "in_channels": entry.channels, "height": entry.height, "width": entry.width, "classes":
        entry.classes,
    }  # fmt: skip
    wrong = {name: value for name, value in wanted.items() if getattr(network, name) != value}
    if wrong:
        raise UserError(
            f"the network does not fit the data set {entry.name}: set "
            + ", ".join(f"network.{name} = {value}" for name, value in wrong.items())
        )
    steps = network.timesteps if entry.timesteps else 1
    if network.input_timesteps != steps:
        raise UserError(
            f"{entry.name} has {'event frames' if entry.timesteps else 'images'}: set "
            f"network.input_timesteps = {steps}"
            + (" and network.input_bits = 1 (or more, for counts)" if entry.timesteps else "")
        )
    if config.shift >= min(entry.height, entry.width):
        raise UserError(
            f"train.shift is {config.shift}, which moves images of {entry.height} x {entry.width} "
            "pixels out of sight; give less"
        )
    if entry.timesteps and asked(config):
        raise UserError(
            f"{entry.name} has event frames, and RandAugment, erasing and mixing are for images: "
            + "set " + ", ".join(f"train.{name} = 0" for name in asked(config))
        )  # fmt: skip
    if entry.timesteps and config.early_epochs:
        raise UserError(
            f"{entry.name} has event frames, which cannot be shown in fewer timesteps: "
            "set train.early_epochs = 0"
        )
