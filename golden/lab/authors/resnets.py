# SPDX-License-Identifier: Apache-2.0
"""The names of SEW-ResNet and MS-ResNet in their authors' files, of networks for ImageNet."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from golden.contract.errors import UserError
from golden.lab.authors.family import (
    AUTHORS,
    IMAGENET,
    SHAPES,
    Family,
    Found,
    Layer,
    normalisation,
    setting,
)
from golden.lab.authors.state import State
from golden.lab.networks.backbones.ms_resnet import BASIC as MS_BASIC
from golden.lab.networks.backbones.ms_resnet import DEEP
from golden.lab.networks.backbones.resnet import STAGES, plan
from golden.lab.networks.backbones.sew_resnet import BASIC, BOTTLENECK, EXPANSION
from golden.lab.networks.network_config import NetworkConfig

SIDE = 224


def _sizes(
    state: State, first: str, blocks: str, numbered: int, choices: Collection[int]
) -> dict[str, Found]:
    """first: weight of the convolution on the image. blocks: a tensor's name but for the stage, the
    first of which is `numbered`, and the block in it. choices: depths to choose from."""
    classes, features = state.shape("fc.weight", 2)
    counts = tuple(state.count(blocks.format(numbered + i, "{}")) for i in range(4))
    depth = next((depth for depth in choices if STAGES[depth] == counts), None)
    if depth is None:
        raise UserError(
            f"{state.path} has {'-'.join(map(str, counts))} blocks in its stages; the authors have "
            + ", ".join(f"{'-'.join(map(str, STAGES[d]))} (depth {d})" for d in choices)
        )
    bottleneck = depth in BOTTLENECK
    side = setting(state, "img_size") or Found(SIDE, AUTHORS)
    channels = state.shape(first, 4)[1]
    return normalisation(state, channels, IMAGENET) | {
        "in_channels": Found(channels, SHAPES),
        "classes": Found(classes, SHAPES),
        "depth": Found(depth, SHAPES),
        "dim": Found(features // EXPANSION if bottleneck else features, SHAPES),
        "layout": Found("imagenet", AUTHORS),
        "height": side,
        "width": side,
    }


class SEWResNet(Family):
    """The authors wrap a convolution and its norm in a container (`conv1.0`, `conv1.1`); the model
    zoo of spikingjelly does not (`conv1`, `bn1`). Integrate-and-fire neurons."""

    backbone = "sew_resnet"
    repository = "fangwei123456/Spike-Element-Wise-ResNet"
    asks: ClassVar[dict[str, str]] = {
        "connect": "the file does not say how a block joins its branches, give --connect (add, "
        "and, iand)"
    }

    def recognises(self, state: State) -> bool:
        return "bn1.weight" in state and any(
            f"layer1.0.conv1.{part}weight" in state for part in ("", "0.")
        )

    def sizes(self, state: State, given: Mapping[str, Any]) -> dict[str, Found]:
        conv, _ = self._names(state)
        deep = f"layer1.0.{conv.format(3)}.weight" in state
        blocks = f"layer{{}}.{{}}.{conv.format(1)}.weight"
        found = _sizes(state, "conv1.weight", blocks, 1, BOTTLENECK if deep else BASIC)
        connect = setting(state, "connect_f", "cnf", kind=str)
        if connect is not None:
            found["connect"] = connect._replace(value=connect.value.lower())
        joined = given.get("connect", found["connect"].value if connect else None)
        if deep and joined == "iand" and not self._wrapped(state):
            raise UserError(
                f"{state.path} is a bottleneck network of spikingjelly, whose IAND negates the "
                "other branch than the authors'; this project has the authors' alone"
            )
        return found | {
            "timesteps": setting(state, "T") or Found(4, AUTHORS),
            "head": Found("avgpool_fc", AUTHORS),
            "tau": Found(math.inf, AUTHORS),
        }

    def layers(self, config: NetworkConfig, state: State) -> dict[str, Layer]:
        conv, norm = self._names(state)
        inner = "0." if self._wrapped(state) else ""
        found = {"stem": Layer("conv1", "bn1"), "head": Layer("fc")}
        for stage, count in enumerate(plan(config, (*BASIC, *BOTTLENECK)).blocks):
            for block in range(count):
                ours, theirs = f"stages.{stage}.{block}", f"layer{stage + 1}.{block}"
                for number in range(3 if config.depth in BOTTLENECK else 2):
                    found[f"{ours}.convs.{number}"] = Layer(
                        f"{theirs}.{conv.format(number + 1)}", f"{theirs}.{norm.format(number + 1)}"
                    )
                found[f"{ours}.shortcut"] = Layer(
                    f"{theirs}.downsample.{inner}0", f"{theirs}.downsample.{inner}1"
                )
        return found

    def _wrapped(self, state: State) -> bool:
        return "layer1.0.conv1.0.weight" in state

    def _names(self, state: State) -> tuple[str, str]:
        """Of the convolution and the norm with a number."""
        return ("conv{}.0", "conv{}.1") if self._wrapped(state) else ("conv{}", "bn{}")


class MSResNet(Family):
    """models/MS_ResNet.py: `residual_function` is neuron, convolution, norm, twice; a norm is a
    module with a norm in it (`bn`)."""

    backbone = "ms_resnet"
    repository = "Ariande1/MS-ResNet"

    def recognises(self, state: State) -> bool:
        return "conv2_x.0.residual_function.1.weight" in state

    def sizes(self, state: State, given: Mapping[str, Any]) -> dict[str, Found]:
        blocks = "conv{}_x.{}.residual_function.1.weight"
        return _sizes(state, "conv1.0.weight", blocks, 2, (*MS_BASIC, DEEP)) | {
            "timesteps": Found(6, AUTHORS),
            "head": Found("sn_avgpool_fc", AUTHORS),
            "tau": Found(4 / 3, AUTHORS),
        }

    def layers(self, config: NetworkConfig, state: State) -> dict[str, Layer]:
        deep = config.depth == DEEP
        found = {"stem": Layer("conv1.0", "conv1.1.bn"), "head": Layer("fc")}
        if deep:
            found = {
                "stem.conv1": Layer("conv1.0"),
                "stem.conv2": Layer("conv1.1"),
                "stem.conv3": Layer("conv1.2", "conv1.3.bn"),
                "head": Layer("fc"),
            }
        first = 1 if deep else 0  # an average stands before the convolution of the shortcut
        for stage, count in enumerate(plan(config, (*MS_BASIC, DEEP)).blocks):
            for block in range(count):
                ours, theirs = f"stages.{stage}.{block}", f"conv{stage + 2}_x.{block}"
                for name, place in (("conv1", 1), ("conv2", 4)):
                    found[f"{ours}.{name}"] = Layer(
                        f"{theirs}.residual_function.{place}",
                        f"{theirs}.residual_function.{place + 1}.bn",
                    )
                found[f"{ours}.shortcut"] = Layer(
                    f"{theirs}.shortcut.{first}", f"{theirs}.shortcut.{first + 1}.bn"
                )
        return found
