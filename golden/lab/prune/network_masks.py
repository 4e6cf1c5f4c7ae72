# SPDX-License-Identifier: Apache-2.0
"""Which layers of a Spikingformer are pruned, how much, and the masks in the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import nn

from golden.contract.errors import UserError
from golden.contract.settings import Settings
from golden.contract.sparsity import share_of_zeros
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.layers import ConvBN, FirstConvBN, LinearBN
from golden.lab.prune.budget import drop_slots, layer_slots, row_slots
from golden.lab.prune.importance import Activity, importance, lamp, per_row
from golden.lab.prune.masks import (
    balanced_mask,
    block_mask,
    layerwise_masks,
    unstructured_masks,
    uticket_masks,
)
from golden.lab.prune.plugin import installed, is_plugin, plugin_beside, plugin_masks

METHODS = ("balanced", "unstructured", "layerwise", "uticket", "kept")
Method = Annotated[
    str,
    Meta(
        pattern=rf"^({'|'.join([*METHODS, *installed()])}|.*\.py:.*)$",
        description="how weights are chosen",
        extra={
            "allowed": f"one of {', '.join(METHODS)}, FILE.py:FUNCTION or an entry point",
            "anchor": plugin_beside,
        },
    ),
]
Lanes = Annotated[int, Meta(ge=1, le=64, description="lanes of a group of the hardware, P")]
Slots = Annotated[int, Meta(ge=1, le=65536)]
Sparsity = Annotated[float, Meta(ge=0, lt=1, description="share of zeros over prunable layers")]


@dataclass(frozen=True)
class PruneConfig(Settings, table="prune"):
    """method: 'balanced' (PE-balanced), 'unstructured' (global), 'layerwise' (the same sparsity in
    every layer), 'uticket' (golden.lab.prune.masks), or 'kept': what is not 0 in the network that
    is given, which is pruned already (golden.lab.prune.lottery). Or 'FILE.py:FUNCTION', a method of
    your own (golden.lab.prune.plugin).
    lanes: P.  vary: whether C, the weights per row and lane of the balanced method, differs.

    'none': C = max(1, round(fraction * J)) unless `slots` names C for a layer. 'layer', 'row',
    'drop' (all rows of a layer the same C, or none): a budget search (golden.lab.prune.budget)
    reaches
    `sparsity` over all prunable layers; `budget` is what a word costs there. `block` makes a layer
    keep one in every so many accumulators of a row and lane instead. `sparsity` 0 gives the other
    methods as many zeros as balanced has. importance, lamp: see golden.lab.prune.importance;
    `emphasis` multiplies the squares of a layer, default 1. `slots`, `block` and `emphasis` name a
    layer by the last part of its name ('mlp1', '1' for tokenizer stage 1).
    """

    method: Method = "balanced"
    lanes: Lanes = 16
    fraction: Annotated[
        float, Meta(gt=0, le=1, description="share of the weights of a row and lane that stays")
    ] = 0.25
    slots: Annotated[
        dict[str, Slots], Meta(description="weights per row and lane, by layer")
    ] = field(default_factory=dict)  # fmt: skip
    sparsity: Sparsity = 0.0
    vary: Annotated[
        Literal["none", "layer", "row", "drop"],
        Meta(description="what the budget search may give other numbers of weights to"),
    ] = "none"
    budget: Annotated[
        Literal["weights", "cycles"], Meta(description="what a word costs in that search")
    ] = "weights"
    block: Annotated[
        dict[str, Slots], Meta(description="one weight of so many accumulators, by layer")
    ] = field(default_factory=dict)  # fmt: skip
    importance: Annotated[
        Literal["magnitude", "gain", "rate"], Meta(description="what a weight is worth")
    ] = "magnitude"
    lamp: Annotated[bool, Meta(description="LAMP scores, comparable between layers")] = False
    emphasis: Annotated[
        dict[str, Annotated[float, Meta(gt=0, le=1_000_000)]],
        Meta(description="what the worth of a layer is multiplied by, squared"),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vary == "none" and self.block and self.slots.keys() & self.block.keys():
            raise UserError("prune.slots and prune.block name the same layer")
        if self.vary == "none" and self.method == "balanced" and self.sparsity:
            raise UserError("prune.sparsity of the balanced method needs prune.vary")

    @property
    def measured(self) -> bool:
        """Whether the firing rates of the inputs are needed."""
        return self.importance == "rate" or self.budget == "cycles"

    def slots_of(self, name: str, outputs: int) -> int:
        """C of a layer where it does not vary."""
        per_lane = -(-outputs // self.lanes)
        return self.slots.get(name.split(".")[-1], max(1, round(self.fraction * per_lane)))


def prunable(model: nn.Module) -> dict[str, ConvBN | LinearBN]:
    """By name, all convolutions and linear layers of any backbone but the first convolution and
    the head."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, ConvBN | LinearBN) and not isinstance(module, FirstConvBN)
    }


