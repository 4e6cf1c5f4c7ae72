# SPDX-License-Identifier: Apache-2.0
"""All data sets by name, and those of one's own by their place (golden.lab.data.own)."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from golden.contract.errors import UserError
from golden.lab.data import (
    cifar10,
    cifar10_dvs,
    cifar100,
    dvs128_gesture,
    events_fashion_mnist,
    fashion_mnist,
    own,
)
from golden.lab.data.facts import Facts
from golden.lab.data.split import Split

_MODULES: tuple[ModuleType, ...] = (
    fashion_mnist, events_fashion_mnist, cifar10, cifar100, cifar10_dvs, dvs128_gesture,
)  # fmt: skip
DATA_SETS: dict[str, Facts] = {module.FACTS.name: module.FACTS for module in _MODULES}


def absolute(name: str, base: Path | None = None) -> str:
    """The name that means the same from every folder: a relative place is relative to `base` (the
    current folder); the name of a data set of the project stays as it is."""
    return str(own.parse(name, base)) if own.is_place(name) else name


def facts(name: str) -> Facts:
    """Of one data set; UserError if there is none of this name."""
    if own.is_place(name):
        return own.facts(name)
    if name not in DATA_SETS:
        raise UserError(
            f"there is no data set '{name}'; known are {', '.join(DATA_SETS)}, and places of your "
            f"own as in ./{name} or folder:{name}"
        )
    return DATA_SETS[name]


def load(name: str, split: str, **options: Any) -> Split:
    """The 'train' or 'test' split of a data set.

    options: those of the module's load: `folder` for all, `timesteps` and `binary` for event data.
    Raises UserError with one sentence when files are missing or damaged.
    """
    if own.is_place(name):
        for option in options:
            raise UserError(f"{name} has images, which have no option '{option}'")
        return own.load(name, split)
    facts(name)
    read = next(module.load for module in _MODULES if module.FACTS.name == name)
    parameters = inspect.signature(read).parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        known = [p.name for p in parameters][1:]
        for option in options:
            if option not in known:
                raise UserError(f"{name} has no option '{option}'; known are {', '.join(known)}")
    return read(split, **options)
