# SPDX-License-Identifier: Apache-2.0
"""Shuffled, augmented batches of uint8 images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional

from golden.lab.train.recipe import Recipe
from golden.lab.train.source import scaled
from golden.lab.train.training_config import TrainConfig


def batches(
    images: torch.Tensor,
    labels: torch.Tensor,
    config: TrainConfig,
    generator: torch.Generator,
    largest: int = 255,
    recipe: Recipe | None = None,
    epoch: int = 0,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One epoch of (float images (B, C, H, W) or event frames (B, T, 2, H, W) in 0..1, labels); the
    incomplete last batch is dropped. All on the device of `images`, with draws of the CPU: they are
    the same on every device. largest: of the values, see golden.lab.train.source. recipe:
    of images, in `epoch`."""
    order = torch.randperm(len(images), generator=generator).to(images.device)
    for start in range(0, len(order) - config.batch_size + 1, config.batch_size):
        index = order[start : start + config.batch_size]
        pixels, truth = augment(images[index], config, generator), labels[index]
        if recipe is not None:
            pixels, truth = recipe(pixels, truth, generator, epoch)
        yield scaled(pixels.float(), largest), truth


def augment(images: torch.Tensor, config: TrainConfig, generator: torch.Generator) -> torch.Tensor:
    """Random horizontal flips and shifts by up to config.shift pixels of (B, C, H, W), and of
    (B, T, C, H, W), where all frames of a sample move alike."""
    if images.dim() == 5:
        return augment(images.flatten(1, 2), config, generator).unflatten(1, images.shape[1:3])
    (batch, channels, height, width), where = images.shape, images.device
    if config.shift:
        reach = 2 * config.shift + 1
        dy, dx = torch.randint(reach, (2, batch), generator=generator).to(where)
        rows = (torch.arange(height, device=where) + dy[:, None])[:, None, :, None]
        columns = (torch.arange(width, device=where) + dx[:, None])[:, None, None, :]
        padded = functional.pad(images, (config.shift,) * 4)
        images = padded[
            torch.arange(batch, device=where)[:, None, None, None],
            torch.arange(channels, device=where)[:, None, None],
            rows,
            columns,
        ]
    if config.flip:
        flipped = (torch.rand(batch, generator=generator) < 0.5).to(where)
        images = torch.where(flipped[:, None, None, None], images.flip(3), images)
    return images
