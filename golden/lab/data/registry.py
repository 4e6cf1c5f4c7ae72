# SPDX-License-Identifier: Apache-2.0
"""All data sets by name, and those of one's own by their place (golden.lab.data.own)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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
    mr,
    n_mnist,
    own,
)
from golden.lab.data.facts import Facts, Source
from golden.lab.data.neuromorphic import check_split_by
from golden.lab.data.split import Split

_MODULES: tuple[ModuleType, ...] = (
    fashion_mnist, events_fashion_mnist, cifar10, cifar100, cifar10_dvs, dvs128_gesture,
    n_mnist,
)  # fmt: skip
DATA_SETS: dict[str, Facts] = {module.FACTS.name: module.FACTS for module in _MODULES}
TEXTS: dict[str, Source] = {mr.FACTS.name: mr.FACTS}  # golden.lab.data.mr.load reads sentences
_READERS: dict[str, Callable[..., Split]] = {m.FACTS.name: m.load for m in _MODULES}


def absolute(name: str, base: Path | None = None) -> str:
    """The name that means the same from every folder: a relative place is relative to `base` (the
    current folder); the name of a data set of the project stays as it is."""
    return str(own.parse(name, base)) if own.is_place(name) else name


def facts(name: str) -> Facts:
    """Of one data set of images or event frames; UserError if there is none of this name."""
    if own.is_place(name):
        return own.facts(name)
    base, options = own.split_name(name)
    if base in TEXTS:
        raise UserError(
            f"{base} has sentences, and images are needed here: `psf spikezip train-text` trains "
            "on sentences"
        )
    if base not in DATA_SETS:
        raise UserError(
            f"there is no data set '{base}'; known are {', '.join(DATA_SETS)}, and places of your "
            f"own as in ./{base} or folder:{base}"
        )
    for key, value in options:
        if key != "split_by" or key not in _parameters(base):
            raise UserError(
                f"the data set '{name}' has no option '{key}'; recordings of event cameras have "
                "split_by=number and split_by=time"
            )
        check_split_by(value)
    return DATA_SETS[base]


def load(name: str, split: str, **options: Any) -> Split:
    """The 'train' or 'test' split of a data set. Of recordings, ``NAME,split_by=time`` makes frames
    of equally long times in place of equally many events.

    options: those of the module's load: `folder` for all, `timesteps` and `binary` for event data.
    Raises UserError with one sentence when files are missing or damaged.
    """
    if own.is_place(name):
        for option in options:
            raise UserError(f"{name} has images, which have no option '{option}'")
        return own.load(name, split)
    name, options = facts(name).name, dict(own.split_name(name)[1]) | options
    known = _parameters(name)
    if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        for option in options:
            if option not in known:
                names = ", ".join([*known][1:])
                raise UserError(f"{name} has no option '{option}'; known are {names}")
    return _READERS[name](split, **options)


def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(_READERS[name]).parameters
