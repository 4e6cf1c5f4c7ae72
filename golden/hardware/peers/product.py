# SPDX-License-Identifier: Apache-2.0
"""The workload of every model: spike matrix times weight matrix, and how a network becomes some."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from golden.contract.errors import UserError
from golden.contract.model import Trace, forward, frames, patches, rows_of
from golden.contract.network import QuantNetwork


@dataclass(frozen=True)
class Product:
    """One spike matrix times one weight matrix.

    ``taps`` is the number of kernel positions among the inputs (9 for a 3x3 convolution).
    ``bit_planes`` marks the first convolution: its "timesteps" are the bits of the image.
    """

    name: str
    spikes: np.ndarray  # uint8 (T, M, K): timestep, row (output pixel or token), input (tap-major)
    weight: np.ndarray  # integers (K, N), zeros as our hardware has them; models of hardware that
    # cannot skip zeros use its shape only. int8 in layers, wider counts in attention
    taps: int = 1
    bit_planes: bool = False

    def __post_init__(self):
        if self.spikes.ndim != 3 or self.spikes.shape[-1] != self.weight.shape[0]:
            raise ValueError(f"{self.name}: spikes {self.spikes.shape} x {self.weight.shape}")

    @property
    def layer(self) -> str:
        """The name without head and timestep, the same for all products of an attention."""
        return re.sub(r"\.h\d+\.t\d+$", "", self.name)

    @property
    def attention(self) -> bool:
        """Whether this is one head and timestep of an attention."""
        return self.layer != self.name

    @property
    def steps(self) -> int:
        return self.spikes.shape[0]

    @property
    def rows(self) -> int:
        return self.spikes.shape[1]

    @property
    def inputs(self) -> int:
        return self.weight.shape[0]

    @property
    def outputs(self) -> int:
        return self.weight.shape[1]

    def channel_major(self) -> np.ndarray:
        """Spikes (T, M, K) with the taps of a channel side by side, as torch's unfold has."""
        shape = self.spikes.shape
        by_tap = self.spikes.reshape(*shape[:2], self.taps, -1)
        return by_tap.swapaxes(2, 3).reshape(shape)


def useful_adds(product: Product) -> int:
    """Pairs of an active input bit and a non-zero weight: the adds that no machine can leave out
    without reusing sums."""
    active = product.spikes.sum((0, 1), dtype=np.int64)
    return int(active @ np.count_nonzero(product.weight, axis=1))


def of_convolution(name: str, spikes: np.ndarray, weight: np.ndarray) -> Product:
    """Product of spikes (T, C, H, W) with weight (O, C, 3, 3), stride 1, padding 1, or (O, C), 1x1.

    Raises UserError for another kernel or another number of channels.
    """
    steps, channels, height, width = spikes.shape
    if weight.shape[1] != channels or weight.shape[2:] not in ((), (3, 3)):
        raise UserError(
            f"{name}: weights {weight.shape} do not fit spikes {spikes.shape}; they must be "
            f"(O, {channels}, 3, 3) or (O, {channels})"
        )
    tokens = spikes.transpose(0, 2, 3, 1).reshape(steps, height * width, channels)
    return _layer(name, tokens, weight, (height, width))


def of_network(network: QuantNetwork, image: np.ndarray) -> list[Product]:
    """All products of one inference of ``image`` uint8 (C, H, W), or of frames (T, C, H, W), in
    order.

    Spikes are those of the integer model. Attention is one product per head and timestep, in the
    cheaper of the two orders (see ``_attention``). The layer that sees the image is one product
    over its bit-planes, the head one over all timesteps and tokens.
    """
    trace, config = forward(network, image[None]), network.config
    values = frames(config, image[None])
    bits = max(config.input_bits, (config.constant_bit or 0) + 1)
    planes = np.concatenate([values >> bit & 1 for bit in range(bits)], axis=1)
    if not config.head_fires:
        raise UserError(
            f"head '{config.head}': its input is no spikes, so that it is no product of spikes and "
            "weights; compare a network with head 'sn_fc_avgpool'"
        )
    size = config.height, config.width
    (stream, first), *stages = network.stages
    products = [_layer(stream, planes[0], first.weight, size, config.input_bits > 1)]
    for name, layer in stages:
        i = int(name[-1])
        spikes = trace.pooled[stream] if i in config.pooled_stages else trace.spike[stream]
        products.append(_layer(name, spikes[0], layer.weight, config.size_into(i)))
        stream = name
    for i, block in enumerate(network.blocks):
        name = f"blocks.{i}"
        for part in "qkv":
            products.append(
                _layer(f"{name}.{part}", trace.spike[stream][0], getattr(block, part).weight)
            )
        products += _attention(name, trace, config.heads)
        for part, source in (("proj", "attention"), ("mlp1", "proj"), ("mlp2", "mlp1")):
            spikes = trace.spike[f"{name}.{source}"][0]
            products.append(_layer(f"{name}.{part}", spikes, getattr(block, part).weight))
        stream = f"{name}.mlp2"
    return [*products, _layer("head", trace.spike[stream][0], network.head_weight)]


def _layer(name, spikes, weight, size=None, bit_planes=False) -> Product:
    """Product of spikes (T, M, C) with weight (O, C) or (O, C, 3, 3) on an image of ``size``."""
    taps = 1
    if weight.ndim == 4:
        spikes, taps = patches(spikes[None], *size)[0], 9
    return Product(name, spikes, rows_of(weight), taps, bit_planes)


def _attention(block: str, trace: Trace, heads: int) -> list[Product]:
    """K^T V and Q (K^T V), or K Q^T and V^T (K Q^T) where there are fewer tokens than channels."""

    def split(part):  # (T, heads, tokens, d)
        spikes = trace.spike[f"{block}.{part}"][0]
        return spikes.reshape(*spikes.shape[:2], heads, -1).swapaxes(1, 2)

    q, k, v = split("q"), split("k"), split("v")
    tokens, width = q.shape[2:]
    if tokens >= width:
        left, first, second = k.swapaxes(2, 3), v, q
    else:
        left, first, second = k, q.swapaxes(2, 3), v.swapaxes(2, 3)
    counts = (left.astype(np.float32) @ first.astype(np.float32)).astype(np.int32)
    names = ("key_value", "query") if tokens >= width else ("key_query", "value")
    return [
        Product(f"{block}.attention.{names[i]}.h{h}.t{t}", spikes[t, h][None], weight[t, h])
        for i, (spikes, weight) in enumerate(((left, first), (second, counts)))
        for t in range(len(q))
        for h in range(heads)
    ]
