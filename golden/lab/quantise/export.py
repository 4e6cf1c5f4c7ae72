# SPDX-License-Identifier: Apache-2.0
"""A converted Spikingformer -> golden.contract.network.QuantNetwork, with the ranges checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from golden.contract.limits import PRESETS, Excess, Widths, largest_residual, refuse, wide
from golden.contract.narrow import narrow
from golden.contract.network import Block, NetworkConfig, QuantNetwork, ResidualLayer, SpikeLayer
from golden.contract.ranges import bounds, head_shift, input_max, layers
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.quantise.fold import FoldedLayer, ResidualFolded

SHIFT_LIMIT = 7  # of a current on its way to the stream, and of the sum of the stream


def export(
    model: Spikingformer, frac_bits: int, provenance: dict[str, Any], widths: Widths = PRESETS
) -> QuantNetwork:
    """Integers of a model that `convert` made; UserError if they leave the hardware's ranges."""
    network = integers(model, frac_bits, provenance)
    refuse(list(excesses(network, widths)))
    return network


@torch.no_grad()
def integers(model: Spikingformer, frac_bits: int, provenance: dict[str, Any]) -> QuantNetwork:
    """The same, whatever their ranges."""
    known = {entry.name for entry in dataclasses.fields(NetworkConfig)}
    sizes = {
        name: value for name, value in dataclasses.asdict(model.config).items() if name in known
    }
    if model.config.encoder != "learned":
        sizes["encoder_channels"] = 0
    stages = [_layer(f"tokenizer.{i}", stage) for i, stage in enumerate(model.tokenizer.stages)]
    blocks = [
        Block(
            q=_layer(f"blocks.{i}.q", block.attention.q),
            k=_layer(f"blocks.{i}.k", block.attention.k),
            v=_layer(f"blocks.{i}.v", block.attention.v),
            proj=_layer(f"blocks.{i}.proj", block.attention.proj),
            mlp1=_layer(f"blocks.{i}.mlp1", block.mlp.mlp1),
            mlp2=_layer(f"blocks.{i}.mlp2", block.mlp.mlp2),
        )
        for i, block in enumerate(model.blocks)
    ]
    model.head.shift = 0
    head, _ = model.head.integers()
    network = QuantNetwork(
        NetworkConfig(
            **sizes,
            residual_frac_bits=frac_bits,
            constant_bit=getattr(model.tokenizer.stages[0], "constant_bit", None),
        ),
        stages[:-1],
        stages[-1],
        blocks,
        _array("head.weight", head.weight),
        _array("head.bias", head.bias),
        provenance,
        _layer("encoder", model.encoder) if sizes["encoder_channels"] else None,
    )
    if network.encoder:
        network.encoder_charge = model.encoder.charge(model.encoder.integers().theta2)
    if not network.config.head_fires:  # the model, too, drops these bits from now on
        model.head.shift = network.head_shift = head_shift(network, network.head_bias)
        network.head_bias = _array("head.bias", model.head.integers()[0].bias)
    return network


def check_ranges(network: QuantNetwork, widths: Widths = PRESETS) -> None:
    """UserError unless hardware of these widths holds the worst case over all inputs."""
    refuse(list(excesses(network, widths)))


def excesses(network: QuantNetwork, widths: Widths) -> Iterator[Excess]:
    """What exceeds the widths in the worst case over all inputs: currents, parameters, stream."""
    low = high = np.zeros(network.config.dim, np.int64)
    shares: dict[str, int] = {}
    fewer = "use fewer fraction bits in the residual stream"
    for name, layer in layers(network):
        least, most = bounds(layer, input_max(network, name))
        reach = int(max(-least.min(), most.max())) + (network.encoder_charge * (name == "encoder"))
        yield from wide(name, "largest current", reach, "acc_width", widths.acc_width, 2)
        largest = np.abs(layer.bias).max()
        if isinstance(layer, SpikeLayer):
            largest = max(largest, np.abs(layer.theta2).max())
        yield from wide(name, "largest parameter", largest, "acc_width", widths.acc_width)
        if isinstance(layer, ResidualLayer):
            if layer.shift > SHIFT_LIMIT:
                yield Excess(name, "shift", layer.shift, SHIFT_LIMIT, advice=fewer)
            low, high = low + (least << layer.shift), high + (most << layer.shift)
            reach = max(-low.min(), high.max())
            shares[name] = int(np.abs([least << layer.shift, most << layer.shift]).max())
            what = largest_residual(name, shares)
            yield from wide(name, what, reach, "stream_width", widths.stream_width)
    if network.head_shift > SHIFT_LIMIT:
        what = "bits that the sum loses, so that logits have 32,"
        yield Excess("head", what, network.head_shift, SHIFT_LIMIT, advice=fewer)


def _layer(name: str, folded: FoldedLayer) -> SpikeLayer | ResidualLayer:
    integers = folded.integers()
    weight = _array(f"{name}.weight", integers.weight)
    bias = _array(f"{name}.bias", integers.bias)
    if isinstance(folded, ResidualFolded):
        return ResidualLayer(weight, bias, int(folded.shift))
    return SpikeLayer(weight, bias, _array(f"{name}.theta2", integers.theta2))


def _array(name: str, tensor: torch.Tensor) -> np.ndarray:
    kind = np.int8 if name.endswith("weight") else np.int64  # whatever hardware holds of biases
    return narrow(tensor.detach().round().cpu().numpy(), kind, name)
