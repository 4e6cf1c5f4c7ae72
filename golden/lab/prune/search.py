# SPDX-License-Identifier: Apache-2.0
"""When masks follow the weights, and how sparse they are by then."""

from __future__ import annotations

import torch

from golden.lab.prune.importance import activities
from golden.lab.prune.network_masks import prunable, set_masks
from golden.lab.prune.pruning_config import PruneRunConfig
from golden.lab.train.source import split_tensors


class MaskSearch:
    """Masks follow the weights for the first epochs, then stay."""

    def __init__(self, model: torch.nn.Module, config: PruneRunConfig, every: int = 20) -> None:
        self.model, self.config, self.every, self.step = model, config, every, 0
        self.searching = False
        self.activity = None
        if config.prune.measured:
            images, _ = split_tensors(
                "train", config.quant.calibration, config.finetune.data, model.config.timesteps
            )
            self.activity = activities(model, prunable(model), images[:512])
        self.set(config.search_epochs, searching=False)

    def set(self, epochs: float, searching: bool) -> None:
        """New masks for the sparsity that is due after so many epochs."""
        goal, length = self.config.prune.sparsity, self.config.ramp * self.config.search_epochs
        due = goal
        if epochs < length:
            start = self.config.ramp_from
            due = start + (goal - start) * (1 - (1 - epochs / length) ** 3)
        set_masks(self.model, self.config.prune, searching, self.activity, due)

    def before_epoch(self, epoch: int) -> None:
        searching = epoch < self.config.search_epochs
        if searching or self.searching:
            self.set(epoch, searching)
        self.searching = searching

    def after_step(self, epochs: float) -> None:
        self.step += 1
        if self.searching and self.step % self.every == 0:
            self.set(epochs, True)
