# SPDX-License-Identifier: Apache-2.0
"""The least and largest values that a network can reach, over all inputs."""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np

from golden.contract.network import Block, QuantNetwork, ResidualLayer, SpikeLayer

LOGIT_BITS = 32  # signed


def layers(network: QuantNetwork) -> Iterator[tuple[str, SpikeLayer | ResidualLayer]]:
    """(name, layer) in order of execution, without the head."""
    yield from network.stages
    for index, block in enumerate(network.blocks):
        for part in fields(Block):
            yield f"blocks.{index}.{part.name}", getattr(block, part.name)


def input_max(network: QuantNetwork, layer: str) -> np.ndarray | int:
    """The largest input of a layer: of all its channels, or one by one (I,)."""
    config = network.config
    if layer != network.stages[0][0]:
        return 1
    constant = [] if config.constant_bit is None else [1 << config.constant_bit]
    return np.array([config.input_max] * config.in_channels + constant)


def bounds(
    layer: SpikeLayer | ResidualLayer, most: np.ndarray | int
) -> tuple[np.ndarray, np.ndarray]:
    """(least, most) current of every output channel over all inputs 0..most, bias included."""
    weight = layer.weight.astype(np.int64).reshape(*layer.weight.shape[:2], -1)
    negative, positive = np.minimum(weight, 0).sum(2), np.maximum(weight, 0).sum(2)
    return (negative * most).sum(1) + layer.bias, (positive * most).sum(1) + layer.bias


def stream(network: QuantNetwork) -> tuple[np.ndarray, np.ndarray]:
    """(least, most) value of the residual stream in front of the head, per channel."""
    low = high = np.zeros(network.config.dim, np.int64)
    for _, layer in layers(network):
        if isinstance(layer, ResidualLayer):
            least, most = bounds(layer, 1)
            low, high = low + (least << layer.shift), high + (most << layer.shift)
    return low, high


def logits(weight: np.ndarray, bias: np.ndarray, low: np.ndarray, high: np.ndarray) -> int:
    """The largest magnitude of ``weight`` (classes, D) times a vector in [low, high], plus bias."""
    weight = weight.astype(np.int64)
    ends = np.stack([weight * low, weight * high])
    return int(max((ends.max(0).sum(1) + bias).max(), -(ends.min(0).sum(1) + bias).min()))


def head_shift(network: QuantNetwork, bias: np.ndarray | None = None) -> int:
    """The least shift of the summed stream with which no logit leaves its 32 bits.

    ``bias``: on the grid of the sum without a shift, by default none.
    """
    config, shift = network.config, 0
    positions = config.tokens * config.timesteps
    low, high = (positions * end for end in stream(network))
    bias = np.zeros(config.classes) if bias is None else bias
    while logits(network.head_weight, bias / 2**shift, low >> shift, high >> shift) > (
        1 << LOGIT_BITS - 1
    ) - (1 << 16):
        shift += 1
    return shift
