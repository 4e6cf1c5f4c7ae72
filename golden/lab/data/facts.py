# SPDX-License-Identifier: Apache-2.0
"""The facts of a data set: where its files come from and belong, and the shape of images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from golden.contract.errors import UserError

SPLITS = ("train", "test")


def cache_folder(name: str) -> Path:
    """~/.cache/prunespikformer/<name>, under XDG_CACHE_HOME where that is set."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "prunespikformer" / name


@dataclass(frozen=True, kw_only=True)
class Source:
    """name: of the data set and of its module.  title: for people.

    labels: the classes' names.
    variable: environment variable that names the folder; default: the folder without it, None for
    ~/.cache/prunespikformer/<name>.
    needs: what must lie in the folder, each a tuple of alternatives.
    fetch: half a sentence, '<what to get from where> and put <what> into {folder}'.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    variable: str
    needs: tuple[tuple[str, ...], ...]
    fetch: str
    default: Path | None = None

    @property
    def classes(self) -> int:
        """How many."""
        return len(self.labels)

    @property
    def folder(self) -> Path:
        """Where the files are looked for."""
        named = os.environ.get(self.variable)
        return Path(named) if named else self.default or cache_folder(self.name)

    def missing(self, folder: Path) -> str | None:
        """The first thing that is not there."""
        for alternatives in self.needs:
            if not any((folder / name).exists() for name in alternatives):
                return alternatives[0]
        return None

    def require(self, folder: Path) -> None:
        """UserError with what to fetch and where to put it, unless all files are there."""
        name = self.missing(folder)
        if name is not None:
            raise UserError(
                f"{self.title} is not there ({folder / name} does not exist): "
                f"{self.fetch.format(folder=folder)}, or name another folder with {self.variable}"
            )


@dataclass(frozen=True, kw_only=True)
class Facts(Source):
    """Of images and event frames. channels, height, width: of one.  timesteps: 0 for images; of
    event data the T that frames are integrated to when the caller names none."""

    channels: int
    height: int
    width: int
    timesteps: int = 0


def require_split(split: str) -> None:
    """UserError unless `split` is one of SPLITS."""
    if split not in SPLITS:
        raise UserError(f"there is no data split '{split}': choose 'train' or 'test'")
