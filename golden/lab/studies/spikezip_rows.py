# SPDX-License-Identifier: Apache-2.0
"""The paper's energy of a converted spiking network, measured while it runs.

  SOP = firing rate of the input * T * FLOPs       E = 4.6 pJ * MAC + 0.9 pJ * SOP

T are the timesteps until no neuron fires any more. A spike of an ST-BIF+ neuron is +s or -s with
one s per neuron: it adds or takes away a weight, so either sign costs an AC, and the rate is the
share of values that are not 0. spikingjelly computes a linear layer or convolution as the
difference of two products of running sums; counted is what that equals, the product of what
arrives at the step. The image enters at t = 0 alone and costs its MAC once; the words of a
sentence are rows of a table and cost nothing, its padding is left out. The spiking attention has
three products a step, S1 x2, x1 S2 and x1 x2 (golden.lab.spikezip.to_spiking): the sparser of the
operands that are spikes drives. Softmax, LayerNorm and neurons are no synaptic
operations, though every step takes them on real numbers.
"""

from __future__ import annotations

import torch
from spikingjelly.activation_based.ann2snn.recipes.spikezip_qann import (
    SpikeZIPConv2d,
    SpikeZIPLinear,
)
from spikingjelly.activation_based.neuron import STBIFNode
from torch import nn

from golden.contract.energy.paper_row import Row
from golden.contract.errors import UserError
from golden.lab.spikezip.quantised_transformer import QuantTransformer
from golden.lab.spikezip.quantiser import Quantiser
from golden.lab.spikezip.to_spiking import convert, present
from golden.lab.studies.torch_rows import Counter, named

BATCH = 50


@torch.no_grad()
def measure(ann: QuantTransformer, samples: torch.Tensor, timesteps: int = 0) -> list[Row]:
    """Every layer of the spiking network of a frozen `ann`, in the order of execution, averaged
    over `samples`, uint8 images (n, C, H, W) or token numbers (n, N). timesteps: so many, 0: until
    the spikes have stopped."""
    if not len(samples):
        raise UserError("the energy of a network needs at least one image or sentence")
    snn, counter = convert(ann), _TernaryCounter()

    def arrive(_module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        counter.arriving = given[0]

    for module in snn.modules():
        if isinstance(module, SpikeZIPLinear | SpikeZIPConv2d):
            module.register_forward_pre_hook(arrive)
    with named(snn, counter):
        for _, part in ann.batches(samples, BATCH):
            _run(ann, snn, counter, part, timesteps)
    return counter.rows(len(samples))


def _run(ann: QuantTransformer, snn: nn.Module, counter: Counter, samples, timesteps: int) -> None:
    """Count one batch."""
    neurons = [module for module in snn.modules() if isinstance(module, STBIFNode)]
    level = ann.config.level
    limit = timesteps or level * (2 + sum(isinstance(m, Quantiser) for m in ann.modules()))
    steps = present(snn, samples)
    for step in range(1, limit + 1):
        with counter:
            next(steps)
        silent = step > level and not any(bool(neuron.cur_output.any()) for neuron in neurons)
        if silent and not timesteps:
            break


class _TernaryCounter(Counter):
    """Takes {-s, 0, s} as spikes. A call with nothing but zeros on every side happens in a silent
    network and at the first layer after the image: it is no product of real numbers."""

    arriving: torch.Tensor  # at the linear layer or convolution that runs

    def _layer(self, function, args, kwargs, out: torch.Tensor) -> None:
        super()._layer(function, (self.arriving, *args[1:]), kwargs, out)

    def _add(self, name, flops, bias, entering, density=1.0) -> None:
        seen = [_as_spikes(tensor) for tensor in entering]
        known = self.sums.get(name)
        if known and known.sides[0].values == "reals" and not any(t.any() for t in entering):
            return
        super()._add(name, flops, bias, seen, density)


def _as_spikes(tensor: torch.Tensor) -> torch.Tensor:
    """{-s, 0, s} -> {0, 1}; anything else stays as it is."""
    size = tensor.abs()
    top = size.max()
    return (size > 0).float() if bool(((size == 0) | (size == top)).all()) else tensor
