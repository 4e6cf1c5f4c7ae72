# SPDX-License-Identifier: Apache-2.0
"""IDX files, packed with gzip or not, as MNIST and its relatives have them.

Format: http://yann.lecun.com/exdb/mnist, big-endian: magic 0x0000 08 <rank>, one uint32 per
dimension, then bytes.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from golden.contract.errors import UserError
from golden.contract.unpacking import TooLarge, whole

_BYTES = 8  # the type of the values, the third byte


def read_idx(path: Path, rank: int) -> np.ndarray:
    """The uint8 array of a file; UserError if it has not this rank or is damaged."""
    content = _content(path)
    header = 4 + 4 * rank
    if len(content) < header or content[:4] != bytes((0, 0, _BYTES, rank)):
        raise UserError(f"{path} is not an IDX file of {rank}-dimensional unsigned bytes")
    shape = struct.unpack(f">{rank}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise UserError(
            f"{path} is truncated: its header promises {shape}, "
            f"it holds {len(content) - header} bytes"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        with _open(path) as stream:
            return whole(path, stream)
    except (OSError, EOFError, zlib.error, TooLarge) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def rank_of(path: Path) -> int:
    """Dimensions of an IDX file of any type of values, 0 when it is none."""
    if not path.is_file() or not any(word in path.name for word in ("idx", "ubyte")):
        return 0
    try:
        with _open(path) as stream:
            head = stream.read(4)
    except (OSError, EOFError, zlib.error):
        return 0
    return head[3] if len(head) == 4 and head[:2] == b"\0\0" and head[2] in range(8, 15) else 0


def _open(path: Path):
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")
