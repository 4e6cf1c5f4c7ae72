# SPDX-License-Identifier: Apache-2.0
"""Files of strangers: how much they may unpack to, asked before the memory is taken.

A few kilobytes can promise gigabytes. A file may unpack to ``FLOOR`` bytes or, if that is more, to
``RATIO`` times its own size. Whoever reads turns a :class:`TooLarge` into its own UserError, as any
other damage.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

FLOOR = 1 << 28
RATIO = 64


class TooLarge(ValueError):
    """What a file promises is more than it may."""


def first_line(error: BaseException) -> str:
    """What an exception says, or what it is if it says nothing."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__


def check(path: Path, promised: int) -> None:
    """Raise TooLarge if the file at ``path`` may not unpack to so many bytes."""
    allowed = max(FLOOR, RATIO * path.stat().st_size)
    if promised > allowed:
        raise TooLarge(f"it unpacks to {promised} bytes, {allowed} are allowed for its size")


def whole(path: Path, stream: IO[bytes]) -> bytes:
    """All of a stream that unpacks the file at ``path``."""
    allowed = max(FLOOR, RATIO * path.stat().st_size)
    content = stream.read(allowed + 1)
    check(path, len(content))
    return content


def check_zip(path: Path) -> None:
    """TooLarge, or zipfile.BadZipFile, before a zip file is unpacked."""
    with zipfile.ZipFile(path) as packed:
        check(path, sum(member.file_size for member in packed.infolist()))


def arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name; objects are refused. Raises what zipfile, zlib and numpy
    raise, and TooLarge."""
    check_zip(path)
    with zipfile.ZipFile(path) as packed:
        for member in packed.infolist():
            with packed.open(member) as stream:
                _check_header(stream, member)
    with np.load(path, allow_pickle=False) as stored:
        return {key: np.asarray(stored[key]) for key in stored.files}


def _check_header(stream: IO[bytes], member: zipfile.ZipInfo) -> None:
    """An array is as large as its member."""
    if not member.filename.endswith(".npy"):
        raise ValueError(f"{member.filename!r} is no array")
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, kind = read(stream)
    size = kind.itemsize
    for length in shape:
        size *= length
    if size != member.file_size - stream.tell():
        raise ValueError(f"{member.filename!r} promises {kind} {shape}, which it does not hold")
