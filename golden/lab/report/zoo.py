# SPDX-License-Identifier: Apache-2.0
"""The trained networks: every float checkpoint with its sizes, its facts and what was measured."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from golden.contract.errors import UserError
from golden.lab.data import name_for
from golden.lab.report.measure import measure
from golden.lab.report.section import Absent
from golden.lab.train.checkpoint import trained_on

if TYPE_CHECKING:
    from golden.lab.report.inputs import Inputs

AT_HAND = ("fashion_mnist", "events_fashion_mnist")  # out of Debian's package
GROUPS = {"backbone": "Backbones", "encoder": "Input encoders", "head": "Heads"}


@dataclass(frozen=True)
class Network:
    """config: the NetworkConfig as a dictionary.  facts: of the .json beside the checkpoint.
    measured: of golden.lab.report.measure, None with the reason in `absent`.  recorded: not here,
    the data is not there, but on another machine (`record`)."""

    name: str
    config: dict[str, Any]
    facts: dict[str, Any]
    data: str
    measured: dict[str, Any] | None = None
    absent: Absent | None = None
    recorded: bool = False

    @property
    def group(self) -> str:
        """'head' and 'encoder' by the prefix of the name, 'backbone' otherwise."""
        prefix = self.name.partition("_")[0]
        return prefix if prefix in GROUPS else "backbone"

    @property
    def kind(self) -> str:
        """Backbone-depth-dim, with what joins the branches of a SEW-ResNet."""
        backbone = self.config.get("backbone", "spikingformer")
        kind = f"{backbone}-{self.config['depth']}-{self.config['dim']}"
        return f"{kind} {self.config['connect']}" if backbone == "sew_resnet" else kind


def networks(inputs: Inputs) -> list[Network]:
    """The default network and those of zoo/, by name."""
    paths = [inputs.checkpoints / "dense.safetensors"]
    paths += sorted((inputs.checkpoints / "zoo").glob("*.safetensors"))
    return [_read(path, inputs) for path in paths if path.is_file()]


def untrained(inputs: Inputs) -> list[Absent]:
    """The configurations of golden/configs/zoo without a checkpoint."""
    out = []
    for config in sorted(inputs.configs.glob("*.toml")):
        path = inputs.checkpoints / "zoo" / f"{config.stem}.safetensors"
        if not path.is_file():
            command = (
                f"psf train --config {config.relative_to(inputs.root)} --run "
                f"runs/zoo/{config.stem} --out {path.relative_to(inputs.root)}"
            )
            out.append(Absent(f"the network {config.stem}", command))
    return out


def repeats(found: list[Network]) -> list[list[Network]]:
    """Groups of two and more networks of one training file but for its seed."""
    groups: dict[str, list[Network]] = {}
    for network in found:
        settings = tomllib.loads(network.facts.get("config", ""))
        settings.get("train", {}).pop("seed", None)
        groups.setdefault(json.dumps(settings, sort_keys=True), []).append(network)
    return [g for g in groups.values() if len({n.facts.get("seed") for n in g}) > 1]


def _read(path: Path, inputs: Inputs) -> Network:
    try:
        with safe_open(path, "pt") as stream:
            config = json.loads((stream.metadata() or {})["config"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise UserError(f"{path} is not a float checkpoint ({error}): remove it") from None
    facts = inputs.read(path.with_suffix(".json")) or {}
    name, data = path.stem, name_for(trained_on(path))
    try:
        measured = measure(path, data, inputs.images, inputs.cache)
    except UserError as error:
        kept = (inputs.results("networks") or {}).get("networks", {}).get(name, {})
        if (kept.get("sha256"), kept.get("images")) == (_sha256(path), inputs.images):
            return Network(name, config, facts, data, kept["measured"], recorded=True)
        absent = Absent(f"what {name} does on {data}: {error}", "psf data list")
        return Network(name, config, facts, data, absent=absent)
    return Network(name, config, facts, data, measured)


def record(inputs: Inputs, command: str, date: str) -> dict[str, Any]:
    """What golden/results/networks.json holds: the measurements on data that has to be fetched, for
    machines that do not have it."""
    made = [n for n in inputs.networks if n.measured and n.data not in AT_HAND and not n.recorded]
    return {
        "command": command,
        "date": date,
        "networks": {
            network.name: {
                "sha256": _sha256(inputs.checkpoints / "zoo" / f"{network.name}.safetensors"),
                "images": inputs.images, "measured": network.measured,
            }
            for network in made
        },
    }  # fmt: skip


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
