# SPDX-License-Identifier: Apache-2.0
"""The paper's energy of a quantised network, from the spikes of the golden integer model."""

from __future__ import annotations

import numpy as np

from golden.contract.energy.paper_row import Row
from golden.contract.energy.synaptic import synaptic_layers
from golden.contract.errors import UserError
from golden.contract.model import forward
from golden.contract.network import QuantNetwork

BATCH = 50


def measure(network: QuantNetwork, images: np.ndarray) -> list[Row]:
    """Every layer of `network`, averaged over uint8 `images` (n, C, H, W) or frames (n, T, C, H,
    W). The layers are those of golden.contract.energy.synaptic; biases are not counted."""
    if not len(images):
        raise UserError("the energy of a network needs at least one image")
    each = []
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        trace = forward(network, part)
        each += [synaptic_layers(network, part, trace, image) for image in range(len(part))]
    density = _density(network)
    rows = []
    for layers in zip(*each, strict=True):
        first = layers[0]
        spikes = first.rate is not None
        rate = float(np.mean([layer.rate for layer in layers])) if spikes else 0.0
        rows.append(
            Row(
                first.name,
                float(first.products),
                0.0,
                "spikes" if spikes else "integers",
                rate,
                density.get(first.name, 1.0),
            )
        )
    return rows


def _density(network: QuantNetwork) -> dict[str, float]:
    """Share of the weights that are not 0, by layer."""
    weights = {name: layer.weight for name, layer in network.stages}
    for i, block in enumerate(network.blocks):
        parts = ("q", "k", "v", "proj", "mlp1", "mlp2")
        weights |= {f"blocks.{i}.{part}": getattr(block, part).weight for part in parts}
    weights["head"] = network.head_weight
    return {name: float((weight != 0).mean()) for name, weight in weights.items()}
