# SPDX-License-Identifier: Apache-2.0
"""What the synapses of a network are fed: spikes, integers or real numbers.

The measurement of the Spikingformer paper (arXiv 2304.11954, figures 3 and 4): the histogram of the
values that enter each convolution. Spikformer and SEW-ResNet with ADD feed integers to theirs,
so that these need multiplications; Spikingformer feeds spikes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import nn

from golden.lab.networks.backbones.head import Head
from golden.lab.networks.layers import ConvBN, LinearBN

SYNAPSES = (ConvBN, LinearBN, nn.Conv1d, nn.Conv2d, nn.Linear)
LARGEST = 64  # integers above are counted as this
BINS, REACH = 64, 8.0  # of real values: BINS of equal width in -REACH..REACH, the outer ones open


@dataclass
class Inputs:
    """All values that entered one layer.

    integers: how often 0, 1, 2, ... LARGEST came.  reals: the histogram of all other values, BINS
    from -REACH to REACH.
    """

    integers: list[int] = field(default_factory=lambda: [0] * (LARGEST + 1))
    reals: list[int] = field(default_factory=lambda: [0] * BINS)

    @property
    def kind(self) -> str:
        """'binary': only 0 and 1.  'integer': natural numbers.  'real': anything else."""
        if any(self.reals):
            return "real"
        return "integer" if any(self.integers[2:]) else "binary"

    @property
    def share(self) -> dict[str, float]:
        """Fractions of zeros, ones, integers from 2 on, and others."""
        parts = {
            "0": self.integers[0], "1": self.integers[1], "2..": sum(self.integers[2:]),
            "others": sum(self.reals),
        }  # fmt: skip
        total = max(1, sum(parts.values()))
        return {name: count / total for name, count in parts.items()}

    def add(self, values: torch.Tensor) -> None:
        """Count the values of a tensor of any shape."""
        values = values.detach().float().flatten()
        natural = (values == values.round()) & (values >= 0)
        whole = values[natural].clamp(max=LARGEST).long()
        others = values[~natural].clamp(-REACH, REACH)
        for counts, more in (
            (self.integers, torch.bincount(whole, minlength=LARGEST + 1)),
            (self.reals, torch.histc(others, BINS, -REACH, REACH)),
        ):
            counts[:] = [old + int(new) for old, new in zip(counts, more, strict=True)]


@torch.no_grad()
def inputs(model: nn.Module, batches: Iterator[torch.Tensor]) -> dict[str, Inputs]:
    """By name, of every convolution and linear layer, in the order of `named_modules`.

    batches: images (B, C, H, W) in 0..1 or frames (T, B, C, H, W), on which the network runs in
    evaluation mode. The head counts what its FC sees in the order that its kind names.
    """
    layers = {name: m for name, m in model.named_modules() if isinstance(m, SYNAPSES)}
    found = {name: Inputs() for name in layers}

    def watch(name: str):
        def hook(module, arguments) -> None:
            seen = arguments[0]
            found[name].add(head_input(module, seen) if isinstance(module, Head) else seen)

        return hook

    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()]
    training = model.training
    try:
        model.eval()
        for batch in batches:
            model(batch)
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return found


def head_input(head: Head, stream: torch.Tensor) -> torch.Tensor:
    """What the FC of a head is fed by the stream (T, B, N, D), were it computed in its own order
    (the FC and the mean commute; `Head` always takes the mean first)."""
    match head.kind:
        case "fc_avgpool":
            return stream
        case "sn_fc_avgpool":
            return head.lif(stream)
        case "avgpool_sn_fc":
            return head.lif(stream.mean(2))
        case _:
            return head.pooled(stream)


def table(found: dict[str, Inputs]) -> str:
    """One line per layer: name, kind, and the share of zeros, ones, larger integers, others."""
    width = max(len(name) for name in found)
    lines = [f"{'layer':{width}}  inputs       0       1     2..  others"]
    for name, values in found.items():
        shares = " ".join(f"{share:7.4f}" for share in values.share.values())
        lines.append(f"{name:{width}}  {values.kind:7} {shares}")
    return "\n".join(lines)


def report(found: dict[str, Inputs]) -> dict[str, dict]:
    """For JSON: by layer its kind, the counts of 0, 1, ... without the zeros at the end, and the
    histogram of other values (empty if there are none) with its edges."""
    rows = {}
    for name, values in found.items():
        row = {"kind": values.kind} | dataclasses.asdict(values)
        while len(row["integers"]) > 2 and not row["integers"][-1]:
            row["integers"].pop()
        if not any(row["reals"]):
            row["reals"] = []
        rows[name] = row | {"edges": [-REACH, REACH]}
    return rows
