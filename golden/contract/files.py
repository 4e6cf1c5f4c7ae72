# SPDX-License-Identifier: Apache-2.0
"""Writing files whole or not at all: what a reader finds under a name is never half of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path``, with its suffix, to write a file (or a folder) to.

    It takes the place of ``path`` when the block ends well and is removed when it does not. Folders
    above are made. Processes that write the same file at once do not meet; the last one wins.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")
    try:
        yield temporary
        if temporary.is_dir():
            shutil.rmtree(path, ignore_errors=True)  # a folder is not replaced by a rename
        temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """``content`` as a file."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """``text`` as a file."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any, indent: int = 1) -> None:
    """``value`` as a JSON file."""
    write_text(path, json.dumps(value, indent=indent) + "\n")
