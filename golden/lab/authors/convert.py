# SPDX-License-Identifier: Apache-2.0
"""The tensors of a foreign file -> our float network that computes the same.

A kernel of 1x1 is a linear layer. Two differences are taken care of exactly (but for rounding to
float32), because BatchNorm follows: a bias that ours has not goes into the mean of the norm,
BN(W x + b, mean) = BN(W x, mean - b), and one that the file has not is zero. Anything else that
does not fit is refused by the name of the tensor.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import torch

from golden.contract.errors import UserError
from golden.lab.authors.family import OPTION, SHAPES, Family, Found, Layer
from golden.lab.authors.state import State
from golden.lab.networks import backbones
from golden.lab.networks.backbones.backbone import Network
from golden.lab.networks.layers import FirstConvBN
from golden.lab.networks.network_config import NetworkConfig

TIME_CONSTANT = re.compile(r"(lif|sn)\d*\.w$")  # of spikingjelly's parametric neuron
COUNTER = "num_batches_tracked"  # absent in old files, and of no influence


@dataclasses.dataclass
class Converted:
    """model: in evaluation mode. found: every size and its source. notes: what was done to tensors,
    one sentence each."""

    model: Network
    found: dict[str, Found]
    notes: list[str]


@torch.no_grad()
def convert(state: State, family: Family, given: Mapping[str, Any]) -> Converted:
    """`given`: fields of NetworkConfig that the user states; they win. Those that are Found
    have another source."""
    sources = {name: v if isinstance(v, Found) else Found(v, OPTION) for name, v in given.items()}
    found = family.sizes(state, {name: entry.value for name, entry in sources.items()}) | sources
    for name, sentence in family.asks.items():
        if name not in found:
            raise UserError(f"{state.path}: {sentence}")
    found["backbone"] = Found(family.backbone, SHAPES)
    config = NetworkConfig(**{name: entry.value for name, entry in found.items()})
    model = backbones.build(config).eval()
    notes = [f"{name} is no weight and was left out" for name in state.ignored]
    model.load_state_dict(_translate(state, family, model, notes))
    if config.input_timesteps > 1 and config.input_max > 1:
        _take_counts(model, config.input_max, notes)
    if state.averaged:
        notes.append("the file holds a moving average of the weights, too; --ema takes that")
    return Converted(model, found, notes)


def _take_counts(model: Network, largest: int, notes: list[str]) -> None:
    """The authors feed counts of events, this project counts / `largest`."""
    for name, module in model.named_modules():
        if isinstance(module, FirstConvBN):
            module.weight *= largest
            notes.append(
                f"{name}.weight is times {largest}, since its inputs are counts / {largest}"
            )


def _translate(
    state: State, family: Family, model: Network, notes: list[str]
) -> dict[str, torch.Tensor]:
    """Ours by name. The file's tensors must all be used, or known to be unused."""
    wanted, layers, used = model.state_dict(), family.layers(model.config, state), set()
    values: dict[str, torch.Tensor] = {}
    for name, own in wanted.items():
        layer, suffix = _owner(name, layers)
        theirs = f"{layer}.{suffix}"
        if theirs in state:
            used.add(theirs)
            values[name] = _shaped(state, theirs, own)
        elif suffix == COUNTER:
            values[name] = own
        elif suffix == "bias" and f"{name.removesuffix('bias')}norm.bias" in wanted:
            values[name] = torch.zeros_like(own)
            notes.append(f"{theirs} is not there and counts as zero")
        else:
            raise UserError(
                f"{state.path} has no tensor {theirs}, which a {family.backbone} of this size needs"
            )
    for ours, layer in layers.items():
        bias = f"{layer.weight}.bias"
        mean = f"{ours}.norm.running_mean"
        if bias in state and bias not in used and mean in values:
            used.add(bias)
            shift = _shaped(state, bias, wanted[mean])
            values[mean] = (values[mean].double() - shift.double()).to(values[mean].dtype)
            notes.append(f"{state.name(bias)} went into the mean of {layer.norm}")
    _all_used(state, family, used, notes)
    _variances(state, layers)
    return values


def _owner(name: str, layers: dict[str, Layer]) -> tuple[str, str]:
    """The file's name of the module that our tensor belongs to, and the rest of the name."""
    for ours, layer in layers.items():
        if layer.norm is not None and name.startswith(f"{ours}.norm."):
            return layer.norm, name.removeprefix(f"{ours}.norm.")
        if name.startswith(f"{ours}."):
            return layer.weight, name.removeprefix(f"{ours}.")
    raise KeyError(name)


def _shaped(state: State, name: str, own: torch.Tensor) -> torch.Tensor:
    tensor = state.tensors[name]
    shape = tuple(tensor.shape)
    while len(shape) > own.dim() and shape[-1] == 1:
        shape = shape[:-1]
    if shape != tuple(own.shape):
        raise UserError(
            f"{state.path}: {state.name(name)} has shape {tuple(tensor.shape)}, expected "
            f"{tuple(own.shape)}"
        )
    return tensor.reshape(shape).to(own.dtype)


def _all_used(state: State, family: Family, used: set[str], notes: list[str]) -> None:
    left = [name for name in state.tensors if name not in used and not name.endswith(COUNTER)]
    strange = [name for name in left if not family.unused.search(name)]
    if strange:
        if TIME_CONSTANT.search(strange[0]):
            raise UserError(
                f"{state.path}: {state.name(strange[0])} is the learned time constant of a neuron; "
                "here all neurons share one tau that is not learned"
            )
        others = f", nor is {len(strange) - 1} more" if len(strange) > 1 else ""
        raise UserError(
            f"{state.path}: {state.name(strange[0])} is not part of the {family.backbone} of "
            f"{family.repository}{others}"
        )
    if left:
        others = f" and {len(left) - 1} more were" if len(left) > 1 else " was"
        notes.append(f"{state.name(left[0])}{others} left out: the authors never call them")


def _variances(state: State, layers: dict[str, Layer]) -> None:
    for layer in layers.values():
        name = f"{layer.norm}.running_var"
        if name in state and float(state.tensors[name].min()) < 0:
            raise UserError(f"{state.path}: {state.name(name)} has a negative variance")
