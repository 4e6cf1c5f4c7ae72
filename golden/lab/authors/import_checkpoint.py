# SPDX-License-Identifier: Apache-2.0
"""`psf import`: a file of an authors' repository -> a float checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from golden.contract.errors import UserError
from golden.lab.authors.convert import Converted, convert
from golden.lab.authors.family import DATA, Family, Found
from golden.lab.authors.resnets import MSResNet, SEWResNet
from golden.lab.authors.state import State, read
from golden.lab.authors.transformers import SpikeDrivenTransformer, Spikformer, Spikingformer
from golden.lab.data.registry import absolute, facts
from golden.lab.data.shown import record
from golden.lab.train.checkpoint import save_dense

FAMILIES: dict[str, Family] = {
    family.backbone: family
    for family in (
        Spikingformer(), Spikformer(), SpikeDrivenTransformer(), SEWResNet(), MSResNet(),
    )
}  # fmt: skip


def import_checkpoint(
    path: Path,
    out: Path,
    given: Mapping[str, Any],
    command: str,
    family: str | None = None,
    averaged: bool = False,
    data: str = "",
) -> Converted:
    """Read `path`, write the float checkpoint `out` with its .json, and print what was found.

    given: fields of NetworkConfig. family: of FAMILIES, None if the names of tensors shall tell.
    averaged: take the moving average of the weights. data: the data set it was trained on, which
    tells height and width, and is recorded for the commands that follow.
    """
    if family is not None and family not in FAMILIES:
        raise UserError(f"--family {family} is unknown; choose one of {', '.join(FAMILIES)}")
    state, name = read(path, averaged), absolute(data) if data else ""
    if name:
        sides = ("height", "width")
        given = {side: Found(getattr(facts(name), side), DATA) for side in sides} | dict(given)
    converted = convert(state, FAMILIES[family] if family else recognise(state), given)
    if name:
        _fits(path, converted, name)
    made = {
        "command": command,
        "source": {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()},
        "sizes": {name: list(entry) for name, entry in sorted(converted.found.items())},
        "notes": converted.notes,
    }
    save_dense(out, converted.model, made, data=record(name) if name else None)
    for name, (value, source) in sorted(converted.found.items()):
        print(f"{name:14} {value!s:16} {source}")
    for note in converted.notes:
        print(f"note: {note}")
    print(f"{out}: {sum(p.numel() for p in converted.model.parameters()):,} parameters")
    return converted


def _fits(path: Path, converted: Converted, data: str) -> None:
    """UserError unless the network takes what the data set holds."""
    config, entry = converted.model.config, facts(data)
    for name, value in (("in_channels", entry.channels), ("classes", entry.classes)):
        own = getattr(config, name)
        if own != value:
            raise UserError(
                f"{path} has {name} {own}, the data set {entry.name} {value}; give the one that it "
                "was trained on"
            )


def stages(text: str | None) -> tuple[int, ...] | None:
    """Numbers of tokenizer stages, as in '3,4'; an empty text is none of them."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise UserError(f"--pooled-stages '{text}' must be numbers from 1 to 4, as in 3,4")
    return tuple(int(part) for part in parts)


def numbers(name: str, text: str | None) -> tuple[float, ...] | None:
    """A number for each channel, as in '0.49,0.48,0.45'; 'none' is none of them."""
    if text is None:
        return None
    try:
        return () if text == "none" else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UserError(
            f"--{name} '{text}' must be a number for each channel, as in 0.49,0.48,0.45, or 'none'"
        ) from None


def recognise(state: State) -> Family:
    """The family whose names a file has."""
    for family in FAMILIES.values():
        if family.recognises(state):
            return family
    if any(name.startswith("tokenizer.") for name in state.tensors):
        raise UserError(f"{state.path} is a network of this project already")
    some = ", ".join(state.name(name) for name in list(state.tensors)[:3])
    raise UserError(
        f"{state.path} has the names of none of {', '.join(FAMILIES)} (they begin with {some}); if "
        "it is one of them, give --family to see what does not fit"
    )
