# SPDX-License-Identifier: Apache-2.0
"""What conversion, comparison, curve and energy ask a quantised transformer, of images or text."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import nn

from golden.lab.spikezip.layers import QuantConv2d, QuantLinear
from golden.lab.spikezip.quantiser import Quantiser, quantise_weight, to_grid
from golden.lab.spikezip.spikezip_config import Sizes


class QuantTransformer(nn.Module):
    """samples: what a data set gives, uint8 images (n, C, H, W) or token numbers int64 (n, N).

    family: of spikingjelly's SpikeZIPTFQANNRecipe, which looks for modules by name.
    input_step: the step of the numbers that enter the first product, 1.0 where spikes do.
    """

    family: ClassVar[str]
    input_step: ClassVar[float] = 1.0

    def __init__(self, config: Sizes) -> None:
        super().__init__()
        self.config = config

    def quantisers(self) -> list[Quantiser]:
        """All activation quantisers."""
        return [module for module in self.modules() if isinstance(module, Quantiser)]

    @abstractmethod
    def answer(self, samples: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes) of the frozen ANN."""

    @abstractmethod
    def shown(self, samples: torch.Tensor) -> Iterator[torch.Tensor]:
        """What the spiking network is given at t = 0, 1, ..., without end."""

    @abstractmethod
    def embeddings(self) -> list[nn.Parameter]:
        """What is added up to the first tokens without a product."""

    def batches(self, samples: torch.Tensor, size: int) -> Iterator[tuple[torch.Tensor, ...]]:
        """(their numbers, samples) of at most `size` each that have equally many tokens."""
        yield from zip(torch.arange(len(samples)).split(size), samples.split(size), strict=True)

    def largest_mask(self) -> float:
        """What an attention mask takes off a score; UserError if that could be too little."""
        return 0.0


@torch.no_grad()
def freeze(model: QuantTransformer) -> QuantTransformer:
    """The network in evaluation mode and float64, every weight replaced by its quantised value,
    biases and embeddings by multiples of 2^-16. In place; doing it twice changes nothing."""
    for module in model.modules():
        if isinstance(module, QuantLinear | QuantConv2d):
            module.weight.copy_(quantise_weight(module.weight, module.bits))
            module.bias.copy_(to_grid(module.bias))
    for embedding in model.embeddings():
        embedding.copy_(to_grid(embedding))
    return model.double().eval().requires_grad_(False)
