# SPDX-License-Identifier: Apache-2.0
"""The tools are those that the project is pinned to, or newer; an old one is told in one line
instead of by the errors of a compiler."""

from __future__ import annotations

import importlib.metadata
import re
import sys
from functools import cache

from golden.contract.paths import IN_CHECKOUT, ROOT

PROJECT = "prunespikformer"
SYSTEM = {"Icarus": (11, 0)}  # of the system and not of Python: that of Debian 12, scripts/setup.sh


class SimulatorMissing(SystemExit):
    """A tool is not installed or too old. From the command line: one sentence, exit status 2."""

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message
        print(f"error: {message}", file=sys.stderr)

    def __str__(self) -> str:
        return self.message


def numbers(text: str) -> tuple[int, int]:
    """Major and minor of the first version in a text; Verilator writes 5.048 for what is 5.48."""
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


@cache
def pinned(tool: str) -> tuple[int, int]:
    """Of requirements.txt; in an installed package, the least that its metadata ask for."""
    if tool in SYSTEM:
        return SYSTEM[tool]
    if IN_CHECKOUT:
        lines = (ROOT / "requirements.txt").read_text().splitlines()
    else:
        try:
            lines = importlib.metadata.requires(PROJECT) or []
        except importlib.metadata.PackageNotFoundError:  # copied, not installed
            lines = []
    return next((numbers(x) for x in lines if re.match(rf"{tool}(==|>=)", x)), (0, 0))


def check(tool: str, version: str, where: str = "") -> None:
    """SimulatorMissing for a tool that is older than the pinned one; a note for a newer one."""
    found, wanted = numbers(version), pinned(tool)
    told, asked = (".".join(map(str, x)) for x in (found, wanted))
    place = f" ({where})" if where else ""
    if found < wanted:
        raise SimulatorMissing(
            f"{tool}{place} has version {told} and {asked} is needed; `make setup` installs it"
        )
    if found > wanted > (0, 0):
        _note(f"note: {tool} {told} is newer than {asked}, with which this project is tested")


@cache
def _note(sentence: str) -> None:
    print(sentence, file=sys.stderr)
