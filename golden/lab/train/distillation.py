# SPDX-License-Identifier: Apache-2.0
"""Distillation: a network learns from the answers of another one, its dense twin for one.

    loss = (1 - distill) * cross-entropy + distill * t^2 * KL(p_teacher || p)

p: softmax(logits / t), t: distill_temperature. Hinton et al., "Distilling the knowledge in a neural
network", arXiv 1503.02531. The teacher answers the same augmented and mixed images, in all of its
timesteps and with the statistics that it was saved with.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from golden.lab.train.training_config import RoundConfig


class Distillation:
    """What the answers of a teacher add to the loss of a round; without a share, nothing."""

    def __init__(self, teacher: nn.Module, config: RoundConfig) -> None:
        self.share, self.temperature = config.distill, config.distill_temperature
        self.teacher = teacher.eval().requires_grad_(False)

    def __call__(
        self, loss: torch.Tensor, inputs: torch.Tensor, logits: torch.Tensor
    ) -> torch.Tensor:
        """`loss`, the cross-entropy of the logits (B, classes) for these inputs (T, B, C, H, W) or
        (B, C, H, W), with the teacher's part."""
        if not self.share:
            return loss
        self.teacher.to(logits.device)
        with torch.no_grad():
            answers = self.teacher(inputs).to(logits.dtype)
        t = self.temperature
        told = functional.log_softmax(answers / t, 1)
        mine = functional.log_softmax(logits / t, 1)
        apart = functional.kl_div(mine, told, reduction="batchmean", log_target=True)
        return (1 - self.share) * loss + self.share * t * t * apart
