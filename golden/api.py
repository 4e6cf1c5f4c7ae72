# SPDX-License-Identifier: Apache-2.0
"""PruneSpikformer as a library: load, forward, compile, estimate, simulate, compare, classify.

    from golden import api

    network = api.load("runs/mine/network.safetensors")
    test = api.test_images(network, 4)
    trace = api.forward(network, test.images)           # every spike and current
    result = api.simulate(network, test.images, "2x8")  # the same on the RTL

What can be wrong with a file or an argument raises golden.contract.errors.UserError with one
sentence. numpy alone is imported with this module; PyTorch, Pillow and the simulator are imported
by the functions that use them. Reference: docs/reference/python_api.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from golden.contract import model
from golden.contract.errors import UserError
from golden.contract.model import Trace
from golden.contract.network import QuantNetwork
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.program import compile_network
from golden.hardware.configuration import Hardware
from golden.hardware.cycles import Cycles, cycles

if TYPE_CHECKING:
    from golden.lab.data import Split

__all__ = [
    "Answer", "Difference", "Simulation", "classes", "classify", "compare", "compile", "estimate",
    "forward", "load", "read_images", "simulate", "test_images",
]  # fmt: skip


@dataclass(frozen=True)
class Simulation:
    """Of B inputs on the RTL. labels (B,), logits (B, classes) and cycles (B,) are the RTL's.

    mismatches: differences from the golden model in any spike, current, counter, logit or label,
    with the first of them in messages; the run ends with the image that has one.  figures: the
    tables of `psf sim`, by layer and image.
    """

    labels: np.ndarray
    logits: np.ndarray
    cycles: np.ndarray
    mismatches: int
    messages: tuple[str, ...]
    figures: dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """Of one layer's spikes: values that were compared, those that differ, and where the first one
    is, (image, timestep, token, channel)."""

    layer: str
    values: int
    different: int
    first: tuple[int, ...] | None


@dataclass(frozen=True)
class Answer:
    """What a network says to an image file. name, label: of the class.  logits: integers, one a
    class.  changed: how the image was brought to the network's input, '' when it fitted.  cycles:
    of the RTL, None without it."""

    path: Path
    name: str
    label: int
    logits: tuple[int, ...]
    changed: str = ""
    cycles: int | None = None


def load(path: str | Path) -> QuantNetwork:
    """A quantised network from its file (`psf prune` and `psf quantise` write it). Raises
    UserError."""
    return QuantNetwork.load(path)


def classes(network: QuantNetwork) -> tuple[str, ...]:
    """Names of the classes: those of the data it was trained on, numbers where none are known."""
    names = network.provenance.get("data", {}).get("classes", [])
    if not names and "command" in network.provenance:  # by psf, before it kept records
        from golden.lab.data import DEFAULT, facts

        names = facts(DEFAULT).labels
    known = len(names) == network.config.classes
    return tuple(map(str, names if known else range(network.config.classes)))


def test_images(network: QuantNetwork, count: int | None = None, data: str = "") -> Split:
    """The first test images (`.images` uint8 (B, C, H, W), or (B, T, C, H, W) event frames) and
    their `.labels` of the data that the network was trained on, or of `data` (a name or place)."""
    from golden.lab.data import shown

    return shown(network.config, network.provenance.get("data", {}), data, count=count)


def read_images(
    network: QuantNetwork, paths: Sequence[str | Path]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """PNG or JPEG files as the network's input, uint8 (B, C, H, W), and per file what was changed.

    The rules: golden.lab.data.own.pixels. Raises UserError for a file that is damaged or would be
    stretched to more than twice its shape.
    """
    from golden.lab.data.own.pixels import as_input, read_image

    config = network.config
    if config.input_timesteps > 1 or config.in_channels not in (1, 3):
        raise UserError(
            f"the network takes {config.input_timesteps} frames of {config.in_channels} channels, "
            "not an image; show it recordings with `psf sim --data`"
        )
    if not paths:
        raise UserError("there is no image to read: name at least one PNG or JPEG file")
    shape = config.in_channels, config.height, config.width
    found = [as_input(Path(path), read_image(Path(path)), shape) for path in paths]
    images = np.stack([np.minimum(image, config.input_max) for image, _ in found])
    return images.astype(np.uint8), tuple(changed for _, changed in found)


def forward(network: QuantNetwork, images: np.ndarray) -> Trace:
    """The golden integer model on uint8 (B, C, H, W), or frames (B, T, C, H, W): every current and
    spike by layer, (B, T, tokens, channels), logits (B, classes) and labels (B,)."""
    return model.forward(network, images)


def compile(
    network: QuantNetwork,
    hardware: str = "4x16",
    coded: bool = True,
    effort: float = 0,
    batch: int | None = 1,
) -> Program:
    """The program and weight image for a hardware by name ('2x8', '4x16,bank_depth=2048').

    coded: code weights and row tables where that is possible. effort: seconds to look for a program
    of fewer cycles than that of the plain rule. batch: images that a job classifies, None for as
    many as take the fewest cycles each. UserError where it does not fit.
    """
    return compile_network(
        network, Hardware.named(hardware), coded=coded, effort=effort, images=batch
    )


def estimate(network: QuantNetwork, images: np.ndarray, hardware: str = "4x16") -> list[Cycles]:
    """Cycles of every image by the cycle model, without RTL (docs/log/scale.md: how near)."""
    return cycles(compile(network, hardware), network, images)


def simulate(
    network: QuantNetwork,
    images: np.ndarray,
    hardware: str = "4x16",
    labels: Sequence[int] | None = None,
    *,
    sim: str = "verilator",
    seed: int | None = None,
    stalls: int = 0,
    latency: int = 20,
    batch: int | None = 1,
) -> Simulation:
    """Run uint8 images on the RTL in a simulator, every spike compared with the golden model.

    labels: the right classes, for the figures.  sim: 'verilator' or 'icarus'.  seed: of stalls and
    start values.  stalls: percent of the cycles in which the memory holds back.  latency: cycles of
    a memory read.  batch: images of a job, as in :func:`compile`. Raises UserError, and
    golden.contract.errors.RunFailed if the simulation fails.
    """
    from tb.measure.report import summarise
    from tb.system.run import run_system

    target = Hardware.named(hardware)
    truth = None if labels is None else np.asarray(labels)
    found = run_system(
        network, target, images, truth,
        sim=sim, seed=seed, stalls=stalls, latency=latency, quiet=True, batch=batch,
    )  # fmt: skip
    rows = found["images"]
    return Simulation(
        labels=np.array([row["rtl"] for row in rows]),
        logits=np.array([row["logits"] or [None] * network.config.classes for row in rows]),
        cycles=np.array([row["cycles"] for row in rows]),
        mismatches=found["mismatches"],
        messages=tuple(found["messages"]),
        figures=summarise(found, target),
    )


def compare(trace: Trace, spikes: Mapping[str, np.ndarray] | Trace) -> list[Difference]:
    """Spikes of another model held against those of :func:`forward`, layer by layer.

    spikes: by the names of `trace.spike`, all of them or some, arrays (B, T, tokens, channels) of 0
    and 1; or another trace. Raises UserError for a name or a shape that the trace has not.
    """
    theirs = spikes.spike if isinstance(spikes, Trace) else spikes
    found = []
    for name, values in theirs.items():
        if name not in trace.spike:
            raise UserError(f"no layer '{name}' fires; known are {', '.join(trace.spike)}")
        ours, values = trace.spike[name], np.asarray(values)
        if values.shape != ours.shape:
            raise UserError(
                f"the spikes of {name} have shape {values.shape}, the network's {ours.shape}: "
                "(images, timesteps, tokens, channels)"
            )
        wrong = np.argwhere(values != ours)
        first = tuple(map(int, wrong[0])) if len(wrong) else None
        found.append(Difference(name, ours.size, len(wrong), first))
    return found


def classify(
    network: QuantNetwork, paths: Sequence[str | Path], hardware: str | None = None, **options: Any
) -> tuple[list[Answer], int]:
    """What the network says to PNG or JPEG files, and how much the RTL differs from it.

    hardware: None for the golden integer model alone; a hardware's name runs the RTL, with the
    `options` of :func:`simulate`, and its answers are returned. The number is that of mismatches.
    """
    images, changed = read_images(network, paths)
    names, mismatches, clock = classes(network), 0, None
    trace = forward(network, images)
    labels, logits = trace.label, trace.logits
    if hardware is not None:
        result = simulate(network, images, hardware, **options)
        mismatches, clock = result.mismatches, result.cycles
        labels, logits = result.labels, result.logits
    return [
        Answer(
            Path(path), names[label] if label < len(names) else str(label), int(label),
            tuple(row.tolist()), note,
            None if clock is None else int(clock[i]),
        )
        for i, (path, label, row, note) in enumerate(
            zip(paths, labels, logits, changed, strict=False)  # the RTL stops at a mismatch
        )
    ], mismatches  # fmt: skip
