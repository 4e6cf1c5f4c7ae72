# SPDX-License-Identifier: Apache-2.0
"""`psf encoders train / compare`: what each input encoder costs and is worth.

Operations are those of golden.lab.studies.torch_rows on the test images, per image, in float32:
SOPs
of 0.9 pJ where spikes enter, products of 4.6 pJ where real values do, once per image. Which layers
multiply: with direct encoding the first convolution; with the learned encoder its linear layer of
H W C E products. Because hardware adds bit-planes instead of multiplying, both are also counted as
additions: products x the mean number of ones among the 8 bits of a pixel. What the fixed encoders
need to make their spikes (random numbers, sorting, comparing) is not counted.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from golden.contract import outputs, paths
from golden.contract.energy.synaptic import AC, MAC
from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.lab.networks.network_config import ENCODERS
from golden.lab.studies import torch_rows as torch_network
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.evaluate import accuracy
from golden.lab.train.loop import CHECKPOINT, split_tensors
from golden.lab.train.training import train

BITS = 8
LONG = "_long"  # suffix of the networks that were trained longer
NAMES = (*ENCODERS, *(name + LONG for name in ("direct", "rate", "phase", "learned")))
CONFIGS = paths.CONFIGS / "zoo"


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


@torch.no_grad()
def measure(
    model: nn.Module, images: torch.Tensor, labels: torch.Tensor, batch_size: int = 250
) -> Costs:
    """Accuracy and operations over uint8 images (n, C, H, W), of any backbone."""
    config, rows = model.config, torch_network.measure(model, images, batch_size)
    products = rows.pop(0) if config.encoder == "learned" else None  # of the encoder itself
    first = rows[0]
    sops = {row.name: row.operations for row in rows if row.kind == "AC"}
    real = [row for row in (products, first) if row is not None and row.kind == "MAC"]
    input_macs, input_sops = sum(row.flops for row in real), sops.get(first.name, 0.0)
    macs = input_macs + sum(row.flops for row in rows[1:] if row.kind == "MAC")
    ones = sum(int((images >> bit & 1).sum()) for bit in range(BITS)) / images.numel()
    return Costs(
        accuracy=accuracy(model, images, labels, batch_size),
        images=len(images),
        timesteps=config.timesteps,
        parameters=sum(p.numel() for p in model.parameters()),
        input_rate=None if first in real else first.rate,
        input_macs=input_macs,
        input_sops=input_sops,
        input_additions=ones * input_macs + input_sops,
        total_macs=macs,
        total_sops=sum(sops.values()),
        input_energy=(input_macs * MAC + input_sops * AC) * 1e-6,
        total_energy=(macs * MAC + sum(sops.values()) * AC) * 1e-6,
        sops=sops,
    )


def train_missing(folder: Path, command: str) -> None:
    """Train golden/configs/zoo/encoder_<name>.toml wherever <folder> has no checkpoint of it, one
    after the other; an interrupted one goes on where it was."""
    missing = {name: folder / f"encoder_{name}.safetensors" for name in NAMES}
    missing = {name: out for name, out in missing.items() if not out.is_file()}
    for out in missing.values():
        outputs.file(out, beside=(".json", ".log"))
    for name, out in missing.items():
        run = paths.RUNS / f"encoder_{name}"
        resume = (run / CHECKPOINT).is_file()
        train(CONFIGS / f"encoder_{name}.toml", run, out, resume, command)


def compare(folder: Path, outs: list[Path], names: tuple[str, ...] = ()) -> dict[str, Any]:
    """Measure <folder>/encoder_<name>.safetensors of all encoders, print the table, write it.

    Encoders without a checkpoint are named with the command that makes it; UserError if all are.
    """
    names = names or NAMES
    paths = {name: folder / f"encoder_{name}.safetensors" for name in names}
    missing = {
        name: f"psf train --config {CONFIGS}/encoder_{name}.toml --out {path}"
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
        "command": "psf encoders compare",
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
        write_json(out, facts, indent=2)
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
