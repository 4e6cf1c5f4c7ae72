# SPDX-License-Identifier: Apache-2.0
"""From a data set to what a network takes.

Images become pixel / 255. Event frames become spikes: an event count is clipped to 1, since the
accelerator's inputs are spikes and an input that is 0 or 1 costs accumulations only;
golden.lab.data.load gives the counts.
"""

from __future__ import annotations

import numpy as np
import torch

from golden.contract.errors import UserError
from golden.lab.data import facts, load
from golden.lab.networks.network_config import NetworkConfig
from golden.lab.train.training_config import TrainConfig


def split_tensors(
    split: str, limit: int = 0, data: str = "fashion_mnist", timesteps: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 images (n, C, H, W) or event frames (n, T, 2, H, W), and int64 labels (n,).

    limit: only so many, 0: all.  timesteps: T of event frames, 0: the data set's usual number.
    """
    options = {"timesteps": timesteps} if timesteps and facts(data).timesteps else {}
    content = load(data, split, **options)
    stop = limit or len(content.labels)
    images = np.require(content.images[:stop], requirements="W")
    return torch.from_numpy(images), torch.from_numpy(content.labels[:stop])


def scaled(images: torch.Tensor) -> torch.Tensor:
    """Float images (B, C, H, W) to 0..1, float event counts (B, T, 2, H, W) to 0 or 1."""
    return images.clamp(max=1) if images.dim() == 5 else images / 255


def time_first(batch: torch.Tensor) -> torch.Tensor:
    """Frames (B, T, C, H, W) -> (T, B, C, H, W), which networks take; images stay as they are."""
    return batch.transpose(0, 1).contiguous() if batch.dim() == 5 else batch


def check(network: NetworkConfig, config: TrainConfig) -> None:
    """UserError unless the network takes what config.data holds."""
    entry = facts(config.data)
    wanted = {
        "in_channels": entry.channels, "height": entry.height, "width": entry.width, "classes":
        entry.classes,
    }  # fmt: skip
    wrong = {name: value for name, value in wanted.items() if getattr(network, name) != value}
    if wrong:
        raise UserError(
            f"the network does not fit the data set {config.data}: set "
            + ", ".join(f"network.{name} = {value}" for name, value in wrong.items())
        )
    if entry.timesteps and config.early_epochs:
        raise UserError(
            f"{config.data} has event frames, which cannot be shown in fewer timesteps: "
            "set train.early_epochs = 0"
        )


def check_images(data: str) -> None:
    """UserError if `data` has event frames, which the integer network does not take."""
    if facts(data).timesteps:
        raise UserError(
            f"{data} has event frames; only networks on images are pruned and quantised"
        )
