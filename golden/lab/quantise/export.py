# SPDX-License-Identifier: Apache-2.0
"""A converted Spikingformer -> golden.contract.network.QuantNetwork, with the ranges checked."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from golden.contract.errors import UserError
from golden.contract.network import Block, NetworkConfig, QuantNetwork, ResidualLayer, SpikeLayer
from golden.contract.ranges import bounds, head_shift, input_max, layers
from golden.lab.networks.backbones.spikingformer import Spikingformer
from golden.lab.quantise.fold import FoldedLayer, ResidualFolded

CURRENT_LIMIT, PARAMETER_LIMIT, STREAM_LIMIT = 1 << 18, 1 << 19, 1 << 15
SHIFT_LIMIT = 7  # of the sum of the stream


@torch.no_grad()
def export(model: Spikingformer, frac_bits: int, provenance: dict[str, Any]) -> QuantNetwork:
    """Integers of a model that `convert` made; UserError if they leave the hardware's ranges."""
    known = {entry.name for entry in dataclasses.fields(NetworkConfig)}
    sizes = {
        name: value for name, value in dataclasses.asdict(model.config).items() if name in known
    }
    if model.config.encoder != "learned":
        sizes["encoder_channels"] = 0
    stages = [_layer(stage) for stage in model.tokenizer.stages]
    blocks = [
        Block(
            q=_layer(block.attention.q),
            k=_layer(block.attention.k),
            v=_layer(block.attention.v),
            proj=_layer(block.attention.proj),
            mlp1=_layer(block.mlp.mlp1),
            mlp2=_layer(block.mlp.mlp2),
        )
        for block in model.blocks
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
        _array(head.weight, np.int8),
        _array(head.bias, np.int64),
        provenance,
        _layer(model.encoder) if sizes["encoder_channels"] else None,
    )
    if network.encoder:
        network.encoder_charge = model.encoder.charge(model.encoder.integers().theta2)
    if not network.config.head_fires:  # the model, too, drops these bits from now on
        model.head.shift = network.head_shift = head_shift(network, network.head_bias)
        network.head_bias = _array(model.head.integers()[0].bias, np.int64)
    check_ranges(network)
    return network


def check_ranges(network: QuantNetwork) -> None:
    """Worst case over all inputs: |X| < 2^18, parameters < 2^19, residual stream within 16 bits."""
    low = high = 0
    for name, layer in layers(network):
        least, most = bounds(layer, input_max(network, name))
        reach = int(max(-least.min(), most.max())) + (network.encoder_charge * (name == "encoder"))
        if reach >= CURRENT_LIMIT:
            raise UserError(
                f"layer {name}: a current may reach {reach}, the limit is {CURRENT_LIMIT}"
            )
        parameters = [np.abs(layer.bias).max()]
        if isinstance(layer, SpikeLayer):
            parameters.append(layer.theta2.max())
        else:
            low, high = low + (least << layer.shift), high + (most << layer.shift)
            reach = int(max(-low.min(), high.max() + 1))
            if reach > STREAM_LIMIT:
                raise UserError(f"layer {name}: the residual may reach {reach}, it has 16 bits")
        if max(parameters) >= PARAMETER_LIMIT:
            raise UserError(f"layer {name}: a parameter is {max(parameters)}, beyond 20 bits")
    if network.head_shift > SHIFT_LIMIT:
        raise UserError(
            f"head: logits of 32 bits need a sum without its lowest {network.head_shift} bits, the "
            f"limit is {SHIFT_LIMIT}; use fewer fraction bits"
        )


def _layer(folded: FoldedLayer) -> SpikeLayer | ResidualLayer:
    integers = folded.integers()
    weight, bias = _array(integers.weight, np.int8), _array(integers.bias, np.int64)
    if isinstance(folded, ResidualFolded):
        return ResidualLayer(weight, bias, int(folded.shift))
    return SpikeLayer(weight, bias, _array(integers.theta2, np.int64))


def _array(tensor: torch.Tensor, kind: type) -> np.ndarray:
    return tensor.detach().round().numpy().astype(kind)
