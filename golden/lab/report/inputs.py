# SPDX-License-Identifier: Apache-2.0
"""Where the report finds what it shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden.contract.errors import UserError
from golden.contract.paths import BUILD

if TYPE_CHECKING:
    from golden.lab.report.zoo import Network

RESULTS = ("build/reports", "golden/results")  # the last run, then what is committed


@dataclass(frozen=True)
class Inputs:
    """root: of the repository.  cache: folder for what was measured.  images: test images that
    every network runs over."""

    root: Path = Path()
    cache: Path = BUILD / "report-cache"
    images: int = 500

    @property
    def checkpoints(self) -> Path:
        """Of the default network; its folder zoo/ has the others, curves/ the pruned ones."""
        return self.root / "golden/checkpoints"

    @property
    def configs(self) -> Path:
        """Of the networks to compare."""
        return self.root / "golden/configs/zoo"

    @property
    def made(self) -> list[str]:
        """The command whose numbers are measured here."""
        return [f"psf report --images {self.images}"]

    @cached_property
    def networks(self) -> list[Network]:
        """Every float checkpoint, measured; the sections share them."""
        from golden.lab.report.zoo import networks

        return networks(self)

    def results(self, name: str) -> dict[str, Any] | None:
        """golden/results/<name>.json, committed, or what the last run left in build/reports."""
        for folder in RESULTS:
            found = self.read(self.root / folder / f"{name}.json")
            if found is not None:
                return found
        return None

    def names(self, pattern: str) -> list[str]:
        """Of the files of results whose names, without .json, are like the pattern."""
        folders = (self.root / name for name in RESULTS)
        found = {p.stem for folder in folders for p in folder.glob(f"{pattern}.json")}
        return sorted(found)

    @staticmethod
    def read(path: Path) -> dict[str, Any] | None:
        """A JSON object; None if there is no such file, UserError if it is damaged."""
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise UserError(
                f"{path} cannot be read ({error}): remove it or make it again"
            ) from None
        if not isinstance(found, dict):
            raise UserError(f"{path} does not hold a JSON object: remove it or make it again")
        return found
