# SPDX-License-Identifier: Apache-2.0
"""Tiny steps for golden/tests/cli/test_sweep.py, which workers import; each call leaves a line in
`calls`."""

import os
import time
from pathlib import Path


def _called(folder: Path, name: str) -> None:
    with (folder.parents[1] / "calls").open("a") as stream:
        stream.write(f"{name} {os.getpid()}\n")


def base(settings, folder):
    _called(folder, f"base {settings}")
    return {"value": 10 * settings}


def slow(settings, folder, base):
    """Long enough to be killed in."""
    _called(folder, f"slow {settings}")
    time.sleep(0.4)
    return {"value": base["value"] + settings}


def picky(settings, folder, base):
    _called(folder, f"picky {settings}")
    if settings == 1 and not (folder.parents[1] / "repaired").exists():
        raise ValueError("1 is wrong\nvery wrong")
    return {"value": base["value"] + settings}
