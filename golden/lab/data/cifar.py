# SPDX-License-Identifier: Apache-2.0
"""Reader of the original CIFAR archives (https://www.cs.toronto.edu/~kriz/cifar.html), packed or
unpacked.

A batch is a Python 2 pickle of a dictionary: b'data' uint8 (n, 3072), the planes red, green and
blue of 32x32 pixels each, and a list of labels. A pickle is a program: the one here is read by an
unpickler that knows numpy arrays, and bytes as Python 3 writes them for Python 2 (text to be
encoded as Latin-1), and refuses everything else.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from golden.contract.errors import UserError
from golden.contract.unpacking import first_line, whole
from golden.lab.data.facts import Facts
from golden.lab.data.split import Split

CHANNELS, HEIGHT, WIDTH = 3, 32, 32
_ADMITTED = {("numpy", "ndarray"), ("numpy", "dtype")} | {
    (f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")
}


def facts(name: str, title: str, labels: tuple[str, ...], archive: str, unpacked: str) -> Facts:
    """Of a CIFAR data set, whose archive lies in its folder, packed or not."""
    return Facts(
        name=name,
        title=title,
        channels=CHANNELS,
        height=HEIGHT,
        width=WIDTH,
        labels=labels,
        variable=f"{name.upper()}_DIR",
        needs=((archive, unpacked),),
        fetch=f"fetch https://www.cs.toronto.edu/~kriz/{archive} and put it into {{folder}}",
    )


def _latin1(text: str, encoding: str) -> bytes:
    """The bytes that Python 3 wrote as text, in place of `_codecs.encode`."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding}, bytes are latin1")
    return text.encode("latin1")


class ArrayUnpickler(pickle.Unpickler):
    """Numbers, strings, lists, dictionaries and numpy arrays; any other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if (module, name) not in _ADMITTED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not data")
        if name == "_reconstruct":
            module = "numpy._core.multiarray"
        return super().find_class(module, name)


def read(
    facts: Facts, folder: Path, archive: str, unpacked: str, batches: tuple[str, ...], key: bytes
) -> Split:
    """The batches of one split, in this order, from folder/unpacked/ or else from folder/archive.

    key: of the labels. Raises UserError when something is missing or damaged.
    """
    facts.require(folder)
    if (folder / unpacked).is_dir():
        place = folder / unpacked
        contents = {name: _file(facts, place / name) for name in batches}
    else:
        place = folder / archive
        contents = _members(place, {f"{unpacked}/{name}": name for name in batches})
    parts = [_batch(facts, contents[name], f"{place} ({name})", key) for name in batches]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Split(images, labels)


def _file(facts: Facts, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(
            f"the data set file {path} does not exist: "
            + facts.fetch.format(folder=path.parents[1])
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _members(path: Path, wanted: dict[str, str]) -> dict[str, bytes]:
    """Contents by batch name; one pass through the archive, nothing is written."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r|gz") as archive:
            for member in archive:
                name = wanted.get(member.name.removeprefix("./"))
                stream = archive.extractfile(member) if name else None
                if name and stream:
                    found[name] = whole(path, stream)
                if len(found) == len(wanted):
                    break
    except Exception as error:  # tarfile and zlib raise what they meet
        raise UserError(f"{path} is damaged ({first_line(error)}): fetch it again") from error
    for name in wanted.values():
        if name not in found:
            raise UserError(f"{path} is damaged (it holds no {name}): fetch it again")
    return found


def _check_memo(content: bytes) -> None:
    """ValueError for a pickle that numbers its objects as if it had more: memory goes by that."""
    for count, (op, number, _) in enumerate(pickletools.genops(content)):
        if op.name in ("PUT", "BINPUT", "LONG_BINPUT") and number > count:
            raise ValueError(f"it numbers an object {number}, as if it had so many")


def _batch(facts: Facts, content: bytes, where: str, key: bytes) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (n, 3, 32, 32) and int64 (n,)."""
    try:
        _check_memo(content)
        table = ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
        pixels, labels = table[b"data"], np.asarray(table[key])
    except Exception as error:  # a damaged pickle may raise anything
        raise UserError(f"{where} is not a batch of {facts.title} ({first_line(error)})") from error
    size = CHANNELS * HEIGHT * WIDTH
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2 \
            or pixels.shape[1] != size:  # fmt: skip
        raise UserError(f"{where} does not hold rows of {size} bytes, as {facts.title} does")
    if labels.shape != (len(pixels),) or labels.dtype.kind not in "iu":
        raise UserError(
            f"{where} is inconsistent: {len(pixels)} images but labels {labels.dtype} "
            f"{labels.shape}"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < facts.classes:
        wrong = labels[(labels < 0) | (labels >= facts.classes)][0]
        raise UserError(f"{where} holds label {wrong}, the legal ones are 0 to {facts.classes - 1}")
    return pixels.reshape(-1, CHANNELS, HEIGHT, WIDTH), labels.astype(np.int64)
