# SPDX-License-Identifier: Apache-2.0
"""From lowered layers to a program image and a weight image."""

import numpy as np

from golden.contract.limits import Excess, LimitError
from golden.contract.network import NetworkConfig, QuantNetwork
from golden.hardware.check import MAX_LAYERS
from golden.hardware.compile.assembler import Assembler
from golden.hardware.compile.compiled import Program
from golden.hardware.compile.lowering import Layer, Tensor, lower
from golden.hardware.compile.proofs import prove
from golden.hardware.compile.tiles import tiles
from golden.hardware.configuration import Hardware


def compile_network(network: QuantNetwork, hardware: Hardware, *, coded: bool = True) -> Program:
    """Compile ``network``; raises UserError that names the layer and the limit it exceeds.

    ``coded``: code the loads of weights and row tables wherever that can be done, else none.
    """
    network.tensors()  # refuses what no file would hold: a fraction, a weight beyond int8
    layers = lower(network, hardware)
    prove(layers, hardware, network.head_bias)
    return assemble(
        layers, hardware, [layers[0].source], network.config, network.head_bias, coded=coded
    )


def assemble(
    layers: list[Layer],
    hardware: Hardware,
    inputs: list[Tensor],
    config: NetworkConfig | None = None,
    head_bias: np.ndarray | None = None,
    *,
    coded: bool = True,
) -> Program:
    """The program of lowered and proven ``layers``; ``coded`` as in :func:`compile_network`.

    ``inputs`` are loaded from memory, the other tensors are what layers write. A list that ends
    with a head needs the ``config`` and ``head_bias`` of its network and stores the logits.
    """
    tiled = [tile for layer in layers for tile in tiles(layer, hardware)]
    if len(tiled) > MAX_LAYERS:
        field = "bank_depth"
        if any(layer.words > hardware.acc_depth for layer in layers):
            field = "acc_depth"
        now = getattr(hardware, field)
        raise LimitError(
            f"the network has {len(tiled)} hardware layers, the limit is {MAX_LAYERS}; "
            f"use fewer blocks, or {field} beyond {now}, so that layers have fewer tiles",
            [Excess("network", "hardware layers", len(tiled), MAX_LAYERS, field, now, now + 1)],
        )
    return Assembler(hardware, tiled, inputs, config, head_bias, coded).program()
