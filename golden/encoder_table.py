# SPDX-License-Identifier: Apache-2.0
"""`python -m golden encoders train / compare`: what each input encoder costs and is worth.

Everything is counted on the test images, per image, in float32:

  SOP of a layer  = mean of its binary input x T x FLOPs, additions of 0.9 pJ
  MAC of a layer  = FLOPs, once per image, for a layer with a real-valued input, 4.6 pJ each

FLOPs are the products of one timestep, padding included (golden.energy.synaptic: the same count).
Which layers multiply: with direct encoding the first convolution; with the learned encoder its
linear layer of H W C E products. Because hardware adds bit-planes instead of multiplying, both are
also counted as additions: the ones among the 8 bits of all pixels x outputs per pixel.
What the fixed encoders need to make their spikes (random numbers, sorting, comparing) is not
counted.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import nn

from golden.encoders.learned import Learned
from golden.energy.synaptic import AC, MAC
from golden.errors import UserError
from golden.spikingformer.config import CHOICES
from golden.spikingformer.layers import ConvBN, LinearBN
from golden.spikingformer.model import SelfAttention, Spikingformer
from golden.train.checkpoint import load_dense
from golden.train.command import train
from golden.train.loop import split_tensors

BITS = 8
LONG = "_long"  # suffix of the networks that were trained longer
NAMES = (*CHOICES["encoder"], *(name + LONG for name in ("direct", "rate", "learned")))
CONFIGS = Path("golden/configs/zoo")


@dataclasses.dataclass(frozen=True)
class Costs:
    """Of one network, means over images; operations per image, energy in uJ per image."""

    accuracy: float
    images: int
    timesteps: int
    parameters: int
    input_rate: float | None  # spikes per input neuron and timestep; None without spikes
    input_macs: float  # real-valued products: first convolution (direct), encoder (learned)
    input_sops: float  # of the first convolution
    input_additions: float  # the same without a multiplier: products bit by bit, plus input_sops
    total_macs: float
    total_sops: float
    input_energy: float
    total_energy: float
    sops: dict[str, float]  # by layer

    @property
    def input_operations(self) -> float:
        """MAC and SOP alike, one each."""
        return self.input_macs + self.input_sops


class _Tally:
    """Hooks that sum up the operations of a Spikingformer over its forward passes."""

    def __init__(self, model: Spikingformer) -> None:
        self.model, self.sums, self.images, self.direct = model, Counter(), 0, False
        self.hooks = [model.encoder.register_forward_hook(self._encoded)]
        for name, module in model.named_modules():
            if isinstance(module, ConvBN | LinearBN):
                self.hooks.append(module.register_forward_pre_hook(self._synapse(name)))
            elif isinstance(module, SelfAttention):
                width = model.config.dim // model.config.heads
                for lif in ("lif_k", "lif_q"):
                    hook = self._drives(f"{name}.{lif}", width)
                    self.hooks.append(getattr(module, lif).register_forward_hook(hook))
        head = self._drives("head", model.config.classes)
        self.hooks.append(model.head.lif.register_forward_hook(head))

    def _encoded(self, _module: nn.Module, inputs: tuple, frames: torch.Tensor) -> None:
        pixels = (inputs[0] * 255).round().to(torch.uint8)
        self.images += len(pixels)
        self.sums["bits"] += sum(int((pixels >> bit & 1).sum()) for bit in range(BITS))
        self.sums["input"] += float(frames.double().mean()) * len(pixels)

    def _synapse(self, name: str):
        def see(module: ConvBN | LinearBN, inputs: tuple) -> None:
            self.sums[name] += float(inputs[0].double().sum()) * module.weight[:, 0].numel()

        return see

    def _drives(self, name: str, outputs: int):
        def see(_module: nn.Module, _inputs: tuple, spikes: torch.Tensor) -> None:
            self.sums[name] += float(spikes.double().sum()) * outputs

        return see

    def costs(self, accuracy: float) -> Costs:
        """Means of all that was seen."""
        model, config = self.model, self.model.config
        means = {name: total / self.images for name, total in self.sums.items()}
        bits, rate, first = means.pop("bits"), means.pop("input"), "tokenizer.stages.0"
        fan_out = model.tokenizer.stages[0].weight[:, 0].numel()
        if config.encoder == "direct":
            rate, outputs = None, fan_out
            del means[first]
        else:
            outputs = config.encoder_channels if isinstance(model.encoder, Learned) else 0
        macs = float(config.height * config.width * config.in_channels * outputs)
        sops = means.get(first, 0.0)
        return Costs(
            accuracy=accuracy,
            images=self.images,
            timesteps=config.timesteps,
            parameters=sum(p.numel() for p in model.parameters()),
            input_rate=rate,
            input_macs=macs,
            input_sops=sops,
            input_additions=bits * outputs + sops,
            total_macs=macs,
            total_sops=sum(means.values()),
            input_energy=(macs * MAC + sops * AC) * 1e-6,
            total_energy=(macs * MAC + sum(means.values()) * AC) * 1e-6,
            sops=means,
        )


@torch.no_grad()
def measure(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch_size: int = 250
) -> Costs:
    """Accuracy and operations over uint8 images (n, C, H, W). UserError for another network than a
    Spikingformer with the head sn_fc_avgpool: its list of layers is the one known here."""
    if not isinstance(model, Spikingformer) or model.config.head != "sn_fc_avgpool":
        raise UserError(
            "the comparison of encoders counts a spikingformer with head sn_fc_avgpool, this is "
            f"a {model.config.backbone} with {model.config.head}; change network.backbone and head"
        )
    model.eval()
    tally, right = _Tally(model), 0
    try:
        for part, truth in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            right += int((model(part.float() / 255).argmax(1) == truth).sum())
    finally:
        for hook in tally.hooks:
            hook.remove()
    return tally.costs(right / len(images))


def train_missing(folder: Path, command: str) -> None:
    """Train golden/configs/zoo/encoder_<name>.toml wherever <folder> has no checkpoint of it, one
    after the other; what was finished before an interruption is kept."""
    for name in NAMES:
        out = folder / f"encoder_{name}.safetensors"
        if not out.is_file():
            config = CONFIGS / f"encoder_{name}.toml"
            train(config, Path("runs") / f"encoder_{name}", out, False, command)


def compare(folder: Path, outs: list[Path], names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Measure <folder>/encoder_<name>.safetensors of all encoders, print the table, write it.

    Encoders without a checkpoint are named with the command that makes it; UserError if all are.
    """
    names = names or NAMES
    paths = {name: folder / f"encoder_{name}.safetensors" for name in names}
    missing = {
        name: f"python -m golden train --config {CONFIGS}/encoder_{name}.toml --out {path}"
        for name, path in paths.items()
        if not path.is_file()
    }
    if len(missing) == len(paths):
        raise UserError(f"{folder} has no checkpoint; begin with `{missing[names[0]]}`")
    images, labels = split_tensors("test")
    print(HEADER)
    rows = {}
    for name, path in paths.items():
        if name in missing:
            print(f"{name:13}  not trained: {missing[name]}")
            continue
        rows[name] = measure(load_dense(path), images, labels)
        print(_line(name, rows[name]), flush=True)
    facts = {
        "command": "python -m golden encoders compare",
        "units": "operations and uJ per image, means over the test images",
        "encoders": {
            name: {**dataclasses.asdict(costs), **_made(folder / f"encoder_{name}.json")}
            for name, costs in rows.items()
        },
        "learned_against": _against(rows),
        "not_trained": missing,
    }
    for name, points in facts["learned_against"].items():
        print(
            f"learned{LONG * name.endswith(LONG)} against {name}: "
            f"{points['accuracy_points']:+.2f} points, input operations "
            f"{points['input_operations']:+.1%}, bit by bit {points['input_additions']:+.1%}"
        )
    for out in outs:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(out.name + ".part")
        temporary.write_text(json.dumps(facts, indent=2) + "\n")
        temporary.replace(out)
    return facts


