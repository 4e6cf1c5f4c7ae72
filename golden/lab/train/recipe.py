# SPDX-License-Identifier: Apache-2.0
"""What makes training images harder, by kornia: RandAugment (Cubuk et al., arXiv 1909.13719),
random erasing (Zhong et al., arXiv 1708.04896), mixup (Zhang et al., arXiv 1710.09412) and CutMix
(Yun et al., arXiv 1905.04899).

Images go in and come out as whole numbers 0..255, what a camera gives and the accelerator takes.
Everything random follows from the generator of the batches, whose state is part of a checkpoint, so
a training that is resumed, and every process of torchrun, sees the same images. kornia works on the
CPU, where those numbers are drawn: images of another device go there and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn import functional

from golden.lab.train.training_config import TrainConfig

GROUP = 8  # images that share the choice of operations: one by one takes kornia six times as long
COLOUR = "color"  # the operation of RandAugment that needs three channels


class Recipe:
    """The options of `config` for images of so many channels and classes. Where all are off, images
    and labels stay as they are and the generator draws nothing."""

    def __init__(self, config: TrainConfig, channels: int, classes: int) -> None:
        self.config, self.classes = config, classes
        self.randaugment = self.erasing = self.cutmix = None
        if not asked(config):
            return
        from kornia import augmentation  # half a second that other trainings do without
        from kornia.augmentation.auto.rand_augment.rand_augment import RandAugment, default_policy

        policy = [each for each in default_policy if channels == 3 or each[0][0] != COLOUR]
        if config.randaugment:
            strength = config.randaugment_magnitude
            self.randaugment = RandAugment(config.randaugment, strength, policy)
        if config.erase:
            self.erasing = augmentation.RandomErasing(p=config.erase)
        if config.cutmix:
            self.cutmix = augmentation.RandomCutMixV2(
                beta=config.cutmix, data_keys=["input", "class"], use_correct_lambda=True
            )

    def __call__(
        self, images: torch.Tensor, labels: torch.Tensor, generator: torch.Generator, epoch: int = 0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 images (B, C, H, W) and labels (B,) -> the same, changed; labels of mixed images
        are the shares of the classes (B, classes)."""
        mixes = self._mixes(epoch)
        if self.randaugment is None and self.erasing is None and not mixes:
            return images, labels
        where = images.device
        images, labels = images.cpu(), labels.cpu()
        with _drawn_from(generator):
            pixels = images.float() / 255
            if self.randaugment is not None:
                pixels = torch.cat([self.randaugment(part) for part in pixels.split(GROUP)])
            if self.erasing is not None:
                pixels = self.erasing(pixels)
            if mixes:
                pixels, labels = mixes[int(torch.randint(len(mixes), ()))](pixels, labels)
        return (pixels * 255).round().clamp(0, 255).to(where, torch.uint8), labels.to(where)

    def _mixes(self, epoch: int) -> list:
        """The ways to mix two images in this epoch; each batch takes one of them."""
        if self.config.mix_epochs and epoch >= self.config.mix_epochs:
            return []
        both = (self._mixup, self.config.mixup), (self._cutmix, self.config.cutmix)
        return [mix for mix, alpha in both if alpha]

    def _mixup(
        self, pixels: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        alpha = torch.tensor(self.config.mixup)
        own = torch.distributions.Beta(alpha, alpha).sample((len(labels),))
        order = torch.randperm(len(labels))
        mixed = torch.lerp(pixels[order], pixels, own.view(-1, 1, 1, 1))
        return mixed, self._shares(labels, labels[order], own)

    def _cutmix(
        self, pixels: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        mixed, told = self.cutmix(pixels, labels)
        first, second, own = told[0].unbind(1)
        return mixed, self._shares(first.long(), second.long(), own)

    def _shares(self, first: torch.Tensor, second: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        """(B, classes): `own` of the first class, the rest of the second."""
        one, other = (functional.one_hot(x, self.classes).float() for x in (first, second))
        return torch.lerp(other, one, own[:, None])


def asked(config: TrainConfig) -> list[str]:
    """The options of `Recipe` that a configuration uses."""
    names = "randaugment", "erase", "mixup", "cutmix"
    return [name for name in names if getattr(config, name)]


@contextmanager
def _drawn_from(generator: torch.Generator) -> Iterator[None]:
    """What draws from torch's own generator of the CPU, as kornia does, follows `generator`."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed CUDA, too
        yield
