# SPDX-License-Identifier: Apache-2.0
"""The spiking network against the quantised ANN, module by module, with no tolerance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from spikingjelly.activation_based.neuron import STBIFNode
from torch import nn

from golden.lab.spikezip.functions import FixedLayerNorm, FixedSoftmax
from golden.lab.spikezip.layers import QuantConv2d, QuantLinear
from golden.lab.spikezip.quantised_transformer import QuantTransformer
from golden.lab.spikezip.quantiser import Quantiser
from golden.lab.spikezip.to_spiking import neuron_name, present

COMPARED = (Quantiser, QuantLinear, QuantConv2d, FixedSoftmax, FixedLayerNorm, nn.Embedding)


@dataclass(frozen=True)
class Difference:
    """One module. what: 'levels' (spikes counted with their sign, against the quantiser's
    integers), 'input' (of the neuron, summed over time) or 'output' (of a product, a function or an
    embedding, summed over time). values: how many were compared, different: how many of them
    differ, largest: by how much. last_spike: the last timestep, from 1, with a spike; 0 if not a
    neuron or silent.
    """

    name: str
    what: str
    values: int
    different: int
    largest: float
    last_spike: int = 0


@dataclass(frozen=True)
class Comparison:
    """timesteps: run until the spikes had stopped.  quiet: whether they had, within the bound."""

    timesteps: int
    quiet: bool
    modules: list[Difference]

    @property
    def different(self) -> int:
        """Values that differ, over all modules."""
        return sum(module.different for module in self.modules)


@torch.no_grad()
def compare(ann: QuantTransformer, snn: nn.Module, samples: torch.Tensor) -> Comparison:
    """Run both on uint8 images (B, C, H, W) or token numbers (B, N), the spiking network until no
    neuron fires any more.

    Silence at a step after the biases are out lasts: no input arrives from anywhere, and a neuron
    whose q does not move does not fire. A neuron whose input stands still is silent after at most
    `level` steps, so a chain of n neurons is after n * level: beyond that the run is given up.
    """
    names = [name for name, module in ann.named_modules() if isinstance(module, COMPARED)]
    with _outputs(ann, {name: name for name in names}) as (expected_in, expected):
        logits = ann.answer(samples)
    level = ann.config.level
    limit = level * (2 + sum(isinstance(m, Quantiser) for m in ann.modules()))
    last = dict.fromkeys(names, 0)
    with _outputs(snn, {name: neuron_name(name) for name in names}) as (inputs, outputs):
        answer = torch.zeros_like(logits)
        for step, part in enumerate(present(snn, samples), 1):
            answer += part
            fired = [name for name in names if _fires(snn, name)]
            last |= dict.fromkeys(fired, step)
            if (not fired and step > level) or step == limit:
                break
    rows = []
    for name in names:
        module = ann.get_submodule(name)
        if isinstance(module, Quantiser):
            counts = snn.get_submodule(neuron_name(name)).acc_q.long()
            levels = (expected[name] / module.s).long()
            rows.append(_difference(name, "input", expected_in[name], inputs[name]))
            rows.append(_difference(name, "levels", levels, counts, last[name]))
        else:
            rows.append(_difference(name, "output", expected[name], outputs[name]))
    rows.append(_difference("logits", "output", logits, answer))
    return Comparison(step, not fired, rows)


def _fires(snn: nn.Module, name: str) -> bool:
    module = snn.get_submodule(neuron_name(name))
    return isinstance(module, STBIFNode) and bool(module.cur_output.any())


def _difference(
    name: str, what: str, expected: torch.Tensor, got: torch.Tensor, last: int = 0
) -> Difference:
    gap = (expected - got).abs()
    return Difference(name, what, gap.numel(), int((gap != 0).sum()), float(gap.max()), last)


@contextmanager
def _outputs(model: nn.Module, names: dict[str, str]) -> Iterator[tuple[dict, dict]]:
    """Inputs and outputs of the modules `names.values()`, summed over all calls, by the keys."""
    inputs: dict[str, torch.Tensor] = {}
    outputs: dict[str, torch.Tensor] = {}

    def add(name: str, given: torch.Tensor, made: torch.Tensor) -> None:
        inputs[name] = inputs[name] + given if name in inputs else given.clone()
        outputs[name] = outputs[name] + made if name in outputs else made.clone()

    hooks = [
        model.get_submodule(inner).register_forward_hook(
            lambda _m, given, made, name=name: add(name, given[0], made)
        )
        for name, inner in names.items()
    ]
    try:
        yield inputs, outputs
    finally:
        for hook in hooks:
            hook.remove()
