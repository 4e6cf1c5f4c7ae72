# SPDX-License-Identifier: Apache-2.0
"""A pruning method from a file of its own: ``prune.method = "FILE.py:FUNCTION"``.

The one place where the laboratory loads code that a configuration names. The function is

    def method(values, config, sparsity) -> masks

with ``values`` the worth of every weight (>= 0, larger is kept) by layer, a tensor (O, I) or
(O, I, 3, 3) each; ``config`` the golden.lab.prune.network_masks.PruneConfig; and ``sparsity`` the
share of zeros that is due by now. It returns one 0/1 tensor of the same shape for every layer, and
the same ones when it is asked again with the same values. Example: docs/guide/first_walk.md.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from golden.contract.errors import UserError

Method = Callable[[dict[str, torch.Tensor], Any, float], Mapping[str, torch.Tensor]]


def is_plugin(method: str) -> bool:
    """Whether a method is of the form FILE.py:FUNCTION."""
    return ".py:" in method


@cache
def load(method: str) -> Method:
    """The function that ``FILE.py:FUNCTION`` names; UserError if there is none."""
    name, _, function = method.rpartition(":")
    path = Path(name)
    if not path.is_file():
        raise UserError(f"prune.method '{method}': there is no file {path.resolve()}")
    spec = importlib.util.spec_from_file_location(f"_prune_method_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"prune.method '{method}': {path} cannot be read: {error!r}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise UserError(f"prune.method '{method}': {path} has no function '{function}'")
    return found


def plugin_masks(
    config: Any, values: dict[str, torch.Tensor], sparsity: float
) -> dict[str, torch.Tensor]:
    """What the function of ``config.method`` returns, as float masks; UserError if it is not one
    mask of zeros and ones for every layer."""
    masks = dict(load(config.method)(values, config, sparsity))
    if masks.keys() != values.keys():
        wrong = ", ".join(sorted(masks.keys() ^ values.keys()))
        raise UserError(f"prune.method '{config.method}': one mask for every layer; see {wrong}")
    for name, mask in masks.items():
        if mask.shape != values[name].shape or ((mask != 0) & (mask != 1)).any():
            raise UserError(
                f"prune.method '{config.method}': the mask of {name} must be zeros and ones of "
                f"shape {tuple(values[name].shape)}; it has shape {tuple(mask.shape)}"
            )
    return {name: mask.to(values[name]) for name, mask in masks.items()}
