# SPDX-License-Identifier: Apache-2.0
"""A pruning method of one's own: ``prune.method = "FILE.py:FUNCTION"``, or the name of an entry
point in the group ``prunespikformer.pruning`` (golden.contract.plugin). The function is

    def method(values, config, sparsity) -> masks

with ``values`` the worth of every weight (>= 0, larger is kept) by layer, a tensor (O, I) or
(O, I, 3, 3) each; ``config`` the golden.lab.prune.network_masks.PruneConfig; and ``sparsity`` the
share of zeros that is due by now. It returns one 0/1 tensor of the same shape for every layer, and
the same ones when it is asked again with the same values. Examples: examples/own_pruning.py,
docs/guide/first_walk.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from golden.contract import plugin
from golden.contract.errors import UserError
from golden.contract.settings import beside

Method = Callable[[dict[str, torch.Tensor], Any, float], Mapping[str, torch.Tensor]]


def is_plugin(method: str) -> bool:
    """Whether a method is not one of the project's own: FILE.py:FUNCTION or an entry point."""
    return plugin.is_file(method) or method in plugin.installed(plugin.PRUNING)


def installed() -> list[str]:
    """Names of methods that installed packages have, as regular expressions."""
    return [re.escape(name) for name in plugin.installed(plugin.PRUNING)]


def plugin_beside(method: str, folder: Path) -> str:
    """A method as a configuration file of `folder` names it: FILE.py is relative to that file."""
    file, colon, function = method.rpartition(":")
    return beside(file, folder) + colon + function if plugin.is_file(method) else method


def load(method: str) -> Method:
    """The function that a name means; UserError if there is none."""
    return plugin.load("prune.method", method, plugin.PRUNING)


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