@torch.no_grad()
def worth(
    model: Spikingformer, config: PruneConfig, activity: Mapping[str, Activity] | None = None
) -> dict[str, torch.Tensor]:
    """What every weight of the prunable layers is worth to the configuration, by layer."""
    values = {
        name: importance(layer, config.importance, activity and activity[name])
        for name, layer in prunable(model).items()
    }
    if config.lamp:
        values = {name: lamp(value) for name, value in values.items()}
    for name, value in values.items():
        values[name] = value * config.emphasis.get(name.split(".")[-1], 1.0) ** 0.5
    return values


@torch.no_grad()
def set_masks(
    model: Spikingformer,
    config: PruneConfig,
    searching: bool,
    activity: Mapping[str, Activity] | None = None,
    sparsity: float | None = None,
) -> None:
    """Compute every mask from the present weights.

    activity: of every prunable layer where config.measured.  sparsity: in place of config's, while
    it still rises.
    """
    layers = prunable(model)
    _check_names(config, layers)
    values = worth(model, config, activity)
    sparsity = config.sparsity if sparsity is None else sparsity
    if config.method == "kept":
        masks = {name: (layer.weight != 0).float() for name, layer in layers.items()}
    elif is_plugin(config.method):
        masks = plugin_masks(config, values, sparsity)
    elif config.method == "balanced":
        masks = _balanced(layers, values, config, activity, sparsity)
    else:
        total = sum(value.numel() for value in values.values())
        zeros = round(sparsity * total)
        if not config.sparsity:
            twin = _balanced(layers, values, config, activity, sparsity)
            zeros = sum(int((mask == 0).sum()) for mask in twin.values())
        if config.method == "unstructured":
            masks = unstructured_masks(values, zeros)
        elif config.method == "layerwise":
            masks = layerwise_masks(values, sparsity if config.sparsity else zeros / total)
        else:
            masks = uticket_masks(values, zeros, config.lanes)
    put_masks(model, masks, searching)


def _check_names(config: PruneConfig, layers: Mapping[str, nn.Module]) -> None:
    """UserError for a layer in slots, block or emphasis that the network does not have."""
    known = {name.split(".")[-1] for name in layers}
    for key in ("slots", "block", "emphasis"):
        if unknown := sorted(getattr(config, key).keys() - known):
            raise UserError(
                f"prune.{key} names '{unknown[0]}', the network has {', '.join(sorted(known))}"
            )


def put_masks(model: Spikingformer, masks: Mapping[str, torch.Tensor], searching: bool) -> None:
    """Use these masks; from now on they are part of the model's state."""
    for name, layer in prunable(model).items():
        layer.register_buffer("mask", masks[name])
        layer.searching = searching


def _balanced(
    layers: Mapping[str, ConvBN | LinearBN],
    values: Mapping[str, torch.Tensor],
    config: PruneConfig,
    activity: Mapping[str, Activity] | None,
    sparsity: float,
) -> dict[str, torch.Tensor]:
    lanes = config.lanes
    blocks = {name: config.block.get(name.split(".")[-1]) for name in values}
    masks = {
        name: block_mask(values[name], lanes, block)
        for name, block in blocks.items()
        if block is not None
    }
    free = {name: value for name, value in values.items() if name not in masks}
    if config.vary == "none":
        slots = {name: config.slots_of(name, len(value)) for name, value in free.items()}
    else:
        total = sum(value.numel() for value in values.values())
        weights = total - round(sparsity * total) - sum(int(m.sum()) for m in masks.values())
        if weights < 0:
            raise UserError(
                f"prune.block keeps {-weights} weights more than a sparsity of {sparsity} allows"
            )
        costs = None
        if config.budget == "cycles":
            costs = {name: per_row(activity[name].words, layers[name]) for name in free}
        if config.vary == "drop":
            slots = drop_slots(free, lanes, weights, costs, _fused)
        else:
            search = row_slots if config.vary == "row" else layer_slots
            slots = search(free, lanes, weights, costs)
    masks |= {name: balanced_mask(value, lanes, slots[name]) for name, value in free.items()}
    return {name: masks[name] for name in values}


def _fused(name: str) -> str:
    """The hardware layer of a layer: q, k and v are one."""
    head, _, last = name.rpartition(".")
    return f"{head}.qkv" if last in ("q", "k", "v") else name


def asked(config: PruneConfig) -> float | None:
    """The sparsity that a configuration asks for, None when it keeps what is there."""
    if config.method == "kept":
        return None
    return config.sparsity or 1 - config.fraction


def reason(config: PruneConfig) -> str:
    """Why a network can have another sparsity than its configuration asks for."""
    if is_plugin(config.method):
        return f"{config.method} decides"
    if config.sparsity:
        return "a row or lane has a whole number of weights, and rounding makes zeros"
    named = " and ".join(name for name in ("slots", "block") if getattr(config, name))
    own = f"; prune.{named} gives layers numbers of their own" if named else ""
    return (
        f"each of {config.lanes} lanes keeps a whole number of weights in every row, at least one"
        + own
    )


def sparsity(model: Spikingformer) -> float:
    """The sparsity (golden.contract.sparsity) of a float network with its masks."""
    layers = prunable(model).values()
    return share_of_zeros(layer.masked_weight().detach().cpu().numpy() for layer in layers)
