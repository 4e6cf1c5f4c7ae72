# SPDX-License-Identifier: Apache-2.0
"""The names of Spikingformer, Spikformer and Spike-Driven Transformer in their authors' files.

All three have `patch_embed` (five convolutions), `block.<i>.attn`, `block.<i>.mlp` and `head`.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from golden.contract.errors import UserError
from golden.lab.authors.family import (
    AUTHORS,
    CIFAR10,
    IMAGENET,
    SHAPES,
    TRAINING,
    Family,
    Found,
    Layer,
    normalisation,
    setting,
)
from golden.lab.authors.state import State
from golden.lab.networks.network_config import NetworkConfig

EVENTS = 2  # input channels of the authors' event cameras, 3 of their images
SIDE = {"cifar": 32, "imagenet": 224, "dvs": 128}  # of the authors' inputs
IMAGENET_CLASSES, CIFAR_CLASSES = (1000,), (10, 100)
SPIKFORMER_PATCH = 16  # pixels that its four pools make one token of
HEADS = (
    "the number of attention heads is not in the file, give --heads (the authors have 8 on "
    "ImageNet, 8 with 256 and 12 with 384 channels on CIFAR, and 16 on event cameras)"
)


def _stages(*names: str) -> tuple[Layer, ...]:
    """The tokenizer; '{}' is 'conv' or 'bn'."""
    return tuple(
        Layer(f"patch_embed.{name.format('conv')}", f"patch_embed.{name.format('bn')}")
        for name in names
    )


BLOCKS = _stages(*(f"block{i}_{{}}" for i in range(5)))
PROJECTIONS = _stages("proj_{}", *(f"proj{i}_{{}}" for i in range(1, 5)))
POSITION = _stages("proj_{}", "proj_{}1", "proj_{}2", "proj_{}3", "rpe_{}")


class Transformer(Family):
    """mlp: names of the two layers of the MLP, up to '_'."""

    mlp = ("fc1", "fc2")
    head = "avgpool_fc"

    @abstractmethod
    def layout(self, state: State) -> Found | None:
        """The authors' variant that a file is of; None if it does not say."""

    @abstractmethod
    def tokenizer(self, state: State) -> tuple[Layer, ...]:
        """The five convolutions."""

    def linear(self, state: State) -> str:
        """How the name of a linear layer ends."""
        return "conv"

    def sizes(self, state: State, given: Mapping[str, Any]) -> dict[str, Found]:
        classes, dim = state.shape("head.weight", 2)
        found = {
            "in_channels": Found(self._inputs(state), SHAPES),
            "classes": Found(classes, SHAPES),
            "dim": Found(dim, SHAPES),
            "depth": Found(state.count("block.{}.attn.q_bn.weight"), SHAPES),
            "mlp_ratio": self._ratio(state, dim),
            "head": Found(self.head, AUTHORS),
            "tau": Found(2.0, AUTHORS),
        }
        layout = self.layout(state)
        if layout is not None:
            found["layout"] = layout
        kind = given.get("layout", layout.value if layout else "imagenet")
        side = setting(state, "img_size") or Found(SIDE[kind], AUTHORS)
        heads = setting(state, "num_heads")
        steps = self._timesteps(state)
        if self._inputs(state) == EVENTS:  # a frame of counts for every timestep
            found["input_timesteps"] = Found(given.get("timesteps", steps.value), AUTHORS)
        usual = CIFAR10 if kind == "cifar" else IMAGENET
        return (
            found
            | {"height": side, "width": side, "timesteps": steps}
            | normalisation(state, self._inputs(state), usual)
            | ({} if heads is None else {"heads": heads})
        )

    def layers(self, config: NetworkConfig, state: State) -> dict[str, Layer]:
        linear = self.linear(state)
        found = {f"tokenizer.stages.{i}": layer for i, layer in enumerate(self.tokenizer(state))}
        for block in range(config.depth):
            attention, mlp = f"block.{block}.attn", f"block.{block}.mlp"
            for part in ("q", "k", "v", "proj"):
                found[f"blocks.{block}.attention.{part}"] = Layer(
                    f"{attention}.{part}_{linear}", f"{attention}.{part}_bn"
                )
            for part, name in zip(("mlp1", "mlp2"), self.mlp, strict=True):
                found[f"blocks.{block}.mlp.{part}"] = Layer(
                    f"{mlp}.{name}_{linear}", f"{mlp}.{name}_bn"
                )
        return found | {"head": Layer("head")}

    def _inputs(self, state: State) -> int:
        return state.shape(f"{self.tokenizer(state)[0].weight}.weight", 4)[1]

    def _timesteps(self, state: State) -> Found:
        given = setting(state, "time_steps", "time_step", "T")
        return given or Found(16 if self._inputs(state) == EVENTS else 4, AUTHORS)

    def _ratio(self, state: State, dim: int) -> Found:
        name = f"block.0.mlp.{self.mlp[0]}_{self.linear(state)}.weight"
        hidden = state.shape(name, 2, 3, 4)[0]
        if hidden % dim:
            raise UserError(
                f"{state.path}: {state.name(name)} has {hidden} outputs, no multiple of the {dim} "
                "channels of the network"
            )
        return Found(hidden // dim, SHAPES)


class Spikingformer(Transformer):
    """cifar10/, cifar100/: `block<i>_conv`. imagenet/, cifar10-dvs/, dvs128-gesture/:
    `proj<i>_conv`; those on events have tau = 1.5."""

    backbone = "spikingformer"
    repository = "zhouchenlin2096/Spikingformer"
    unused = re.compile(r"^block\.\d+\.norm[12]\.")
    asks: ClassVar[dict[str, str]] = {"heads": HEADS}
    mlp = ("mlp1", "mlp2")

    def recognises(self, state: State) -> bool:
        return any(f"{layer.weight}.weight" in state for layer in (BLOCKS[0], PROJECTIONS[1]))

    def tokenizer(self, state: State) -> tuple[Layer, ...]:
        return BLOCKS if f"{BLOCKS[0].weight}.weight" in state else PROJECTIONS

    def layout(self, state: State) -> Found:
        if self.tokenizer(state) is BLOCKS:
            return Found("cifar", SHAPES)
        return Found("dvs" if self._inputs(state) == EVENTS else "imagenet", SHAPES)

    def sizes(self, state: State, given: Mapping[str, Any]) -> dict[str, Found]:
        found = super().sizes(state, given)
        events = given.get("layout", found["layout"].value) == "dvs"
        return found | ({"tau": Found(1.5, AUTHORS)} if events else {})


class Spikformer(Transformer):
    """cifar10/: `q_linear`. imagenet/: kernels 1x1 in the MLP. cifar10dvs/: kernels of width 1."""

    backbone = "spikformer"
    repository = "ZK-Zhou/spikformer"
    unused = re.compile(r"^(block\.\d+\.norm[12]\.|norm\.|pos_embed$)")
    asks: ClassVar[dict[str, str]] = {"heads": HEADS}

    def recognises(self, state: State) -> bool:
        mark = "block.0.attn.q_conv.weight"
        return f"{POSITION[4].weight}.weight" in state and (
            self.linear(state) == "linear" or (mark in state and len(state.shape(mark)) == 3)
        )

    def tokenizer(self, state: State) -> tuple[Layer, ...]:
        return POSITION

    def linear(self, state: State) -> str:
        return "linear" if "block.0.attn.q_linear.weight" in state else "conv"

    def layout(self, state: State) -> Found:
        if self.linear(state) == "linear":
            return Found("cifar", SHAPES)
        dimensions = len(state.shape("block.0.mlp.fc1_conv.weight", 3, 4))
        return Found("imagenet" if dimensions == 4 else "dvs", SHAPES)

    def sizes(self, state: State, given: Mapping[str, Any]) -> dict[str, Found]:
        found = super().sizes(state, given)
        if "pos_embed" in state and found["height"].source == AUTHORS:
            side = Found(math.isqrt(state.shape("pos_embed", 3)[1]) * SPIKFORMER_PATCH, SHAPES)
            found |= {"height": side, "width": side}
        return found


class SpikeDrivenTransformer(Transformer):
    """The same names for every data set: where the tokenizer pools (`pooling_stat`) and whether the
    attention dilates (`dvs_mode`) is no part of the weights."""

    backbone = "sdt"
    repository = "BICLab/Spike-Driven-Transformer"
    unused = re.compile(r"\.attn\.talking_heads\.weight$")
    asks: ClassVar[dict[str, str]] = {
        "layout": "the file does not say which variant it is of, give --layout (dvs for their "
        "CIFAR10-DVS, whose attention dilates, imagenet for others) and --pooled-stages",
        "heads": HEADS,
    }
    head = "avgpool_sn_fc"

    def recognises(self, state: State) -> bool:
        mark = "block.0.attn.q_conv.weight"
        return (
            f"{POSITION[4].weight}.weight" in state
            and mark in state
            and len(state.shape(mark)) == 4
        )

    def tokenizer(self, state: State) -> tuple[Layer, ...]:
        return POSITION

    def layout(self, state: State) -> Found | None:
        dilated = state.settings.get("dvs_mode")
        if isinstance(dilated, bool):
            return Found("dvs" if dilated else "imagenet", TRAINING)
        if self._inputs(state) == EVENTS:
            return None
        classes = state.shape("head.weight", 2)[0]
        if classes in IMAGENET_CLASSES + CIFAR_CLASSES:
            return Found("imagenet" if classes in IMAGENET_CLASSES else "cifar", SHAPES)
        return None

    def sizes(self, state: State, given: Mapping[str, Any]) -> dict[str, Found]:
        found = super().sizes(state, given)
        talking = "block.0.attn.talking_heads.weight"
        if talking in state:
            found["heads"] = Found(state.shape(talking, 3)[0], SHAPES)
        pools = setting(state, "pooling_stat", kind=str)
        if pools is not None:
            stages = tuple(i for i, digit in enumerate(pools.value, 1) if digit == "1")
            found["pooled_stages"] = Found(stages, TRAINING)
        if found["mlp_ratio"].value == 1:
            raise UserError(
                f"{state.path} has mlp_ratio 1, where the authors add a shortcut inside the MLP, "
                "which this project's network has not"
            )
        return found
