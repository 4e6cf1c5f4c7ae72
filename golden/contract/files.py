# SPDX-License-Identifier: Apache-2.0
"""Writing files whole or not at all: what a reader finds under a name is never half of it.

Where a command may write, and how it writes a folder: golden.contract.outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


def temporary_name(path: Path) -> Path:
    """A hidden name beside ``path`` with its suffix; no other process has the same."""
    return path.with_name(f".{path.stem}.part{os.getpid()}{path.suffix}")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary name beside ``path``, with its suffix, to write a file to.

    It takes the place of ``path`` when the block ends well and is removed when it does not. Folders
    above are made. Processes that write the same file at once do not meet; the last one wins.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:  # a failed write does not say where it was
        if error.filename is None:
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """``content`` as a file."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """``text`` as a file, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: str | Path, value: Any, indent: int = 1) -> None:
    """``value`` as a JSON file."""
    write_text(path, json.dumps(value, indent=indent) + "\n")
