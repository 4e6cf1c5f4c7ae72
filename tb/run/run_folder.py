# SPDX-License-Identifier: Apache-2.0
"""A folder of its own for every simulation, whoever else runs the same one at the same time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections import deque
from pathlib import Path

KEPT = 2  # of one name, besides those in use: the last ones, to look at
_HELD: deque[int] = deque()  # the folders of this process, from the oldest to the newest
_MOST_HELD = 64  # file handles; who has started as many runs since then has read an old one


def fresh(build_dir: Path, name: str) -> Path:
    """A new folder ``run-<name>.<something>`` in ``build_dir``, this process's until it ends.

    Older ones of that name that no process holds are removed, but for the last ``KEPT``.
    """
    prefix = f"run-{name}."
    free = []
    for old in build_dir.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # somebody else removes it
            handle = _take(old)
            if handle is not None:
                free.append((old.stat().st_mtime_ns, old, handle))
    free.sort()
    for _, old, _ in free[: max(len(free) - KEPT, 0)]:
        shutil.rmtree(old, ignore_errors=True)
    for _, _, handle in free:
        os.close(handle)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=build_dir))
    folder.chmod(0o755)
    handle = _take(folder)
    if handle is not None:
        _HELD.append(handle)
    while len(_HELD) > _MOST_HELD:
        os.close(_HELD.popleft())
    return folder


def _take(folder: Path) -> int | None:
    """A handle that locks the folder, if nobody else has it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
