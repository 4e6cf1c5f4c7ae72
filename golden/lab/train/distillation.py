# SPDX-License-Identifier: Apache-2.0
"""Distillation: a network learns from the answers of another one, its dense twin for one.

    loss = (1 - distill) * cross-entropy + distill * t^2 * KL(p_teacher || p)

p: softmax(logits / t), t: distill_temperature. Hinton et al., "Distilling the knowledge in a neural
network", arXiv 1503.02531. The teacher answers the same augmented and mixed images, in all of its
timesteps and with the statistics that it was saved with. It may be any network of
golden.lab.networks.backbones, of other sizes and another number of timesteps.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from golden.contract.errors import UserError
from golden.contract.paths import of_setting
from golden.lab.train.checkpoint import load_float
from golden.lab.train.training_config import TrainConfig


class Distillation:
    """What the answers of a teacher add to the loss of a training."""

    def __init__(self, teacher: nn.Module, config: TrainConfig) -> None:
        self.share, self.temperature = config.distill, config.distill_temperature
        self.teacher = teacher.eval().requires_grad_(False)

    def __call__(
        self, loss: torch.Tensor, inputs: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """`loss`, the cross-entropy of the logits (B, classes) for these inputs (T, B, C, H, W) or
        (B, C, H, W), with the teacher's part."""
        self.teacher.to(inputs)  # where they are, and as exact
        with torch.no_grad():
            answers = self.teacher(inputs).to(logits.dtype)
        t = self.temperature
        told = functional.log_softmax(answers / t, 1)
        mine = functional.log_softmax(logits / t, 1)
        apart = functional.kl_div(mine, told, reduction="batchmean", log_target=True)
        return (1 - self.share) * loss + self.share * t * t * apart


def lessons(config: TrainConfig, model: nn.Module, twin: nn.Module | None) -> Distillation | None:
    """What `config` asks for in a training of `model`: lessons of the checkpoint that it names,
    without one of `twin`; None without a share. UserError if nobody is there to teach, or one of
    other images or classes."""
    if not config.distill:
        return None
    if not config.teacher:
        if twin is None:
            raise UserError(
                f"train.distill is {config.distill:g}, and nothing says whose answers count: set "
                "train.teacher to a float checkpoint, or train.distill = 0"
            )
        return Distillation(twin, config)
    path = of_setting(config.teacher)
    teacher = load_float(path)
    for name in ("in_channels", "height", "width", "classes", "input_timesteps"):
        own, other = (getattr(network.config, name) for network in (model, teacher))
        if own != other:
            raise UserError(
                f"train.teacher {path} has network.{name} = {other}, the network that is to learn "
                f"from it {own}: name one of the same images and classes"
            )
    return Distillation(teacher, config)
