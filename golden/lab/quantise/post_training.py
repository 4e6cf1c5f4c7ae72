# SPDX-License-Identifier: Apache-2.0
"""`psf quantise`: a float checkpoint -> integers, without training.

The residual grid 2^-f is the finest of which the hardware holds the worst case over all inputs.
A layer on the stream sits on the grid 2^(shift-f) whose rounding and clipping, weighted with the
firing rates of its inputs over the calibration images, disturb its current least; a layer in front
of a LIF has a scale per channel, as in training (golden.lab.quantise.fold).
"""

from __future__ import annotations

import sys
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from golden.contract.errors import UserError
from golden.contract.limits import PRESETS, Widths, refuse, smallest
from golden.contract.network import QuantNetwork
from golden.contract.silence import warn
from golden.contract.sparsity import weight_sparsity
from golden.lab.data import record, title
from golden.lab.data.shown import name_for
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.networks.layers import ConvBN, LinearBN
from golden.lab.quantise.convert import calibrate, convert, refusal
from golden.lab.quantise.export import excesses, integers
from golden.lab.quantise.firing import Firing, compare, input_rates
from golden.lab.quantise.twin import labels
from golden.lab.train.checkpoint import load_dense, trained_on, write_facts
from golden.lab.train.evaluate import accuracy
from golden.lab.train.source import tensors_for

FINEST = 12  # fraction bits of the stream that are tried first
WORST = 5  # layers that are printed


def quantise(
    model: Spikingformer,
    images: torch.Tensor,
    widths: Widths = PRESETS,
    frac_bits: int | None = None,
    provenance: dict[str, Any] | None = None,
) -> QuantNetwork:
    """Integers of a float network, which stays as it is; uint8 images (n, C, H, W) or frames.

    frac_bits: of the residual stream, None for the finest that fits. UserError with every limit
    that is exceeded, its layer and the hardware that would hold it, if none fits.
    """
    reason = refusal(model.config)
    if reason is not None:
        raise UserError(f"{reason}; train a network with one of them")
    model.eval()
    fed = input_rates(model, (ConvBN, LinearBN), images)
    bits = FINEST if frac_bits is None else frac_bits
    while True:
        ours = deepcopy(model)
        pairs = zip(on_stream(ours), on_stream(model), strict=True)
        rates = {mine: fed[layer] for mine, layer in pairs}
        network = integers(
            convert(ours, bits, 0, widths, rates).eval(), bits, dict(provenance or {})
        )
        found = list(excesses(network, widths))
        if not found or bits == 1 or frac_bits is not None:
            refuse(found)
            return network
        over = smallest(found).get("stream_width", 0) - widths.stream_width
        bits = max(bits - max(over, 1), 1)


def on_stream(model: Spikingformer) -> list[nn.Module]:
    """The layers that add to the residual stream, in order."""
    layers = [model.tokenizer.stages[4]]
    return layers + [x for b in model.blocks for x in (b.attention.proj, b.mlp.mlp2)]


def run(
    checkpoint: Path,
    out: Path,
    command: str,
    widths: Widths = PRESETS,
    data: str = "",
    images: int = 256,
    test_images: int = 1000,
    frac_bits: int | None = None,
    recalibrate: bool = False,
) -> dict[str, Any]:
    """Quantise a file, print what it costs, write the network with its .json; returns the facts.

    images: of the training split, for calibration.  test_images: of the test split, for accuracy,
    0 for all.  recalibrate: replace the BatchNorm statistics by those of the calibration images.
    """
    model = load_dense(checkpoint)
    if not isinstance(model, Spikingformer):
        raise UserError(f"{checkpoint}: {refusal(model.config)}; train a network with one of them")
    told = trained_on(checkpoint)
    name = name_for(told, data)
    seen, _ = tensors_for(model, checkpoint, "train", images, data)
    if recalibrate:
        calibrate(model, seen)
    provenance = {
        "command": command, "method": "post-training", "data": told or record(name),
        "calibration_images": len(seen),
    }  # fmt: skip
    network = quantise(model, seen, widths, frac_bits, provenance)
    warn(network)
    firing = compare(model, network, seen)
    shown, truth = tensors_for(model, checkpoint, "test", test_images, data)
    before = accuracy(model, shown, truth)
    answers = labels(network, shown)
    facts = {
        "accuracy_float": before,
        "accuracy": float((answers == truth).double().mean()),
        "test_images": len(shown),
        "weight_sparsity": weight_sparsity(network),
        "residual_frac_bits": network.config.residual_frac_bits,
        "shifts": shifts(network),
        "layers": {
            layer: asdict(entry) | {"share": entry.share} for layer, entry in firing.items()
        },
    }
    network.provenance |= {key: facts[key] for key in ("accuracy", "weight_sparsity")}
    network.save(out)
    write_facts(out, provenance | facts, None)
    tell(network, facts, firing, title(name))
    print(f"{out} written")
    return facts


def shifts(network: QuantNetwork) -> dict[str, int]:
    """By layer on the stream its shift."""
    parts = {"tokenizer.4": network.patch}
    for i, block in enumerate(network.blocks):
        parts |= {f"blocks.{i}.proj": block.proj, f"blocks.{i}.mlp2": block.mlp2}
    return {name: layer.shift for name, layer in parts.items()}


def tell(
    network: QuantNetwork, facts: dict[str, Any], firing: dict[str, Firing], data: str
) -> None:
    """Print grids, accuracy and the layers whose spikes changed most; warn of those that are
    stuck, to stderr."""
    bits = network.config.residual_frac_bits
    print(f"calibration      {network.provenance['calibration_images']} training images of {data}")
    grids = ", ".join(f"{name} {shift}" for name, shift in facts["shifts"].items() if shift)
    print(f"residual stream  grid 2^-{bits}" + (f"; shifts: {grids}" if grids else ""))
    before, after, count = facts["accuracy_float"], facts["accuracy"], facts["test_images"]
    print(
        f"accuracy         {before:.2%} float, {after:.2%} integers; {count} test images of {data}"
    )
    print("layers whose spikes differ most   rate float   integers   differ")
    worst = sorted(firing.items(), key=lambda pair: -pair[1].share)[:WORST]
    for name, entry in worst:
        theirs, ours = entry.rates
        print(f"  {name:30}  {theirs:11.4f}  {ours:9.4f}  {entry.share:7.2%}")
    for name, entry in firing.items():
        if entry.stuck:
            print(
                f"warning: layer {name} {entry.stuck} fires on the calibration images, so that no "
                "information passes through it",
                file=sys.stderr,
            )
