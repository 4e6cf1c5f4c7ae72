# SPDX-License-Identifier: Apache-2.0
"""The files of networks: tensors and what is known about them, under one checksum.

All kinds are safetensors files. The metadata key ``config`` is a JSON object with the sizes,
``provenance`` (in some, within ``config``) how the network was made, ``kind`` one of :data:`KINDS`,
and ``checksum`` the SHA-256 of everything else: the names, types, shapes and values of the tensors
and the other metadata. Files from before there were checksums have neither of the last two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from golden.contract.errors import UserError
from golden.contract.files import write_bytes

KINDS = {
    "quantised": "a quantised network",
    "float": "a float checkpoint",
    "vit": "a quantised ViT of `psf spikezip`",
    "text": "a quantised text encoder of `psf spikezip`",
}
KNOWN = {"config", "provenance", "kind", "checksum"}  # keys of the metadata
# (what the file is, what is wanted): what to do.
_INSTEAD = {
    ("float", "quantised"): "make one of it with `psf quantise` or `psf prune --dense {path}`",
    ("quantised", "float"): "give the float checkpoint that it was made from, which `psf train` "
    "writes, or float.safetensors in the run folder of `psf prune`",
}
# kinds of `psf spikezip`, and the command that makes one
SPIKEZIP = {"vit": "psf spikezip train", "text": "psf spikezip train-text"}


@dataclass(frozen=True)
class Contents:
    """Of a file: the object ``config``, the other metadata, and the tensors by name."""

    config: dict[str, Any]
    metadata: dict[str, str]
    tensors: dict[str, np.ndarray]


def write(
    path: str | Path, kind: str, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Write a file whole or not at all; ``metadata`` has ``config`` and, if any, ``provenance``."""
    arrays = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}
    told = dict(metadata) | {"kind": kind}
    write_bytes(path, save(arrays, told | {"checksum": checksum(arrays, told)}))


def read(path: str | Path, kind: str, hint: str = "make one with `make train`") -> Contents:
    """Read a file of one kind and check it; UserError when it does not exist (``hint`` says what
    makes one), is no such file, of another kind, or damaged."""
    path = Path(path)
    with _opened(path, KINDS[kind], hint) as (metadata, config, stream):
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    _verify(path, metadata, tensors)
    found = metadata.get("kind") or _kind(config)
    if found != kind:
        raise UserError(
            f"{path} is {KINDS[found]}, {KINDS[kind]} is needed: "
            + _instead(found, kind).format(path=path)
        )
    return Contents(config, metadata, tensors)


def kind_of(path: str | Path, hint: str = "make one with `make train`") -> str:
    """Which of KINDS a file is; UserError when it does not exist or is none of them."""
    with _opened(Path(path), "a checkpoint", hint) as (metadata, config, _):
        found = metadata.get("kind") or _kind(config)
    if found not in KINDS:
        raise UserError(f"{path} is a checkpoint of an unknown kind, {found!r}; {hint}")
    return found


@contextmanager
def _opened(path: Path, what: str, hint: str) -> Iterator[tuple[dict, dict, Any]]:
    """(metadata, its config, the open file); UserError unless it can be read."""
    if not path.is_file():
        raise UserError(f"checkpoint {path} does not exist; {hint}")
    try:
        with safe_open(path, "numpy") as stream:
            metadata = stream.metadata() or {}
            config = json.loads(metadata["config"])
            if not isinstance(config, dict):
                raise KeyError("config")
            yield metadata, config, stream
    except (
        SafetensorError, KeyError, OSError, TypeError, ValueError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not {what} ({reason}); {hint}") from None


def checksum(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> str:
    """``sha256:<hexadecimal>`` of tensors and metadata but for a checksum among it."""
    digest = hashlib.sha256()
    told = {key: value for key, value in sorted(metadata.items()) if key != "checksum"}
    digest.update(json.dumps(told).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, tensor.dtype.str, tensor.shape]).encode())
        digest.update(tensor.tobytes())
    return f"sha256:{digest.hexdigest()}"


def _verify(path: Path, metadata: Mapping[str, str], tensors: Mapping[str, np.ndarray]) -> None:
    new = "kind" in metadata or "checksum" in metadata
    strange = set(metadata) - KNOWN or metadata.get("kind", "float") not in KINDS
    if strange or (new and metadata.get("checksum") != checksum(tensors, metadata)):
        raise UserError(
            f"{path} is damaged: its contents do not have its checksum; copy or make it again"
        )


def _instead(found: str, kind: str) -> str:
    """What to do when a file is not what is wanted."""
    if kind in SPIKEZIP:
        return f"make one with `{SPIKEZIP[kind]}`"
    return _INSTEAD.get((found, kind), "`psf spikezip check {path}` takes it")


def _kind(config: Mapping[str, Any]) -> str:
    """Of a file without a word about it."""
    if "level" in config:
        return "text" if "words" in config else "vit"
    return "quantised" if "residual_frac_bits" in config else "float"
