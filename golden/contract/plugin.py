# SPDX-License-Identifier: Apache-2.0
"""Code of the user's own in places that are made for it, without an edit of these files.

A plug-in is named ``FILE.py:NAME``, or by the name under which an installed package has entered it:

    [project.entry-points."prunespikformer.pruning"]
    mine = "my_package.pruning:method"

This is the one module that loads code by a name in a string. What a plug-in is given and must give
back is said where it is used: golden.lab.prune.plugin, golden.hardware.peers.registry.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from golden.contract.errors import UserError

PRUNING, PEERS = "prunespikformer.pruning", "prunespikformer.peers"


def is_file(name: str) -> bool:
    """Whether a name is of the form FILE.py:NAME."""
    return ".py:" in name


def installed(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name."""
    return {entry.name: entry for entry in entry_points(group=group)}


def load(what: str, name: str, group: str) -> Callable:
    """The function or class that a name means; ``what`` is the setting that names it, for messages.

    Raises UserError if there is none or its file or package cannot be read.
    """
    entry = installed(group).get(name)
    if entry is None:
        return _from_file(what, name)
    try:
        found = entry.load()
    except Exception as error:
        raise UserError(
            f"{what} '{name}': the entry point {entry.value} cannot be read: {error!r}"
        ) from error
    if not callable(found):
        raise UserError(f"{what} '{name}': the entry point {entry.value} cannot be called")
    return found


@cache
def _from_file(what: str, name: str) -> Callable:
    file, _, function = name.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{what} '{name}': there is no file {path.absolute()}")
    unique = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:8]
    spec = importlib.util.spec_from_file_location(f"_plugin_{path.stem}_{unique}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses and pickle look for it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise UserError(f"{what} '{name}': {path} cannot be read: {error!r}") from error
    found = getattr(module, function, None)
    if not callable(found):
        raise UserError(f"{what} '{name}': {path} has no function or class '{function}'")
    return found
