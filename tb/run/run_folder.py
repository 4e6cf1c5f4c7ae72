# SPDX-License-Identifier: Apache-2.0
"""The folders of builds and simulations: each simulation has its own, whoever else runs the same
one at the same time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections import deque
from pathlib import Path

from golden.contract.errors import UserError
from golden.contract.files import write_json
from golden.contract.progress import Progress
from tb.run.simulators import tail

NOTE = "progress.json"
KEPT = 2  # of one name, besides those in use: the last ones, to look at
LEAST_ROOM = 1 << 20  # bytes; a disk with less is full, whatever is written next
_HELD: deque[int] = deque()  # the folders of this process, from the oldest to the newest
_MOST_HELD = 64  # file handles; who has started as many runs since then has read an old one


def for_make(folder: Path) -> Path:
    """Where to build: the folder, or one in the user's cache if its name has a space, which make
    cannot take."""
    if not re.search(r"\s", str(folder)):
        return folder
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path.home() / ".cache" / "prunespikformer" / "build" / name


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


def note(done: int, total: int, cycles: int) -> None:
    """Inside a simulation: how far it is, for whoever waits for it."""
    write_json(NOTE, {"done": done, "total": total, "cycles": cycles})


def tell(folder: Path, shown: Progress) -> None:
    """Show what the simulation in ``folder`` noted last."""
    try:
        found = json.loads((folder / NOTE).read_text())
    except (OSError, ValueError):
        return shown.update(note="starts")
    return shown.update(found["done"], found["total"], f"{found['cycles']:,} cycles")


def empty(folder: Path) -> None:
    """Remove what is in a folder."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def refuse_full(folder: Path, log: Path) -> None:
    """UserError if what failed in ``folder`` had no room, which its log may have no room to say."""
    if shutil.disk_usage(folder).free < LEAST_ROOM or os.strerror(errno.ENOSPC) in tail(log):
        raise UserError(
            f"the disk of {folder} is full; make room there (a build takes up to 100 MB, waves "
            "more)"
        )
