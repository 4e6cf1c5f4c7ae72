# SPDX-License-Identifier: Apache-2.0
"""What the importer must know of a family of networks: its names, its sizes, its defaults."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from golden.lab.authors.state import State
from golden.lab.networks.network_config import NetworkConfig

SHAPES, TRAINING = "tensors", "settings in the file"
AUTHORS, OPTION, DATA = "the authors' default", "option", "data set"


class Found(NamedTuple):
    """A size and where it comes from."""

    value: Any
    source: str


@dataclass(frozen=True)
class Layer:
    """Names of a synapse in the file: of its convolution or linear layer, and of its norm, if there
    is one."""

    weight: str
    norm: str | None = None


class Family(ABC):
    """backbone: of golden.lab.networks.backbones. repository: where the names come from. unused:
    tensors that the authors construct but never call. asks: fields that no default fits, which the
    user must state where the file does not, and what to tell him."""

    backbone: str
    repository: str
    unused: re.Pattern[str] = re.compile("(?!)")
    asks: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def recognises(self, state: State) -> bool:
        """Whether a file is of this family."""

    @abstractmethod
    def sizes(self, state: State, given: Mapping[str, Any]) -> dict[str, Found]:
        """The fields of NetworkConfig that follow from the file, or from the authors' code, in the
        light of those that are `given`."""

    @abstractmethod
    def layers(self, config: NetworkConfig, state: State) -> dict[str, Layer]:
        """For every module of ours with weights, by the prefix of its names, those of the file."""


# The normalisation of images in the authors' settings.
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
CIFAR10 = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2470, 0.2435, 0.2616)}
COLOURS = 3


def normalisation(
    state: State, channels: int, usual: Mapping[str, tuple[float, ...]]
) -> dict[str, Found]:
    """mean and std of images: of the training, or `usual`. Events and other inputs have none."""
    if channels != COLOURS:
        return {}
    found = {}
    for name, values in usual.items():
        kept = setting(state, name, kind=(list, tuple))
        found[name] = Found(tuple(kept.value), kept.source) if kept else Found(values, AUTHORS)
    return found


def setting(state: State, *names: str, kind: type | tuple[type, ...] = int) -> Found | None:
    """The first of the named training settings that the file has."""
    for name in names:
        value = state.settings.get(name)
        if isinstance(value, kind) and not isinstance(value, bool):
            return Found(value, TRAINING)
    return None
