# SPDX-License-Identifier: Apache-2.0
"""What the report measures of a network on test images; kept by the hash of the checkpoint and of
the code that measures, so that a second report does not run it again."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from golden.contract.energy import paper_row
from golden.contract.files import write_text
from golden.lab.networks.layers import FirstConvBN
from golden.lab.networks.lif_neuron import LIF
from golden.lab.studies import layer_inputs as values
from golden.lab.studies import torch_rows as torch_network
from golden.lab.train import source
from golden.lab.train.checkpoint import load_dense
from golden.lab.train.source import network_input, split_tensors

BATCH = 50
HISTOGRAM = 100  # images whose inputs are counted value by value
CODE = (__file__, *(module.__file__ for module in (values, paper_row, torch_network, source)))


@dataclass
class Spikes:
    """ones: values that are not 0.  values: all of them.  binary: nothing but 0 and 1 came."""

    ones: int = 0
    values: int = 0
    binary: bool = True

    def add(self, tensor: torch.Tensor) -> None:
        """Count one more tensor."""
        self.ones += int(tensor.count_nonzero())
        self.values += tensor.numel()
        self.binary = self.binary and bool(((tensor == 0) | (tensor == 1)).all())

    @property
    def rate(self) -> float:
        """Share of the values that are not 0."""
        return self.ones / self.values


@dataclass(frozen=True)
class Measured:
    """Of `images` test images. rates: spikes per neuron and timestep, by LIF in order of execution;
    mean_rate: over all neurons together. neurons: of one image. input_rate: share of the values
    that reach the network behind its encoder and are not 0; input_binary: all are 0 or 1; frames:
    they are event frames, which need no encoder.
    energy: golden.contract.energy.paper_row.totals, per image. inputs: of every layer, as
    golden.lab.studies.layer_inputs.report gives them. first: layers that see the image."""

    images: int
    parameters: int
    neurons: int
    mean_rate: float
    rates: dict[str, float]
    input_rate: float
    input_binary: bool
    frames: bool
    energy: dict[str, float]
    inputs: dict[str, Any]
    first: list[str]


def measure(path: Path, name: str, count: int, cache: Path) -> dict[str, Any]:
    """`Measured` of a float checkpoint on the first `count` test images of the data set `name`.

    UserError if the checkpoint is damaged or the data set is not there.
    """
    entry = cache / f"{_key(path, name, count)}.json"
    if entry.is_file():
        try:
            return json.loads(entry.read_text())
        except ValueError:
            pass  # cut off: measured again
    model = load_dense(path)
    images, _ = split_tensors("test", count, name, model.config.timesteps)
    found = asdict(run(model, images))
    write_text(entry, json.dumps(found) + "\n")
    return found


def _key(path: Path, name: str, count: int) -> str:
    contents = [path.read_bytes(), *(Path(code).read_bytes() for code in CODE)]
    digests = [hashlib.sha256(content).digest() for content in contents]
    return hashlib.sha256(b"".join(digests) + f"{name} {count}".encode()).hexdigest()[:24]


@torch.no_grad()
def run(model: nn.Module, images: torch.Tensor) -> Measured:
    """images: uint8 (n, C, H, W) or frames (n, T, C, H, W)."""
    lifs: dict[str, Spikes] = defaultdict(Spikes)
    entering, drive = Spikes(), network_input(model, images)
    if drive.dim() == 5:  # frames: no encoder runs
        entering.add(drive)
    torch.manual_seed(0)  # a Poisson encoder draws
    with torch.compiler.set_stance("force_eager"):  # a few batches are not worth a compilation
        with _watched(model, lifs, entering):
            layers = torch_network.measure(model, drive, BATCH)
        few = (network_input(model, part) for part in images[:HISTOGRAM].split(BATCH))
        fed = values.report(values.inputs(model, few))
    return Measured(
        images=len(images),
        parameters=sum(p.numel() for p in model.parameters()),
        neurons=sum(s.values for s in lifs.values()) // (len(images) * model.config.timesteps),
        mean_rate=sum(s.ones for s in lifs.values()) / sum(s.values for s in lifs.values()),
        rates={name: spikes.rate for name, spikes in lifs.items()},
        input_rate=entering.rate,
        input_binary=entering.binary,
        frames=drive.dim() == 5,
        energy=paper_row.totals(layers),
        inputs=fed,
        first=[name for name, m in model.named_modules() if isinstance(m, FirstConvBN)],
    )


@contextmanager
def _watched(model: nn.Module, lifs: dict[str, Spikes], entering: Spikes) -> Iterator[None]:
    """Everything that is counted is told what passes."""

    def neuron(name: str):
        return lambda _module, _inputs, spikes: lifs[name].add(spikes)

    hooks = [
        module.register_forward_hook(neuron(name))
        for name, module in model.named_modules()
        if isinstance(module, LIF)
    ]
    hooks.append(model.encoder.register_forward_hook(lambda _m, _i, out: entering.add(out)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