def _against(rows: dict[str, Costs]) -> dict[str, dict[str, float]]:
    """The learned encoder relative to each other one with as much training; its own products are
    part of its cost."""
    out = {}
    for name, other in rows.items():
        ours = rows.get("learned" + LONG * name.endswith(LONG))
        if ours is None or ours is other:
            continue
        out[name] = {
            "accuracy_points": 100 * (ours.accuracy - other.accuracy),
            "input_operations": ours.input_operations / other.input_operations - 1,
            "input_additions": ours.input_additions / other.input_additions - 1,
        }
    return out


HEADER = (
    "encoder        accuracy   rate  input MAC  input SOP  bit by bit  total SOP  input uJ"
    "  total uJ"
)


def _line(name: str, costs: Costs) -> str:
    rate = "     -" if costs.input_rate is None else f"{costs.input_rate:6.4f}"
    return (
        f"{name:13}  {costs.accuracy:8.2%}  {rate}  {costs.input_macs:9,.0f}  "
        f"{costs.input_sops:9,.0f}  {costs.input_additions:10,.0f}  {costs.total_sops:9,.0f}  "
        f"{costs.input_energy:8.4f}  {costs.total_energy:8.4f}"
    )


def _made(path: Path) -> dict[str, Any]:
    """How the checkpoint was made."""
    if not path.is_file():
        return {}
    facts = json.loads(path.read_text())
    return {f"training_{key}": facts.get(key) for key in ("command", "seed", "minutes")}
